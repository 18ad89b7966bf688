"""The life of an embedded kernel: interrupts, deaths, restarts, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

import psutil  # type: ignore[import-untyped,import-not-found,unused-ignore]  # from ipykernel
import pytest
from attrs import evolve
from embedded import (
    IPYKERNEL,
    SpecWriter,
    Starter,
    has_ended,
    kernels,
    program,
    spec,
    start,
)

from jkg_client import (
    CodeBlock,
    EmbeddedIPythonCodeExecutor,
    JupyterKernelClient,
    KernelNotFound,
    Output,
)
from jkg_client.client.channels import KernelChannels
from jkg_client.client.deadline import Deadline
from jkg_client.client.timeouts import Timeouts
from jkg_client.embedded.kernels import LocalKernels
from jkg_client.embedded.process import EndTimes
from jkg_client.protocol.messages import Message, execute_request, kernel_info_request

__all__ = ["kernels", "spec", "start"]

SOON = 15.0
"""Seconds in which a process must end. Many, because the machine may be busy."""

# In the pause the kernel's thread sends the output. Without the pause the output would be lost.
HOLDS_GIL = "import ctypes, time\ntime.sleep(1)\nctypes.PyDLL(None).sleep(60)"

SWALLOWS_ALL = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
said = False
while True:
    try:
        if not said:
            said = True
            print('on', flush=True)
        time.sleep(1)
    except BaseException:
        pass
"""


def pid_of(kernels: LocalKernels, kernel: JupyterKernelClient) -> int:
    return kernels.kernel(kernel.kernel_id).launch().process.pid


PAUSES = """
import os, signal, sys
from pathlib import Path
from jkg_client import Display, JupyterKernelClient
from jkg_client.embedded.kernels import LocalKernels

def pause(output):
    if not Path({done!r} + "0").exists():
        Path({done!r} + "0").touch()
        os.kill(os.getpid(), signal.SIGSTOP)

code = '''
from pathlib import Path
for i in range(3000):
    display(i)
Path({done!r}).touch()
'''
with LocalKernels() as kernels, JupyterKernelClient(
    kernels, kernels.start_kernel({name!r})
) as kernel:
    result = kernel.execute(code, 100, on_output=pause)
    shown = len([o for o in result.outputs if isinstance(o, Display)])
    print(result.status, shown, result.truncated.messages if result.truncated else 0)
"""


def after_a_pause(name: str, folder: Path) -> list[str]:
    """Output of a client that was stopped while the kernel sent 3000 messages."""
    done = folder / "done"
    with program(PAUSES.format(done=str(done), name=name)) as client:
        waiting, limit = threading.Event(), Deadline(60)
        while not (done.exists() or limit.passed):
            waiting.wait(0.05)
        client.send_signal(signal.SIGCONT)
        return str(client.communicate(timeout=100)[0]).split()


@pytest.mark.field("K3")
def test_nothing_is_lost_while_the_client_pauses(tmp_path: Path) -> None:
    assert after_a_pause("python3", tmp_path) == ["ok", "3000", "0"]


@pytest.mark.field("K3")
def test_messages_dropped_by_the_kernel_are_counted_by_the_ids(
    spec: SpecWriter, tmp_path: Path
) -> None:
    # We do not start this kernel by our own program, so its queue holds a thousand messages.
    name = spec(["python", "-m", "ipykernel", "-f", "{connection_file}"])
    status, shown, missing = after_a_pause(name, tmp_path)
    assert status == "ok"
    assert int(shown) < 3000
    # One missing number may be counted as the number of a value that IPython does not show.
    assert 3000 - int(shown) - 1 <= int(missing) <= 3000 - int(shown) + 1


@pytest.mark.field("K15")
def test_child_processes_of_a_cell_end_with_the_kernel(
    start: Starter, kernels: LocalKernels
) -> None:
    kernel = start()
    code = "import subprocess\nprint(subprocess.Popen(['sleep', '1000']).pid)"
    child = int(kernel.execute(code, 20).output)
    stubborn = "trap '' TERM; echo on; while true; do sleep 1; done"
    code = (
        f"p = subprocess.Popen(['sh', '-c', {stubborn!r}], stdout=subprocess.PIPE)\n"
        "p.stdout.readline()\nprint(p.pid)"
    )
    other = int(kernel.execute(code, 20).output)
    kernels.delete_kernel(kernel.kernel_id)
    assert has_ended(child, Deadline(SOON))
    assert has_ended(other, Deadline(SOON))


PARENT = """
import sys, time
from jkg_client import JupyterKernelClient
from jkg_client.embedded.kernels import LocalKernels
kernels = LocalKernels()
kernel_id = kernels.start_kernel(sys.argv[1] if len(sys.argv) > 1 else "python3")
kernel = JupyterKernelClient(kernels, kernel_id)
process = kernels.kernel(kernel_id).launch().process
pid = kernel.execute("import os\\nos.getpid()", 30).output
print(pid, process.pid, process.folder.path, flush=True)
kernel.execute({code!r}, on_output=lambda output: print(output.text, flush=True))
"""


