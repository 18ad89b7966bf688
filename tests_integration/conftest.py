"""A real kernel gateway, one for each worker of the test run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fixtures import executor, executors, kernel

from jkg_client import JupyterConnectable, LocalJupyterServer
from jkg_client.client.patience import Patience

__all__ = ["executor", "executors", "kernel"]


@pytest.fixture(scope="session")
def server() -> Iterator[JupyterConnectable]:
    with LocalJupyterServer() as running:
        yield running


@pytest.fixture
def patience() -> Patience:
    return Patience(grace=2.0)
