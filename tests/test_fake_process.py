"""The process of a fake kernel: exits, signals and interrupts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from raw_client import RawClient, RawKernel, raw_client, says
from tables import rows, table

import jkg_client
from jkg_client.protocol.messages import execute_request
from jkg_client.testing import FakeGateway
from jkg_client.testing.kernel.transport import MessageSocket, script_message
from jkg_client.testing.launches import KernelNotStarted, launch
from jkg_client.testing.processes import kernel_env

ROOT = Path(jkg_client.__file__).parent.parent

FLAVOURS = [
    pytest.param(True, marks=pytest.mark.ipython, id="ipython"),
    pytest.param(False, id="python"),
]


@pytest.fixture(params=FLAVOURS)
def client(request: pytest.FixtureRequest) -> Iterator[RawClient]:
    with raw_client(ipython=request.param) as client:
        yield client


@pytest.fixture
def kernel(client: RawClient) -> Iterator[RawKernel]:
    with client.connect() as kernel:
        kernel.until("iopub status idle")
        yield kernel


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that has ended may stay a zombie for a while.
    state = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    return not Path("/proc/self").exists()


def wait_until_gone(*pids: int) -> None:
    end = time.monotonic() + 20
    while any(map(is_there, pids)):
        assert time.monotonic() < end, pids
        time.sleep(0.01)


def pid_of(kernel: RawKernel) -> int:
    return int(kernel.value("import os\nos.getpid()"))


# Ways to end a kernel.
ENDS = [
    "os._exit(1)",
    "os.abort()",
    "os.kill(os.getpid(), signal.SIGKILL)",
    "os.kill(os.getpid(), signal.SIGTERM)",
    "import ctypes; ctypes.string_at(0)",
    "os.execv(sys.executable, [sys.executable, '-c', ''])",
    "signal.signal(signal.SIGINT, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGINT)",
]


@pytest.mark.parametrize("end", ENDS)
def test_every_end_of_the_process_is_a_death(kernel: RawKernel, end: str) -> None:
    code = f"x = 1\nimport os, signal, sys\nprint('bye', flush=True)\n{end}"
    kernel.send("execute_request", {"code": code})
    said = [says(message) for message in kernel.until("iopub status restarting")]
    assert "iopub stream bye\n" in said
    assert "shell execute_reply ok" not in said
    kernel.until("iopub status starting")
    assert kernel.value("'x' in globals()") == "False"


def test_a_kernel_that_is_killed_by_its_pid_has_died(client: RawClient, kernel: RawKernel) -> None:
    first = pid_of(kernel)
    os.kill(first, signal.SIGKILL)
    kernel.until("iopub status restarting")
    kernel.until("iopub status starting")
    second = pid_of(kernel)
    assert second not in {first, os.getpid()}
    client.gateway.stop()
    assert not is_there(first)
    assert not is_there(second)


def test_a_deleted_kernel_runs_its_exit_handlers(
    client: RawClient, kernel: RawKernel, tmp_path: Path
) -> None:
    path = tmp_path / "ended"
    kernel.execute(f"import atexit, pathlib\natexit.register(pathlib.Path({str(path)!r}).touch)")
    pid = pid_of(kernel)
    assert client.rest("DELETE", f"/api/kernels/{kernel.id}").status_code == 204
    assert path.exists()
    assert not is_there(pid)


def test_child_processes_of_a_kernel_end_with_it(client: RawClient, kernel: RawKernel) -> None:
    code = "import subprocess\nsubprocess.Popen(['sleep', '600']).pid"
    pid = int(kernel.value(code))
    client.gateway.stop()
    wait_until_gone(pid)


@pytest.mark.field("F13")
def test_its_folder_environment_and_modules_are_its_own(
    kernel: RawKernel, client: RawClient, tmp_path: Path
) -> None:
    here, before = Path.cwd(), dict(os.environ)
    assert kernel.value("import os\nos.getcwd()") == repr(str(here))
    kernel.execute(f"os.chdir({str(tmp_path)!r})\nos.environ['JKG_FAKE'] = '1'\nos.umask(0o77)")
    kernel.execute("import sys\nsys.modules['json'] = None\nsys.path.clear()")
    assert kernel.value("os.getcwd()") == repr(str(tmp_path))
    assert (Path.cwd(), dict(os.environ)) == (here, before)
    with client.connect() as other:
        assert other.value("import json, os\njson.dumps(os.getcwd())") == repr(f'"{here}"')


@pytest.mark.field("F7")
def test_the_token_of_a_gateway_is_not_for_its_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KG_AUTH_TOKEN", "secret")
    monkeypatch.setenv("JKG_OTHER", "open")
    with raw_client() as client, client.connect() as kernel:
        code = "import os\n[os.environ.get(name) for name in ('KG_AUTH_TOKEN', 'JKG_OTHER')]"
        assert kernel.value(code) == "[None, 'open']"


def test_a_kernel_imports_modules_from_the_path_of_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("answer = 42")
    monkeypatch.syspath_prepend(str(tmp_path))
    with raw_client() as client, client.connect() as kernel:
        assert kernel.value("import only_here\nonly_here.answer") == "42"


# Since 3.12, Python warns of each fork in a process with threads.
QUIET = "import warnings\nwarnings.simplefilter('ignore')\n"

# Code that needs its own process, and its value.
WORKS = [
    ("import pickle\nclass A: pass\ntype(pickle.loads(pickle.dumps(A()))).__name__", "'A'"),
    (
        (
            "import multiprocessing as m\ndef f(n): return n * n\n"
            "with m.get_context('fork').Pool(2) as p: r = p.map(f, [1, 2, 3])\nr"
        ),
        "[1, 4, 9]",
    ),
    ("import os\npid = os.fork()\nif pid == 0: os._exit(7)\nos.waitpid(pid, 0)[1] >> 8", "7"),
    (
        (
            "import signal, os\ngot = []\nsignal.signal(signal.SIGUSR1, lambda *_: got.append(1))\n"
            "os.kill(os.getpid(), signal.SIGUSR1)\ngot"
        ),
        "[1]",
    ),
    (
        (
            "import signal\nsignal.signal(signal.SIGALRM, lambda *_: 1 / 0)\n"
            "try: signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()\n"
            "except ZeroDivisionError: r = 'struck'\nr"
        ),
        "'struck'",
    ),
    ("import threading\nthreading.current_thread() is threading.main_thread()", "True"),
    ("import os\nos.getpgid(0) == os.getpid()", "True"),
    ("import sys\nsys.gettrace(), sys.stdin.read()", "(None, '')"),
    ("import asyncio\nt = asyncio.create_task(asyncio.sleep(0, 'v'))\nawait t", "'v'"),
    ("import __main__\nzz = 3\n__main__.zz", "3"),
]


@rows(("code", "value"), WORKS)
def test_processes_and_signals_work_in_cells(kernel: RawKernel, code: str, value: str) -> None:
    assert kernel.value(f"{QUIET}{code}") == value


# Code that prints outside of the thread of the cell, and the text.
PRINTS = [
    ("import os\nos.system('echo a')", "a\n"),
    ("import os\nos.write(1, b'b')", "b"),
    ("import subprocess\nsubprocess.run(['echo', 'c'])", "c\n"),
    ("import os\nif os.fork() == 0:\n    print('d')\n    os._exit(0)\nos.wait()", "d\n"),
    ("import ctypes\nctypes.CDLL(None).printf(b'e\\n')\nctypes.CDLL(None).fflush(None)", "e\n"),
    ("import os\nos.write(2, 'é'.encode())", "é"),
]


@rows(("code", "text"), PRINTS)
def test_output_of_threads_and_processes_is_sent_to_the_client(
    kernel: RawKernel, code: str, text: str
) -> None:
    assert kernel.text(f"{QUIET}{code}") == text


def test_an_interrupt_also_reaches_the_child_processes_of_a_cell(
    client: RawClient, kernel: RawKernel
) -> None:
    code = "import subprocess\nprint('on', flush=True)\nsubprocess.run(['sleep', '600'])"
    msg_id = kernel.send("execute_request", {"code": code})
    kernel.until("iopub stream on\n")
    client.interrupt(kernel)
    assert "iopub error KeyboardInterrupt" in [says(one) for one in kernel.answers(msg_id)]


# Code that is stuck where Python cannot raise an exception.
STUCK = [
    (
        "import threading\nprint('on', flush=True)\nthreading.Lock().acquire() and None\n"
        "lock = threading.Lock()\nlock.acquire()\nlock.acquire()"
    ),
    "import time as t\nprint('on', flush=True)\nt.sleep(600)",
    "import queue\nprint('on', flush=True)\nqueue.Queue().get()",
    "import socket\na, b = socket.socketpair()\nprint('on', flush=True)\na.recv(1)",
    "import re\nprint('on', flush=True)\nre.match('(a+)+b', 'a' * 60)",
]


@rows("code", STUCK)
def test_an_interrupt_ends_code_that_is_stuck_outside_of_python(
    client: RawClient, kernel: RawKernel, code: str
) -> None:
    msg_id = kernel.send("execute_request", {"code": code})
    kernel.until("iopub stream on\n")
    client.interrupt(kernel)
    assert "iopub error KeyboardInterrupt" in [says(one) for one in kernel.answers(msg_id)]
    assert kernel.value("1 + 1") == "2"


def test_an_interrupt_that_comes_early_is_not_lost(client: RawClient, kernel: RawKernel) -> None:
    for _ in range(20):
        msg_id = kernel.send("execute_request", {"code": "while True: pass"})
        kernel.until("iopub execute_input")
        client.interrupt(kernel)
        answers = kernel.answers(msg_id)
        # Not the error on iopub: some releases of IPython cannot show an error without a line.
        (reply,) = (one for one in answers if one["msg_type"] == "execute_reply")
        assert reply["content"]["ename"] == "KeyboardInterrupt"


# IPython calls this function before the code of the cell, and catches its exceptions.
HOOK = """\
import os, signal
def hook():
    get_ipython().events.unregister("pre_execute", hook)
    {while_}:
        os.kill(os.getpid(), signal.SIGINT)
