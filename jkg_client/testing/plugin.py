"""Fixtures for pytest: ``fake_gateway`` and ``fake_kernel``."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..client.kernel import JupyterKernelClient
    from .gateway import FakeGateway

FAILED = pytest.StashKey[bool]()

MARKER = (
    "fake_gateway(**options): options of the fixture fake_gateway,"
    " as in jkg_client.testing.FakeGateway(**options)"
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the journal of the gateway if the test has failed."""
    report = yield
    found = getattr(item, "funcargs", {})
    gateways = [found[name] for name in ("fake_gateway", "session_fake_gateway") if name in found]
    for gateway in gateways if call.when == "call" and not report.passed else ():
        item.stash[FAILED] = True
        complaints = gateway.complaints()
        if complaints:
            report.sections.append(("Differences from the script", "\n".join(complaints)))
        report.sections.append(("Received by the fake gateway", gateway.journal.tail()))
    return report


@pytest.fixture
def fake_gateway(request: pytest.FixtureRequest) -> Iterator[FakeGateway]:
    """A running ``FakeGateway``. The test fails if something did not happen as scripted."""
    from . import FakeGateway  # noqa: PLC0415 - not at every start of pytest

    options: dict[str, Any] = {}
    for marker in request.node.iter_markers("fake_gateway"):
        if marker.args:
            pytest.fail("options of the marker fake_gateway need their names", pytrace=False)
        options = {**marker.kwargs, **options}
    gateway = FakeGateway(**options)
    try:
        yield gateway
    finally:
        gateway.stop()
    if not request.node.stash.get(FAILED, False):
        _fail_if_unmet(gateway)


@pytest.fixture(scope="session")
def session_fake_gateway(request: pytest.FixtureRequest) -> Iterator[FakeGateway]:
    """A ``FakeGateway`` for all tests of the run. Call ``reset`` after each test."""
    from . import FakeGateway  # noqa: PLC0415 - as above

    gateway = FakeGateway()
    yield gateway
    gateway.stop()
    if not request.session.testsfailed:
        _fail_if_unmet(gateway)


@pytest.fixture
def fake_kernel(fake_gateway: FakeGateway) -> Iterator[JupyterKernelClient]:
    """A client of a new kernel on ``fake_gateway``, ready to run cells."""
    from ..gateway.rest import JupyterClient  # noqa: PLC0415 - not at every start of pytest

    with JupyterClient(fake_gateway.connection_info) as client:
        kernel = client.get_kernel_client(client.start_kernel(fake_gateway.kernel_names[0]))
        try:
            assert kernel.wait_for_ready(10), "the fake kernel does not answer"
            yield kernel
        finally:
            kernel.stop()


def _fail_if_unmet(gateway: FakeGateway) -> None:
    """Fail if something did not happen as scripted."""
    try:
        gateway.check()
    except AssertionError as exc:
        # A traceback with frames of the plugin would not help.
        pytest.fail(str(exc), pytrace=False)
