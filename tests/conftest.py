"""The fake gateway, where tests_integration/ has a real one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fixtures import executor, executors, kernel, pytest_itemcollected

from jkg_client.client.timeouts import Timeouts
from jkg_client.testing import FakeGateway

__all__ = ["executor", "executors", "kernel", "pytest_itemcollected"]


def pytest_configure() -> None:
    # They are no test modules by their names; what they assert shall be explained all the same.
    pytest.register_assert_rewrite(
        "behaviours", "async_behaviours", "faults_on_the_line", "ownership", "two_programs"
    )


@pytest.fixture
def server() -> Iterator[FakeGateway]:
    with FakeGateway() as running:
        yield running


@pytest.fixture
def timeouts() -> Timeouts:
    # The fake gateway answers at once.
    return Timeouts(first_heartbeat=0.3, grace=1.0)