get_ipython().events.register("pre_execute", hook)
"""


@pytest.mark.ipython
@rows("while_", ["if True", "while True"])
def test_an_interrupt_before_the_code_is_kept_and_a_second_one_ends_what_hangs(while_: str) -> None:
    with raw_client(ipython=True) as client, client.connect() as kernel:
        kernel.execute(HOOK.format(while_=while_))
        said = [says(one) for one in kernel.execute("print('never')")]
    assert "iopub error KeyboardInterrupt" in said
    assert "iopub stream never\n" not in said


def test_an_interrupt_ends_a_wait_that_its_signal_has_missed(
    client: RawClient, kernel: RawKernel
) -> None:
    # Another thread receives the signal, as if it had come just before the wait.
    code = """\
import queue, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print("on", flush=True)
queue.SimpleQueue().get()
"""
    msg_id = kernel.send("execute_request", {"code": code})
    kernel.until("iopub stream on\n")
    client.interrupt(kernel)
    assert "iopub error KeyboardInterrupt" in [says(one) for one in kernel.answers(msg_id)]


def test_a_stuck_kernel_can_be_restarted(client: RawClient, kernel: RawKernel) -> None:
    code = (
        "import signal\nprint('on', flush=True)\nsignal.signal(2, signal.SIG_IGN)\nwhile True: pass"
    )
    kernel.send("execute_request", {"code": code})
    kernel.until("iopub stream on\n")
    assert client.rest("POST", f"/api/kernels/{kernel.id}/restart").status_code == 200
    assert kernel.value("1 + 1") == "2"


ORPHANS = """
import os, signal, sys
sys.path[:0] = {path!r}
from jkg_client import JupyterClient
from jkg_client.testing import FakeGateway
gateway = FakeGateway(ipython=False)
client = JupyterClient(gateway.connection_info)
for code in ("import os\\nos.getpid(), os.getppid()", "import time\\ntime.sleep(600)"):
    kernel = client.get_kernel_client(client.start_kernel("python3"))
    kernel.wait_for_ready(20)
    if "pid" in code:
        print(kernel.execute(code, 20).output, flush=True)
    else:
        kernel.execute("print('on', flush=True)\\n" + code, 20, on_output=lambda _: {end})
