"""Faults of the connection between client and server, as tests that any server must pass.

These tests are collected twice, in the same way as ``behaviours``: in tests/ for the fake gateway,
in tests_integration/ for real servers. Both are behind the same proxy. Output may be lost in a
fault, but the result must say so. If nothing was lost, the result must not say that. A cell may
fail, but must not run twice. The next block must run correctly.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Callable

import pytest
from attrs import evolve, field, frozen
from proxy import Proxy, Way

from jkg_client import (
    ExecutionResult,
    GatewayTimeout,
    GatewayUnreachable,
    InputRequest,
    JupyterClient,
    JupyterConnectable,
    JupyterKernelClient,
    KernelNotFound,
    Output,
    Stream,
)
from jkg_client.client.timeouts import Timeouts
from jkg_client.testing import FakeGateway

LINES = 30
COUNT = f"""
import time
runs.append(1)
for i in range({LINES}):
    print(i, flush=True)
    time.sleep(pause)
"""
SLACK = 10.0
"""Seconds that a busy machine may add."""

Record = Callable[[str, object], None]
Connect = Callable[[Timeouts], JupyterKernelClient]


@frozen
class Later:
    """Calls a function after a number of seconds, which is multiplied by ``unit``."""

    unit: float
    timers: list[threading.Timer] = field(factory=list, init=False)

    def __call__(self, seconds: float, action: Callable[[], None]) -> None:
        self.timers.append(threading.Timer(seconds * self.unit, action))
        self.timers[-1].start()


Fault = Callable[[Proxy, Later], None]


@pytest.fixture
def unit() -> float:
    """The factor for all times below, of the client and of the faults."""
    return 1.0


@pytest.fixture
def timeouts(unit: float) -> Timeouts:
    return Timeouts(
        first_heartbeat=0.5 * unit,
        heartbeat=3.0 * unit,
        pong=2.0 * unit,
        handshake=7.0 * unit,
        reconnect=16.0 * unit,
        grace=2.0 * unit,
        ready=30.0,
        sending=8.0,
    )


@pytest.fixture
def languid(unit: float) -> Timeouts:
    """Timeouts with a heartbeat that is longer than one wait for an answer, as in the defaults."""
    return Timeouts(
        first_heartbeat=2.0 * unit,
        heartbeat=10.0 * unit,
        pong=3.0 * unit,
        handshake=10.0 * unit,
    )


@pytest.fixture
def proxy(server: JupyterConnectable) -> Iterator[Proxy]:
    with Proxy(server.connection_info) as proxy:
        yield proxy


@pytest.fixture
def later(unit: float) -> Iterator[Later]:
    later = Later(unit)
    yield later
    for timer in later.timers:
        timer.join()


@pytest.fixture
def connect(server: JupyterConnectable, proxy: Proxy, unit: float) -> Iterator[Connect]:
    """Connects to a new kernel through the proxy. The kernel is deleted after the test."""
    with contextlib.ExitStack() as stack:

        def connect(timeouts: Timeouts) -> JupyterKernelClient:
            direct = stack.enter_context(JupyterClient(server.connection_info))
            client = stack.enter_context(JupyterClient(proxy.connection_info))
            kernel_id = direct.start_kernel("python3")
            stack.callback(_delete, direct, kernel_id)
            kernel = stack.enter_context(JupyterKernelClient(client, kernel_id, timeouts=timeouts))
            assert kernel.wait_for_ready(60)
            assert kernel.execute(f"runs, pause = [], {0.05 * unit}", 30).is_ok
            return kernel

        yield connect


@pytest.fixture
def kernel(connect: Connect, timeouts: Timeouts) -> JupyterKernelClient:
    return connect(timeouts)


def _delete(client: JupyterClient, kernel_id: str) -> None:
    with contextlib.suppress(KernelNotFound):
        client.delete_kernel(kernel_id)


@frozen
class Seen:
    """The output of a ``COUNT`` with a fault.

    Attributes:
        lines: The printed numbers in the order in which they arrived.
        is_told: Whether the result says that output is or may be missing.
        seconds: Duration of the cell.
    """

    result: ExecutionResult
    lines: list[int]
    is_told: bool
    seconds: float

    @property
    def is_whole(self) -> bool:
        return self.lines == list(range(LINES))

    def record(self, record: Record) -> None:
        """Put the figures into the report of the test run, for docs/faults.md."""
        record("lines", len(self.lines))
        record("outcome", "told" if self.is_told else "whole" if self.is_whole else "short")
        record("missing", str(self.result.truncated or ""))
        record("seconds", round(self.seconds, 1))

    @property
    def is_honest(self) -> bool:
        """Whether each line came at most once and in order, and the result reports missing lines.

        If all lines came, the result must not report a loss, unless message ids prove that another
        message is missing: the frame that was cut may have contained a message other than a line.
        """
        in_order = all(a < b for a, b in zip(self.lines, self.lines[1:]))
        if not self.is_whole:
            return in_order and self.is_told
        truncated = self.result.truncated
        return in_order and (truncated is None or truncated.messages > 0)


def see(
    kernel: JupyterKernelClient,
    fault: Callable[[], None],
    *,
    at: tuple[int, ...] = (0,),
    timeout: float = 60,
) -> Seen:
    """Run ``COUNT``, and cause the faults when these outputs arrive."""
    count = iter(range(LINES + 1))
    started = time.monotonic()

    def hit(_: Output) -> None:
        if next(count) in at:
            fault()

    result = kernel.execute(COUNT, timeout, on_output=hit)
    said = [o.text for o in result.outputs if isinstance(o, Stream)]
    return Seen(
        result,
        [int(line) for line in "".join(said).split()],
        result.truncated is not None,
        time.monotonic() - started,
    )


def runs(kernel: JupyterKernelClient) -> int:
    """How often ``COUNT`` has run. Checks that the next block has a complete result."""
    result = kernel.execute("print(len(runs))", 30)
    assert (result.status, result.truncated, result.kernel_restarted) == ("ok", None, False)
    return int(result.output)


def _refuse(proxy: Proxy, later: Later) -> None:
    proxy.refuse()
    proxy.cut()
    later(2.0, proxy.accept)


def _answer_nothing(proxy: Proxy, later: Later) -> None:
    proxy.swallow(new=True)
    later(3.0, proxy.accept)


def _stall(proxy: Proxy, later: Later) -> None:
    proxy.stall()
    later(1.0, proxy.resume)


def _stall_for_long(proxy: Proxy, later: Later) -> None:
    proxy.stall()
    later(6.0, proxy.resume)


FAULTS: dict[str, Fault] = {
    "cut": lambda proxy, _: proxy.cut(),
    "reset": lambda proxy, _: proxy.cut("rst"),
    # This is after the answer about the kernel and the first two messages of a cell.
    "cut in mid-frame": lambda proxy, _: proxy.cut_after(3000),
    "reset in mid-frame": lambda proxy, _: proxy.cut_after(3000, "rst"),
    "half-open": lambda proxy, _: proxy.swallow(),
    "refused for a while": _refuse,
    "unanswered for a while": _answer_nothing,
    "stalled": _stall,
    "stalled for long": _stall_for_long,
    "slow": lambda proxy, later: proxy.delay(min(0.1, 0.5 * later.unit)),
}


# Servers handle broken connections differently, and keep different messages for the next one.
TELLING = {"cut", "reset in mid-frame", "half-open", "refused for a while"}
# The client notices these faults before it sends the cell. The cell runs as without a fault.
NOTICED = {"cut", "reset", "half-open", "refused for a while"}
CASES = [
    pytest.param(name, marks=[] if name in TELLING else [pytest.mark.same_everywhere])
    for name in FAULTS
]


@pytest.mark.parametrize("name", CASES)
def test_output_lost_in_a_fault_during_a_cell_is_reported(
    kernel: JupyterKernelClient, proxy: Proxy, later: Later, record_property: Record, name: str
) -> None:
    seen = see(kernel, lambda: FAULTS[name](proxy, later))
    seen.record(record_property)
    assert seen.is_honest
    assert seen.result.status == "ok" or seen.is_told
    assert runs(kernel) == 1


@pytest.mark.parametrize("name", CASES)
def test_a_fault_between_cells_loses_nothing(
    connect: Connect,
    timeouts: Timeouts,
    proxy: Proxy,
    later: Later,
    record_property: Record,
    name: str,
) -> None:
    kernel = connect(evolve(timeouts, stale=0.0))
    FAULTS[name](proxy, later)
    seen = see(kernel, lambda: None)
    seen.record(record_property)
    assert seen.is_honest
    if name in NOTICED:
        assert (seen.result.status, seen.is_whole, seen.is_told) == ("ok", True, False)
    assert runs(kernel) == 1


def test_a_request_lost_on_a_half_open_connection_is_reported(
    kernel: JupyterKernelClient, proxy: Proxy, record_property: Record
) -> None:
    proxy.swallow()
    seen = see(kernel, lambda: None)
    seen.record(record_property)
    assert (seen.result.status, seen.lines, seen.is_told) == ("error", [], True)
    assert seen.result.failure is not None
    assert seen.result.failure.ename == "ConnectionLost"
    assert runs(kernel) == 0


@pytest.mark.pitfall(1)
@pytest.mark.parametrize("way", ["fin", "rst", "silent"])
def test_an_idle_connection_dropped_between_cells_loses_nothing(
    connect: Connect,
    timeouts: Timeouts,
    proxy: Proxy,
    unit: float,
    record_property: Record,
    way: Way,
) -> None:
    kernel = connect(evolve(timeouts, stale=0.5 * unit))
    proxy.drop_idle(unit, way)
    pause = threading.Event()
    pause.wait(2 * unit)
    proxy.drop_idle(3600)  # some servers delay a handshake for longer than that
    seen = see(kernel, lambda: None)
    seen.record(record_property)
    assert (seen.result.status, seen.is_whole, seen.is_told) == ("ok", True, False)
    assert runs(kernel) == 1


@pytest.mark.parametrize("way", ["fin", "rst"])
def test_losses_in_ten_cuts_during_one_cell_are_reported(
    kernel: JupyterKernelClient, proxy: Proxy, record_property: Record, way: Way
) -> None:
    seen = see(kernel, lambda: proxy.cut(way), at=tuple(range(1, LINES, 3)))
    seen.record(record_property)
    # On a busy machine, several outputs arrive before a new connection.
    assert proxy.connections > 2
    assert seen.is_honest
    assert runs(kernel) == 1


@pytest.mark.same_everywhere
@pytest.mark.parametrize("way", ["fin", "rst"])
def test_a_large_output_cut_within_a_frame_is_reported(
    kernel: JupyterKernelClient, proxy: Proxy, way: Way
) -> None:
    code = (
        "runs.append(1)\nprint('before', flush=True)\n"
        "display({'image/png': bytes(3_000_000), 'text/plain': 'big'}, raw=True)\nprint('after')"
    )
    proxy.cut_after(1_000_000, way)
    result = kernel.execute(code, 60)
    assert result.output.startswith("before\n")
    assert result.data_items or (result.truncated and result.truncated.connection_lost)
    assert runs(kernel) == 1


@pytest.mark.same_everywhere
@pytest.mark.pitfall(7)
def test_a_silent_cell_on_a_half_open_connection_ends(
    kernel: JupyterKernelClient, proxy: Proxy
) -> None:
    code = (
        "import time\nruns.append(1)\nprint('on', flush=True)\ntime.sleep(60 * pause)\nprint('off')"
    )

    def swallow(output: Output) -> None:
        if output == Stream("stdout", "on\n"):
            proxy.swallow()

    started = time.monotonic()
    result = kernel.execute(code, 60, on_output=swallow)
    assert result.truncated is not None
    assert result.truncated.connection_lost
    assert time.monotonic() - started < 3 + SLACK
    assert runs(kernel) == 1


@pytest.mark.same_everywhere
def test_a_time_limit_is_kept_on_a_half_open_connection(
    connect: Connect, timeouts: Timeouts, proxy: Proxy, unit: float
) -> None:
    kernel = connect(evolve(timeouts, grace=max(timeouts.grace, 1.2)))
    limit = 0.2 + 0.3 * unit  # it passes before the client notices the broken connection
    code = "runs.append(1)\nprint('on', flush=True)\nimport time; time.sleep(60)"
    started = time.monotonic()

    def swallow(output: Output) -> None:
        if isinstance(output, Stream):  # not if the output shows the interrupt
            proxy.swallow()

    result = kernel.execute(code, limit, on_output=swallow)
    assert result.status == "timeout"
    assert result.output.startswith("on\n")
    assert time.monotonic() - started < limit + SLACK
    assert runs(kernel) == 1


@pytest.mark.same_everywhere
@pytest.mark.parametrize("name", ["half-open", "cut", "unanswered for a while"])
def test_wait_for_ready_survives_a_fault(
    connect: Connect, languid: Timeouts, proxy: Proxy, later: Later, name: str
) -> None:
    kernel = connect(languid)
    FAULTS[name](proxy, later)
    assert kernel.wait_for_ready(30)
    assert runs(kernel) == 0


@pytest.mark.same_everywhere
def test_a_kernel_is_ready_although_each_answer_takes_longer_than_the_first_wait_for_it(
    connect: Connect, languid: Timeouts, proxy: Proxy, unit: float
) -> None:
    kernel = connect(languid)
    proxy.delay(0.55 * unit)
    assert kernel.wait_for_ready(20)


@pytest.mark.same_everywhere
def test_wait_for_ready_ends_in_time_without_an_answer(
    connect: Connect, languid: Timeouts, proxy: Proxy, unit: float
) -> None:
    kernel = connect(languid)
    proxy.swallow(new=True)
    limit, started = 6 * unit, time.monotonic()
    with contextlib.suppress(GatewayUnreachable):
        assert not kernel.wait_for_ready(limit)
    assert time.monotonic() - started < limit + SLACK
    proxy.accept()
    assert runs(kernel) == 0


@pytest.mark.same_everywhere
@pytest.mark.pitfall(7)
def test_connecting_to_a_silent_server_ends_in_time(
    kernel: JupyterKernelClient, proxy: Proxy, unit: float
) -> None:
    proxy.swallow(new=True)
    started = time.monotonic()
    with JupyterClient(proxy.connection_info) as client, pytest.raises(GatewayTimeout):
        JupyterKernelClient(client, kernel.kernel_id, connect_timeout=unit)
    assert time.monotonic() - started < unit + SLACK


@pytest.mark.same_everywhere
@pytest.mark.parametrize("answering", [False, True])
def test_a_connection_that_cannot_be_restored_is_an_error_with_the_output_so_far(
    connect: Connect, proxy: Proxy, timeouts: Timeouts, unit: float, answering: bool
) -> None:
    timeouts = evolve(timeouts, reconnect=4.0 * unit)
    kernel = connect(timeouts)

    def vanish() -> None:
        if answering:
            proxy.swallow(new=True)
        else:
            proxy.refuse()
            proxy.cut()

    started = time.monotonic()
    with pytest.raises(GatewayUnreachable, match="could not be restored") as caught:
        see(kernel, vanish)
    limit = timeouts.first_heartbeat + timeouts.heartbeat + timeouts.pong + timeouts.reconnect
    assert time.monotonic() - started < limit + SLACK
    assert caught.value.result.output.startswith("0\n")
    proxy.accept()
    assert runs(kernel) == 1


@pytest.mark.parametrize("way", ["fin", "rst", "silent"])
def test_after_a_disconnect_during_input_the_answer_arrives_or_its_loss_is_reported(
    server: JupyterConnectable, connect: Connect, timeouts: Timeouts, proxy: Proxy, way: Way
) -> None:
    kernel = connect(evolve(timeouts, stale=0.0))

    def answer(_: InputRequest) -> str:
        if way == "silent":
            proxy.swallow()
        else:
            proxy.cut(way)
        return "Ada"

    code = "runs.append(1)\nname = input()\nprint('hello', name)"
    result = kernel.execute(code, 20, on_input=answer)
    # Output before the new connection listens is lost, and the result reports the loss.
    is_told = result.truncated is not None
    assert result.output == "hello Ada\n" or is_told
    said = kernel.execute("print(len(runs), globals().get('name'))", 20).output
    # Some servers lose the answer if they have not closed the silent connection yet.
    is_lost = way == "silent" and not isinstance(server, FakeGateway) and said == "1 None\n"
    assert said == "1 Ada\n" or (is_lost and is_told and result.status == "timeout")


@pytest.mark.same_everywhere
def test_each_of_many_faults_is_repaired(kernel: JupyterKernelClient, proxy: Proxy) -> None:
    for count in range(1, 6):
        assert see(kernel, lambda: proxy.cut("rst"), at=(2, 5)).is_honest
        assert runs(kernel) == count