@pytest.mark.field("K6", "K16")
def test_a_killed_parent_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    with program(PARENT.format(code="print('on', flush=True)\n" + HOLDS_GIL)) as parent:
        pid, _, folder = parent.stdout.readline().split()
        assert parent.stdout.readline() == "on\n"
        parent.kill()
        parent.wait()
    assert has_ended(int(pid), Deadline(SOON))
    assert is_gone(Path(folder))


@pytest.mark.field("K17")
def test_a_kernel_below_a_wrapper_ends_with_the_program_too(spec: SpecWriter) -> None:
    wrapped = ["sh", "-c", '"$0" "$@"; true', sys.executable, *IPYKERNEL[1:]]
    code = PARENT.format(code="print('on', flush=True)\n" + HOLDS_GIL)
    code = code.replace('sys.argv[1] if len(sys.argv) > 1 else "python3"', repr(spec(wrapped)))
    with program(code) as parent:
        pid, wrapper, folder = parent.stdout.readline().split()
        assert pid != wrapper
        assert parent.stdout.readline() == "on\n"
        parent.kill()
        parent.wait()
    assert has_ended(int(pid), Deadline(SOON))
    assert is_gone(Path(folder))


FORGETS = """
import os, sys
from jkg_client import EmbeddedIPythonCodeExecutor
executor = EmbeddedIPythonCodeExecutor()
"""