"""

# Ways in which the process of the tests ends.
ENDINGS = [
    "os.kill(os.getpid(), signal.SIGKILL)",
    "os._exit(0)",
    "sys.exit(0)",
    "os.kill(os.getpid(), signal.SIGTERM)",
]


def test_kernels_end_with_the_process_of_the_tests(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack, table() as row:
        processes = []
        for end in ENDINGS:
            program = ORPHANS.format(path=[str(ROOT)], end=f"exec({end!r})")
            process = subprocess.Popen(
                [sys.executable, "-c", program],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=tmp_path,
            )
            stack.callback(process.kill)
            processes.append(process)
        for end, process in zip(ENDINGS, processes):
            with row(end):
                said, _ = process.communicate(timeout=60)
                wait_until_gone(*(int(word) for word in said.strip("()\n").split(",")))


def test_all_gateways_share_one_prepared_process() -> None:
    parents = set()
    for _ in range(2):
        with raw_client(ipython=False) as client, client.connect() as kernel:
            parents.add(kernel.value("import os\nos.getppid()"))
    assert len(parents) == 1
    assert parents != {str(os.getpid())}


def test_a_prepared_process_that_was_killed_is_replaced() -> None:
    with raw_client(ipython=False) as client, client.connect() as kernel:
        prepared = int(kernel.value("import os\nos.getppid()"))
    os.kill(prepared, signal.SIGKILL)
    with raw_client(ipython=False) as client, client.connect() as kernel:
        assert kernel.value("1 + 1") == "2"


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_of_the_tests_gets_its_own_kernels() -> None:
    code = "import os\nos.getppid()"
    with raw_client(ipython=False) as client, client.connect() as kernel:
        mine = kernel.value(code)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            _write_parent(write, code)
        os.waitpid(pid, 0)
        theirs = os.read(read, 100).decode()
        os.close(read)
        os.close(write)
        assert theirs not in {"", mine}
        assert kernel.value("1 + 1") == "2"


def _write_parent(write: int, code: str) -> NoReturn:
    try:
        with raw_client(ipython=False) as client, client.connect() as kernel:
            os.write(write, kernel.value(code).encode())
    finally:
        os._exit(0)


def test_without_fork_a_kernel_is_spawned() -> None:
    launched = launch("python", "s", kernel_env(None), forks=False)
    transport = MessageSocket(launched.line)
    try:
        transport.send(execute_request("s", "print(6 * 7)"), "s")
        said = [""]
        while said[-1] != "42\n":
            received = transport.receive()
            assert received is not None
            said.append(received[0].content.get("text", ""))
            if received[0].msg_type == "begin":
                transport.send(script_message("run", {"env": {}}))
    finally:
        os.kill(launched.pid, signal.SIGKILL)
        transport.close()


def test_a_kernel_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(KernelNotStarted, match="did not start"):
        launch("python", "s", {}, forks=False)


def test_ipython_can_be_required_only_if_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", None)
    with pytest.raises(ValueError, match="pip install ipython"):
        FakeGateway(ipython=True)
