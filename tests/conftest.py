"""Starts the fake gateway for the tests. tests_integration/ has real servers."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from fixtures import commands, executor, executors, kernel, programs, pytest_itemcollected
from hypothesis import Phase, settings
from surroundings import in_the_foreground, leave_out_grammars, shut_out

from jkg_client.client.timeouts import Timeouts
from jkg_client.testing import FakeGateway

__all__ = ["commands", "executor", "executors", "kernel", "programs", "pytest_itemcollected"]


# Failed examples are printed. They are not saved, because the checkout may be read-only.
settings.register_profile("tests", database=None)
# For mutation testing: each mutation runs hundreds of tests, and nobody reads the failures.
settings.register_profile(
    "mutation",
    database=None,
    deadline=None,
    max_examples=15,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("tests")


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    # The collection makes millions of objects and drops few of them: to search them for garbage
    # takes a third of its time, in each worker.
    gc.disable()
    yield
    # Modules and tests stay to the end. No later search has to pass them.
    gc.freeze()
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "dist", "") == "load":
        # A worker of pytest-xdist that has no tests left takes tests from the others.
        config.option.dist = "worksteal"
    shut_out()
    leave_out_grammars()
    # They are no test modules by their names; what they assert shall be explained all the same.
    pytest.register_assert_rewrite(
        "behaviours",
        "async_behaviours",
        "faults_on_the_line",
        "notebook_behaviours",
        "ownership",
        "two_programs",
    )


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, even if the tests run in the background."""
    with in_the_foreground(("SIGINT",)):
        yield


@pytest.fixture
def server() -> Iterator[FakeGateway]:
    with FakeGateway() as running:
        yield running


@pytest.fixture
def timeouts(request: pytest.FixtureRequest) -> Timeouts:
    # The fake gateway answers at once. To show a traceback after an interrupt takes IPython more
    # than a second on a busy machine.
    is_short = request.node.get_closest_marker("short_grace") is not None
    return Timeouts(first_heartbeat=0.15, grace=0.3 if is_short else 4.0)


@pytest.fixture
def limit() -> float:
    """A time limit that code exceeds after it has printed something, in seconds."""
    return 0.3
