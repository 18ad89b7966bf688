"""Faults of the gateway's process and of its kernels. Each test has its own gateway.

The client reports a fault within seconds after the server reports it. If the server reports
nothing, a probe with a time limit finds the fault. Then the client is usable again, or it raises a
typed error that says what to do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field

from jkg_client import (
    CodeBlock,
    CodeResult,
    GatewayUnreachable,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterKernelClient,
    KernelNotFound,
    LocalJupyterServer,
)
from jkg_client.client.deadline import Deadline
from jkg_client.client.timeouts import Timeouts

TIMEOUTS = Timeouts(
    first_heartbeat=0.5, heartbeat=2.0, pong=2.0, reconnect=8.0, grace=2.0, ready=30.0, sending=8.0
)
SLACK = 8.0
"""Seconds that a busy machine may need in addition."""
SILENT = "runs.append(1)\nprint('on', flush=True)\nimport time\ntime.sleep(4)\nprint('off')"
FOR_EVER = "runs.append(1)\nprint('on', flush=True)\nwhile True: pass"

Record = Callable[[str, object], None]
Later = Callable[[float, Callable[[], object]], None]
Executors = Callable[..., JupyterCodeExecutor]


@define
class Gateway:
    """A gateway that can be stopped, killed and replaced by one on the same port."""

    options: dict[str, Any]
    servers: list[LocalJupyterServer] = field(factory=list)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        return self.servers[-1]._child._process

    def start(self) -> LocalJupyterServer:
        if self.servers:
            info = self.servers[-1].connection_info
            self.options.update(port=info.port, token=info.token)
        self.servers.append(LocalJupyterServer(**self.options))
        return self.servers[-1]

    def hang(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def replace(self) -> None:
        self.kill()
        self.start()

    def close(self) -> None:
        for server in self.servers:
            server.stop(2.0)


@pytest.fixture
def options() -> dict[str, Any]:
    return {}


@pytest.fixture
def gateway(options: dict[str, Any]) -> Iterator[Gateway]:
    gateway = Gateway(options)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.close()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[JupyterClient]:
    with gateway.servers[0].get_client() as client:
        yield client


@pytest.fixture
def kernel(client: JupyterClient) -> Iterator[JupyterKernelClient]:
    kernel_id = client.start_kernel("python3")
    with JupyterKernelClient(client, kernel_id, timeouts=TIMEOUTS) as kernel:
        assert kernel.wait_for_ready(60)
        assert kernel.execute("runs = []", 30).is_ok
        yield kernel


@pytest.fixture
def executors(gateway: Gateway, tmp_path: Path) -> Iterator[Executors]:
    with ExitStack() as stack:

        def start(**more: Any) -> JupyterCodeExecutor:
            server = gateway.servers[0].connection_info
            executor = JupyterCodeExecutor(server, timeout=60, output_dir=tmp_path, **more)
            return stack.enter_context(executor)

        yield start


@pytest.fixture
def later() -> Iterator[Later]:
    timers: list[threading.Timer] = []

    def start(seconds: float, action: Callable[[], object]) -> None:
        timers.append(threading.Timer(seconds, action))
        timers[-1].start()

    yield start
    for timer in timers:
        timer.join()


@define
class Clock:
    """Measures how long it took until a fault was reported."""

    record: Record
    since: float = 0.0

    def start(self) -> None:
        self.since = time.monotonic()

    def told(self, limit: float, outcome: str = "told") -> None:
        seconds = time.monotonic() - self.since
        self.record("outcome", outcome)
        self.record("seconds", round(seconds, 1))
        assert seconds < limit + SLACK


@pytest.fixture
def clock(record_property: Record) -> Clock:
    return Clock(record_property)


def once(action: Callable[[], None]) -> Callable[[object], None]:
    """A callback that calls ``action`` at the first output only."""
    actions = [action]
    return lambda _: actions.pop()() if actions else None


def runs(kernel: JupyterKernelClient) -> int:
    """How often the code has run. The cell that prints it must succeed without notes."""
    result = kernel.execute("print(len(runs))", 30)
    assert (result.status, result.truncated, result.kernel_restarted) == ("ok", None, False)
    return int(result.output)


def run(executor: JupyterCodeExecutor, code: str) -> CodeResult:
    return executor.execute_code_blocks([CodeBlock(code, "python")])


CULLED_AFTER = 6
"""Seconds. A kernel whose start takes longer is culled before it is ready."""

GIVEN_UP = TIMEOUTS.first_heartbeat + 2 * TIMEOUTS.heartbeat + TIMEOUTS.pong + TIMEOUTS.reconnect
"""Seconds until the client gives up a silent gateway."""


@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_a_short_hang_of_the_gateway_between_cells_loses_nothing(
    gateway: Gateway, kernel: JupyterKernelClient, later: Later, clock: Clock, seconds: float
) -> None:
    gateway.hang()
    clock.start()
    later(seconds, gateway.go_on)
    result = kernel.execute("runs.append(1)\nprint('here')", 30)
    clock.told(GIVEN_UP, "told" if result.truncated else "whole")
    assert result.output == "here\n" or result.truncated is not None
    assert runs(kernel) == 1


@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_losses_in_a_short_hang_during_a_cell_are_reported(
    gateway: Gateway, kernel: JupyterKernelClient, later: Later, clock: Clock, seconds: float
) -> None:
    def hang() -> None:
        gateway.hang()
        clock.start()
        later(seconds, gateway.go_on)

    result = kernel.execute(SILENT, 30, on_output=once(hang))
    clock.told(GIVEN_UP, "told" if result.truncated else "whole")
    assert (result.status, result.output) == ("ok", "on\noff\n") or result.truncated is not None
    assert runs(kernel) == 1


@pytest.mark.pitfall(7)
def test_a_gateway_that_hangs_is_a_typed_error_until_it_continues(
    gateway: Gateway, kernel: JupyterKernelClient, clock: Clock
) -> None:
    gateway.hang()
    clock.start()
    with pytest.raises(GatewayUnreachable, match="could not be restored"):
        kernel.execute("runs.append(1)", 60)
    clock.told(GIVEN_UP)
    gateway.go_on()
    assert runs(kernel) in {0, 1}


def test_the_error_of_a_hang_during_a_cell_has_the_output_so_far(
    gateway: Gateway, kernel: JupyterKernelClient, clock: Clock
) -> None:
    def hang() -> None:
        gateway.hang()
        clock.start()

    with pytest.raises(GatewayUnreachable, match="could not be restored") as caught:
        kernel.execute(FOR_EVER, 60, on_output=once(hang))
    clock.told(GIVEN_UP)
    assert caught.value.result.output.startswith("on\n")
    gateway.go_on()
    assert runs(kernel) == 1


def test_a_gateway_that_was_killed_is_a_typed_error(
    gateway: Gateway, kernel: JupyterKernelClient, clock: Clock
) -> None:
    gateway.kill()
    clock.start()
    with pytest.raises(GatewayUnreachable, match="could not be restored"):
        kernel.execute("1", 60)
    clock.told(GIVEN_UP)


def test_the_error_of_a_gateway_killed_during_a_cell_has_the_output_so_far(
    gateway: Gateway, kernel: JupyterKernelClient, clock: Clock
) -> None:
    def kill() -> None:
        gateway.kill()
        clock.start()

    with pytest.raises(GatewayUnreachable, match="could not be restored") as caught:
        kernel.execute(FOR_EVER, 60, on_output=once(kill))
    clock.told(GIVEN_UP)
    assert caught.value.result.output == "on\n"


def test_after_a_gateway_restart_the_next_block_gets_a_new_kernel(
    gateway: Gateway, executors: Executors, clock: Clock
) -> None:
    executor = executors()
    run(executor, "x = 1")
    gateway.replace()
    clock.start()
    result = run(executor, "print('x' in globals())")
    clock.told(5)
    assert (result.exit_code, result.kernel_restarted) == (0, True)
    assert result.output.startswith("False\n")
    assert "variables are gone" in result.output
    assert not run(executor, "1").kernel_restarted


def test_a_gateway_restart_during_a_block_is_a_death(
    gateway: Gateway, executors: Executors, later: Later, clock: Clock
) -> None:
    def kill() -> None:
        gateway.kill()
        clock.start()
        later(0.0, gateway.start)

    executor = executors(on_output=once(kill))
    result = run(executor, "print('on', flush=True)\nwhile True: pass")
    clock.told(15)
    assert (result.exit_code, result.kernel_restarted) == (137, True)
    assert result.output.startswith("on\n")
    assert run(executor, "print('x' in globals())").output.startswith("False\n")


def test_after_a_gateway_restart_the_error_for_an_attached_kernel_says_what_to_do(
    gateway: Gateway, client: JupyterClient, executors: Executors, clock: Clock
) -> None:
    executor = executors(kernel_id=client.start_kernel("python3"))
    run(executor, "x = 1")
    gateway.replace()
    clock.start()
    with pytest.raises(KernelNotFound, match="start another"):
        run(executor, "x")
    clock.told(5)


def test_a_kernel_at_its_memory_limit_raises_an_error_and_keeps_its_state(
    kernel: JupyterKernelClient, clock: Clock
) -> None:
    code = (
        "import resource\nruns.append(1)\nused = int(open('/proc/self/statm').read().split()[0])\n"
        "limit = used * resource.getpagesize() + 200 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\nx = bytearray(2**30)"
    )
    clock.start()
    result = kernel.execute(code, 60)
    clock.told(5)
    assert result.status == "error"
    assert result.failure is not None
    assert result.failure.ename == "MemoryError"
    assert runs(kernel) == 1


@pytest.mark.pitfall(4)
@pytest.mark.parametrize("busy", [True, False])
def test_a_kernel_killed_by_the_system_is_reported(
    kernel: JupyterKernelClient, clock: Clock, busy: bool
) -> None:
    pid = int(kernel.execute("import os\nprint(os.getpid())", 30).output)

    def kill() -> None:
        os.kill(pid, signal.SIGKILL)
        clock.start()

    if busy:
        result = kernel.execute(FOR_EVER, 60, on_output=once(kill))
        assert (result.status, result.output) == ("died", "on\n")
    else:
        kill()
        result = kernel.execute("print('runs' in globals())", 60)
        assert (result.status, result.output) in {("died", ""), ("ok", "False\n")}
    clock.told(5)
    assert result.kernel_restarted
    assert kernel.execute("print('fine')", 30).output == "fine\n"


@pytest.mark.pitfall(5)
@pytest.mark.parametrize("busy", [True, False])
def test_a_kernel_deleted_by_another_program_is_reported(
    kernel: JupyterKernelClient, client: JupyterClient, clock: Clock, busy: bool
) -> None:
    def delete() -> None:
        client.delete_kernel(kernel.kernel_id)
        clock.start()

    if busy:
        result = kernel.execute(FOR_EVER, 60, on_output=once(delete))
        assert (result.status, result.output.splitlines()[0]) == ("died", "on")
    else:
        delete()
        assert kernel.execute("1", 60).status == "died"
    clock.told(TIMEOUTS.first_heartbeat)
    with pytest.raises(KernelNotFound, match="start another"):
        kernel.execute("1", 60)


@pytest.mark.parametrize("busy", [True, False])
def test_a_deletion_is_reported_and_the_next_block_gets_a_new_kernel(
    client: JupyterClient, executors: Executors, clock: Clock, busy: bool
) -> None:
    def delete() -> None:
        assert executor.kernel_id is not None
        client.delete_kernel(executor.kernel_id)
        clock.start()

    executor = executors(on_output=once(delete))
    if busy:
        result = run(executor, "x = 1\nprint('on', flush=True)\nwhile True: pass")
    else:
        first = run(executor, "x = 1\nprint('on')")
        result = run(executor, "print('x' in globals())")
        if first.status == "died":  # the deletion came before the end of the first block
            assert (first.kernel_restarted, result.kernel_restarted) == (True, False)
            result = evolve(result, kernel_restarted=True)
    clock.told(Timeouts().first_heartbeat)
    assert result.kernel_restarted
    assert result.status == "died" or not busy
    assert run(executor, "print('x' in globals())").output.startswith("False\n")


class TestCulling:
    @pytest.fixture
    def options(self, tmp_path: Path) -> dict[str, Any]:
        culling = {
            "cull_idle_timeout": CULLED_AFTER,
            "cull_interval": 1,
            "cull_connected": True,
            "cull_busy": True,
        }
        file = tmp_path / "jupyter_kernel_gateway_config.json"
        file.write_text(json.dumps({"MappingKernelManager": culling}))
        return {"env": {"JUPYTER_CONFIG_DIR": str(tmp_path)}}

    @pytest.mark.pitfall(5)
    def test_a_kernel_culled_between_blocks_is_replaced_and_reported(
        self, client: JupyterClient, executors: Executors, clock: Clock
    ) -> None:
        executor = executors()
        run(executor, "x = 1")
        assert executor.kernel_id is not None
        wait_until_gone(client, executor.kernel_id)
        clock.start()
        result = run(executor, "print('x' in globals())")
        clock.told(Timeouts().first_heartbeat)
        assert result.kernel_restarted
        assert (result.exit_code, result.status) in {(0, "ok"), (137, "died")}
        assert run(executor, "print('x' in globals())").output.startswith("False\n")

    def test_the_result_for_a_culled_attached_kernel_says_what_to_do(
        self, client: JupyterClient, executors: Executors, clock: Clock
    ) -> None:
        kernel_id = client.start_kernel("python3")
        executor = executors(kernel_id=kernel_id)
        run(executor, "x = 1")
        wait_until_gone(client, kernel_id)
        clock.start()
        assert run(executor, "x").status == "died"
        clock.told(Timeouts().first_heartbeat)
        with pytest.raises(KernelNotFound, match="start another"):
            run(executor, "x")

    @pytest.mark.pitfall(5)
    def test_a_kernel_culled_while_it_is_busy_is_a_death(
        self, client: JupyterClient, kernel: JupyterKernelClient, clock: Clock
    ) -> None:
        result = kernel.execute(FOR_EVER, 60, on_output=once(clock.start))
        clock.told(CULLED_AFTER + 1 + TIMEOUTS.heartbeat)
        assert result.output.splitlines()[0] == "on"
        # The server interrupts the cell first. Sometimes this is reported in time.
        if result.status == "error":
            assert result.failure is not None
            assert result.failure.ename == "KeyboardInterrupt"
            wait_until_gone(client, kernel.kernel_id)
        else:
            assert result.status == "died"
            assert result.kernel_restarted


def wait_until_gone(client: JupyterClient, kernel_id: str) -> None:
    deadline, pause = Deadline(30), threading.Event()
    while not deadline.passed:
        try:
            client.get_kernel(kernel_id)
        except KernelNotFound:
            return
        pause.wait(0.2)
    raise AssertionError("never culled")