@pytest.mark.field("D5", "K16")
@pytest.mark.parametrize("end", ["", "sys.exit(3)", "1 / 0", "os._exit(0)", "del executor"])
def test_a_program_that_forgets_to_stop_leaves_nothing(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with program(f"{FORGETS}\nprint(executor.kernel_id, flush=True)\n{end}") as it:
        assert it.stdout.readline().strip().isalnum()
        assert list(tmp_path.iterdir()) != []
        it.communicate(timeout=60)
    waiting, limit = threading.Event(), Deadline(SOON)
    while list(tmp_path.iterdir()) and not limit.passed:
        waiting.wait(0.05)
    assert list(tmp_path.iterdir()) == []


USES = """
import os
from jkg_client import CodeBlock, EmbeddedIPythonCodeExecutor
with EmbeddedIPythonCodeExecutor() as executor:
    block = CodeBlock("import time\\ntime.sleep(2.5)\\n6 * 7", "python")
    print(os.getpid(), executor.execute_code_blocks([block]).output)
"""


@pytest.mark.field("K17")
def test_a_kernel_runs_if_its_parent_has_process_id_1() -> None:
    unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    with program(USES, *unshare) as parent:
        assert parent.communicate(timeout=60)[0] == "1 42\n"


FORKS = """
import os, sys, warnings
warnings.simplefilter("ignore", ResourceWarning)
from jkg_client import CodeBlock, EmbeddedIPythonCodeExecutor
executor = EmbeddedIPythonCodeExecutor()
run = lambda code: executor.execute_code_blocks([CodeBlock(code, "python")]).output
run("x = 6 * 7")
pid = os.fork()
if not pid:
    executor.stop()
    sys.exit()
os.waitpid(pid, 0)
print(run("x"))
executor.stop()
"""


@pytest.mark.field("K18")
def test_a_forked_child_does_not_affect_its_parent() -> None:
    # The child does not close its parent's sockets, and pyzmq warns of this as a leak.
    with program(
        "import warnings\nwarnings.simplefilter('ignore', ResourceWarning)\n" + FORKS
    ) as parent:
        assert parent.communicate(timeout=60)[0] == "42\n"


def is_gone(path: Path) -> bool:
    waiting, limit = threading.Event(), Deadline(SOON)
    while path.exists() and not limit.passed:
        waiting.wait(0.05)
    return not path.exists()


@pytest.mark.field("K6")
def test_files_of_a_killed_parent_and_watchdog_are_removed_at_the_next_start(
    kernels: LocalKernels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In the shared temporary folder, a kernel of another test could remove the files first.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = PARENT.format(code="print('on', flush=True)\nimport time\ntime.sleep(60)")
    with program(code, env={"TMPDIR": str(tmp_path)}) as it:
        pid, _, folder = it.stdout.readline().split()
        assert it.stdout.readline() == "on\n"
        family = [psutil.Process(it.pid), *psutil.Process(it.pid).children()]
        for one in family:
            one.suspend()
        for one in family:
            one.kill()
        it.wait()
    assert has_ended(int(pid), Deadline(SOON))
    assert Path(folder, "kernel.json").exists()
    kernels.start_kernel("python3")
    assert not Path(folder).exists()


@pytest.mark.field("K19")
def test_closing_does_not_wait_for_unsent_messages(
    start: Starter, kernels: LocalKernels, timeouts: Timeouts
) -> None:
    kernel = start()
    process = psutil.Process(pid_of(kernels, kernel))
    process.suspend()
    deadline = Deadline(4.0)
    try:
        kernel.stop()
        assert not deadline.passed
    finally:
        process.resume()


@pytest.mark.field("K20")
def test_a_missing_heartbeat_is_not_a_death(start: Starter, timeouts: Timeouts) -> None:
    kernel = start(timeouts=evolve(timeouts, first_heartbeat=0.2, heartbeat=0.2))
    kernel.execute("x = 1", 20)
    result = kernel.execute("import ctypes\nctypes.PyDLL(None).sleep(2)\nx", 30)
    assert (result.output, result.kernel_restarted) == ("1", False)


@pytest.mark.field("K20")
def test_a_process_that_is_stopped_for_a_while_is_not_restarted(
    start: Starter, kernels: LocalKernels, timeouts: Timeouts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jkg_client")
    kernel = start(timeouts=evolve(timeouts, first_heartbeat=0.2, heartbeat=0.2))
    process = psutil.Process(pid_of(kernels, kernel))
    timers: list[threading.Timer] = []

    def stop(_: Output) -> None:
        if not timers:
            process.suspend()
            timers.append(threading.Timer(2.0, process.resume))
            timers[0].start()

    result = kernel.execute(
        "print('a', flush=True)\nimport time\ntime.sleep(.1)\n7", 30, on_output=stop
    )
    timers[0].join()
    assert (result.output, result.kernel_restarted) == ("a\n7", False)
    assert "unresponsive" in caplog.text


@pytest.mark.field("K22")
def test_code_that_awaits_is_interrupted(start: Starter) -> None:
    kernel = start()
    kernel.execute("x = 1", 20)
    result = kernel.execute("import asyncio\nawait asyncio.sleep(60)", 0.5)
    assert (result.status, result.kernel_restarted) == ("timeout", False)
    assert kernel.execute("x", 20).output == "1"


@pytest.mark.field("K23")
def test_a_kernel_is_interrupted_by_a_message_if_its_kernelspec_says_so(
    start: Starter, spec: SpecWriter
) -> None:
    kernel = start(spec(IPYKERNEL, interrupt_mode="message"))
    kernel.execute("x = 1", 20)
    result = kernel.execute("print('on', flush=True)\nwhile True: pass", 0.5)
    assert (result.status, result.kernel_restarted) == ("timeout", False)
    assert kernel.execute("x", 20).output == "1"


@pytest.mark.field("K23")
def test_an_interrupt_that_is_not_acknowledged_is_reported(
    start: Starter, spec: SpecWriter, kernels: LocalKernels, caplog: pytest.LogCaptureFixture
) -> None:
    kernel = start(spec(IPYKERNEL, interrupt_mode="message"))
    process = psutil.Process(pid_of(kernels, kernel))
    process.suspend()
    while process.status() != psutil.STATUS_STOPPED:
        process.suspend()
    kernels.kernel(kernel.kernel_id).interrupt(Deadline(0.2))
    process.resume()
    assert "did not acknowledge the interrupt" in caplog.text


IN_A_SUBSHELL = """
import time
for _ in range(20):
    time.sleep(0.1)
print("done", flush=True)
"""


@pytest.mark.field("K24")
def test_a_subshell_ignores_an_interrupt_as_the_docs_say(
    kernels: LocalKernels, timeouts: Timeouts
) -> None:
    connection = kernels.connect(kernels.start_kernel("python3"), Deadline(60), timeouts)
    channels, limit = connection.channels, Deadline(60)
    with contextlib.closing(channels):
        ask = kernel_info_request(channels.session)
        header = {**ask.header, "msg_type": "create_subshell_request"}
        channels.send(evolve(ask, channel="control", header=header), limit)
        subshell = None
        while subshell is None:
            subshell = received(channels, limit).content.get("subshell_id")
        cell = execute_request(channels.session, IN_A_SUBSHELL)
        cell = evolve(cell, header={**cell.header, "subshell_id": subshell})
        channels.send(cell, limit)
        while received(channels, limit).msg_type != "execute_input":
            pass
        connection.control.interrupt(limit)
        said = ""
        while not said:
            said = received(channels, limit).content.get("text", "")
    assert said == "done\n"
    page = Path(__file__).parent.parent / "docs" / "servers.md"
    assert "subshell" in page.read_text("utf-8")


def received(channels: KernelChannels, limit: Deadline) -> Message:
    """The next message."""
    message = channels.receive(limit)
    assert isinstance(message, Message)
    return message


@pytest.mark.field("K25")
def test_a_kernel_that_ignores_all_requests_to_end_is_killed(
    start: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jkg_client")
    times = EndTimes(request=0.2, interrupt=0.2, terminate=0.2, children=0.2)
    began = threading.Event()
    with LocalKernels(end_times=times) as provider:
        kernel = start(provider=provider)
        thread = threading.Thread(
            target=kernel.execute, args=(SWALLOWS_ALL,), kwargs={"on_output": lambda _: began.set()}
        )
        thread.start()
        assert began.wait(SOON)
        pid = pid_of(provider, kernel)
        provider.delete_kernel(kernel.kernel_id)
        thread.join()
        assert has_ended(pid, Deadline(SOON))
    stages = [record.message.rpartition(" ")[2] for record in caplog.records]
    assert [stage for stage in stages if stage in {"interrupt", "SIGTERM", "SIGKILL"}] == [
        "interrupt",
        "SIGTERM",
        "SIGKILL",
    ]


@pytest.mark.field("K25")
def test_a_suspended_process_can_be_ended(start: Starter, kernels: LocalKernels) -> None:
    kernel = start()
    process = psutil.Process(pid_of(kernels, kernel))
    process.suspend()
    kernels.delete_kernel(kernel.kernel_id)
    assert has_ended(process.pid, Deadline(SOON))


@pytest.mark.field("K26")
def test_a_restart_ends_the_cell_and_uses_a_new_key_and_new_addresses(
    start: Starter,
) -> None:
    with LocalKernels(transport="tcp") as provider:
        kernel = start(provider=provider)
        before = provider.kernel(kernel.kernel_id).launch().info
        threads: list[threading.Thread] = []

        def restart(_: Output) -> None:
            if not threads:
                threads.append(threading.Thread(target=kernel.restart))
                threads[0].start()

        result = kernel.execute("print('on', flush=True)\nwhile True: pass", 60, on_output=restart)
        threads[0].join()
        after = provider.kernel(kernel.kernel_id).launch().info
        assert result.status in {"died", "error"}
        assert result.output.startswith("on\n")
        assert after.key != before.key
        assert set(after.ports) != set(before.ports)
        assert kernel.execute("6 * 7", 20).output == "42"


@pytest.mark.field("K27")
@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("os._exit(3)", "exit code 3"),
        ("os._exit(0)", "exit code 0"),
        ("os.kill(os.getpid(), 9)", "killed by signal 9 (SIGKILL)"),
        ("os.abort()", "killed by signal 6 (SIGABRT)"),
    ],
)
def test_a_death_is_reported_with_its_cause(start: Starter, code: str, cause: str) -> None:
    kernel = start()
    kernel.execute("x = 1\nimport os", 20)
    result = kernel.execute(code, 30)
    assert (result.status, result.kernel_restarted) == ("died", True)
    assert result.failure is not None
    assert cause in result.failure.evalue
    assert kernel.execute("'x' in globals()", 30).output == "False"


@pytest.mark.field("K27")
def test_a_death_between_two_cells_is_reported_by_the_next_cell(
    start: Starter, kernels: LocalKernels
) -> None:
    kernel = start()
    kernel.execute("x = 1", 20)
    pid = pid_of(kernels, kernel)
    os.kill(pid, signal.SIGKILL)
    process, limit = kernels.kernel(kernel.kernel_id).launch().process, Deadline(SOON)
    assert process.wait(limit)
    result = kernel.execute("'x' in globals()", 30)
    assert (result.status, result.output, result.kernel_restarted) == ("ok", "False", True)


def test_a_kernel_that_was_stopped_is_not_found(start: Starter, kernels: LocalKernels) -> None:
    kernel = start()
    kernels.delete_kernel(kernel.kernel_id)
    with pytest.raises(KernelNotFound, match="stopped"):
        kernel.execute("1", 20)


@pytest.mark.field("K29")
def test_an_embedded_kernel_starts_inside_of_a_running_event_loop() -> None:
    async def main() -> str:
        with EmbeddedIPythonCodeExecutor() as executor:
            return executor.execute_code_blocks([CodeBlock("6 * 7", "python")]).output

    assert asyncio.run(main()) == "42"


@pytest.mark.field("K30")
def test_nothing_is_left_behind(timeouts: Timeouts) -> None:
    me = psutil.Process()
    counts = []
    for _ in range(4):
        with LocalKernels() as provider:
            kernel_id = provider.start_kernel("python3")
            with JupyterKernelClient(provider, kernel_id, timeouts=timeouts) as kernel:
                assert kernel.execute("6 * 7", 20).output == "42"
                kernel.restart()
        gc.collect()
        counts.append((me.num_fds(), me.num_threads(), len(me.children())))
    assert counts[1:] == counts[:1] * 3
