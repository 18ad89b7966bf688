"""LocalJupyterServer with a real kernel gateway, in the interpreter that runs the tests."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,import-not-found,unused-ignore]  # from ipykernel
import pytest

from jkg_client import (
    CodeBlock,
    GatewayStatus,
    GatewayUnauthorized,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectionInfo,
    JupyterKernelClient,
    KernelNotFound,
    LocalJupyterServer,
    ServerStartError,
)
from jkg_client.gateway.started_servers import provider_of

GONE_SECONDS = 10.0
"""Seconds in which processes must end after their program. They need about one."""

PROCESSES = "import os, json; print(json.dumps([os.getppid(), os.getpid()]))"
"""A cell that prints the process ids of gateway and kernel."""

# Holds the interpreter's lock, so that signal handlers and the kernel's watchdog cannot run.
STUCK_SOON = """
import re, threading
threading.Timer(0.2, re.match, ["(a|aa)+$", "a" * 100 + "b"]).start()
"""

HOSTILE = "raise SystemExit('a file of the current directory was imported')"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary folders, of this process and of its children."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@contextmanager
def kernel_of(
    server: LocalJupyterServer | JupyterConnectionInfo, env: dict[str, str] | None = None
) -> Iterator[JupyterKernelClient]:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3", env=env)
        with client.get_kernel_client(kernel_id) as kernel:
            yield kernel


def cell(
    server: LocalJupyterServer | JupyterConnectionInfo,
    code: str,
    env: dict[str, str] | None = None,
) -> str:
    """Run ``code`` in a new kernel, and return its output."""
    with kernel_of(server, env) as kernel:
        result = kernel.execute(code, 60)
    assert result.status == "ok", result.output
    return result.output


def processes_of(server: LocalJupyterServer | JupyterConnectionInfo) -> list[psutil.Process]:
    """The processes of the gateway and of a new kernel."""
    return [psutil.Process(pid) for pid in json.loads(cell(server, PROCESSES))]


def are_gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, GONE_SECONDS)[1]


@contextmanager
def parent(code: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Another program, whose output can be read. It is killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", f"from jkg_client import LocalJupyterServer\n{code}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


SERVES = """
server = LocalJupyterServer()
print(server.connection_info.port, server.connection_info.token, flush=True)
"""


def served_by(process: subprocess.Popen[str]) -> JupyterConnectionInfo:
    assert process.stdout is not None
    port, token = process.stdout.readline().split()
    return JupyterConnectionInfo("127.0.0.1", use_https=False, port=int(port), token=token)


def test_a_server_runs_cells() -> None:
    with LocalJupyterServer() as server:
        assert cell(server, "print(6 * 7)") == "42\n"


def test_a_server_on_ipv6_runs_cells() -> None:
    with LocalJupyterServer("::1") as server:
        assert cell(server, "print(6 * 7)") == "42\n"


def test_a_server_lists_its_kernels() -> None:
    with LocalJupyterServer() as server, kernel_of(server), server.get_client() as client:
        assert len(client.list_kernels()) == 1


def test_an_executor_takes_a_kernel_that_was_started_with_the_server(tmp_path: Path) -> None:
    with LocalJupyterServer(prespawn_count=1) as server, server.get_client() as client:
        (prespawned,) = client.list_kernels()
        with (
            JupyterCodeExecutor(server, output_dir=tmp_path) as first,
            JupyterCodeExecutor(server, output_dir=tmp_path) as second,
        ):
            assert first.kernel_id == prespawned["id"] != second.kernel_id
            for executor in (first, second):
                assert executor.execute_code_blocks([CodeBlock("6 * 7", "python")]).output == "42"
        assert client.list_kernels() == []


@pytest.mark.parametrize("token", ["wrong", None])
def test_a_request_without_the_token_is_refused(token: str | None) -> None:
    with LocalJupyterServer() as server:
        info = JupyterConnectionInfo("127.0.0.1", False, server.connection_info.port, token)
        with JupyterClient(info) as client, pytest.raises(GatewayUnauthorized):
            client.list_kernel_specs()


@pytest.mark.pitfall(37)
def test_a_server_without_a_token_runs_cells() -> None:
    with LocalJupyterServer(token=None) as server:
        assert cell(server, "print(6 * 7)") == "42\n"


@pytest.mark.pitfall(29, 37, 53)
def test_only_the_gateway_receives_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KG_AUTH_TOKEN", "some-secret")
    look = "import os, psutil; print(dict(os.environ)); ours = psutil.Process().parent()"
    with LocalJupyterServer(token="some-secret", log_level="DEBUG") as server:
        seen = cell(server, f"{look}; print(ours.cmdline(), ours.environ())")
        assert "ipykernel" not in seen
        assert "__main__.py" in seen
        assert "some-secret" not in seen
        assert "some-secret" not in server.log_file.read_text(encoding="utf-8")


@pytest.mark.field("D2")
def test_no_variable_with_a_secret_reaches_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTER_GATEWAY_HTTP_PWD", "JUPYTER_GATEWAY_HEADERS", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.setenv(name, "some-secret")
    with LocalJupyterServer() as server:
        assert "some-secret" not in cell(server, "import os; print(dict(os.environ))")


@pytest.mark.pitfall(21)
def test_output_is_not_rate_limited() -> None:
    with LocalJupyterServer() as server:
        assert cell(server, "for i in range(40): print('x' * 99_999)") == f"{'x' * 99_999}\n" * 40


@pytest.mark.pitfall(34)
def test_env_of_a_kernel_adds_to_its_environment() -> None:
    look = "import os; print(os.environ['ADDED'], 'HOME' in os.environ)"
    with LocalJupyterServer() as server:
        assert cell(server, look, {"ADDED": "yes"}) == "yes True\n"


@pytest.mark.pitfall(34)
def test_kernels_start_in_cwd_with_the_environment_of_the_server(tmp_path: Path) -> None:
    look = "import os; print(os.environ['ADDED'], os.getcwd())"
    with LocalJupyterServer(cwd=tmp_path, env={"ADDED": "yes"}) as server:
        assert cell(server, look) == f"yes {tmp_path.resolve()}\n"


def install_kernelspec(folder: Path, monkeypatch: pytest.MonkeyPatch, *argv: str) -> None:
    """Install a kernelspec that hides the kernel of this environment, which works."""
    kernel = folder / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    said = {"argv": argv, "display_name": "", "language": ""}
    (kernel / "kernel.json").write_text(json.dumps(said), "utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "jupyter"))


@pytest.fixture
def stale_kernelspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernelspec of an environment that was deleted."""
    install_kernelspec(tmp_path, monkeypatch, "/nosuch/python", "{connection_file}")


@pytest.mark.usefixtures("stale_kernelspec")
def test_the_error_for_a_kernel_without_its_program_says_what_is_missing() -> None:
    with (
        LocalJupyterServer() as server,
        pytest.raises(GatewayStatus, match=r"No such file or directory: '/nosuch/python'"),
    ):
        JupyterCodeExecutor(server)


def test_a_kernel_that_dies_whenever_it_starts_is_reported_before_the_server_gives_up_the_handshake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_kernelspec(tmp_path, monkeypatch, sys.executable, "-c", "import no_such_module")
    with LocalJupyterServer() as server, provider_of(server) as client:
        kernel_id = client.start_kernel("python3")
        # The server answers the handshake after 60 s. It has removed the kernel after 20 s.
        with pytest.raises(KernelNotFound, match="No module named 'no_such_module'"):
            JupyterKernelClient(client, kernel_id, connect_timeout=55)


@pytest.mark.usefixtures("stale_kernelspec")
def test_the_error_for_a_prespawned_kernel_without_its_program_says_what_is_missing() -> None:
    with pytest.raises(ServerStartError, match=r"No such file or directory: '/nosuch/python'"):
        LocalJupyterServer(prespawn_count=1)


@pytest.mark.usefixtures("stale_kernelspec")
def test_doctor_says_what_is_missing() -> None:
    command = [sys.executable, "-m", "jkg_client", "doctor", "--local"]
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, encoding="utf-8", timeout=120
    )
    assert done.returncode == 1
    assert re.search(r"^ {11}.*No such file .*: '/nosuch/python'", done.stdout, re.MULTILINE)


@pytest.mark.field("D10")
def test_cells_are_not_in_the_history_of_the_user(tmp_path: Path) -> None:
    with LocalJupyterServer(env={"IPYTHONDIR": str(tmp_path)}) as server:
        assert cell(server, "print(len(list(get_ipython().history_manager.get_tail(9))))") == "0\n"
    assert list(tmp_path.rglob("history.sqlite*")) == []


def test_cells_find_the_programs_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    with LocalJupyterServer() as server:
        prefix = cell(server, "!python -c 'import sys; print(sys.prefix)'")
    assert Path(prefix.strip()) == Path(sys.prefix)


def test_nothing_hostile_in_the_current_directory_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("token", "json", "jupyter_kernel_gateway_config", "jupyter_config", "kernel_gateway")
    for name in names:
        (tmp_path / f"{name}.py").write_text(HOSTILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with LocalJupyterServer() as server, server.get_client() as client:
        assert client.list_kernel_specs()["kernelspecs"]
        assert "was imported" not in server.log_file.read_text(encoding="utf-8")


@pytest.mark.pitfall(38)
def test_a_server_starts_in_a_read_only_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    monkeypatch.chdir(folder)
    with LocalJupyterServer() as server:
        assert cell(server, "print(6 * 7)") == "42\n"
    assert list(folder.iterdir()) == []


CONFIGURATION = """
c.KernelGatewayApp.port = 1
c.KernelGatewayApp.ip = "192.0.2.1"
c.KernelGatewayApp.port_retries = 50
c.KernelGatewayApp.base_url = "/elsewhere"
c.KernelGatewayApp.auth_token = "another"
c.KernelGatewayApp.certfile = "missing.pem"
c.KernelGatewayApp.log_level = "CRITICAL"
c.KernelGatewayApp.env_process_whitelist = []
c.KernelGatewayApp.max_kernels = 1
c.JupyterWebsocketPersonality.list_kernels = False
c.JupyterApp.answer_yes = False
"""


@pytest.mark.parametrize("name", ["jupyter_kernel_gateway_config.py", "jupyter_config.py"])
def test_configuration_files_do_not_override_arguments(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(CONFIGURATION, encoding="utf-8")
    with LocalJupyterServer(env={"JUPYTER_CONFIG_DIR": str(tmp_path)}) as server:
        assert cell(server, "import os; print('HOME' in os.environ)", {"A": "b"}) == "True\n"
        with server.get_client() as client:
            assert len(client.list_kernels()) == 1
            with pytest.raises(GatewayStatus):  # options that we do not set come from the file
                client.start_kernel("python3")
        assert "is available at" in server.log_file.read_text(encoding="utf-8")


def test_variables_of_the_gateway_do_not_override_arguments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "PORT": "1",
        "IP": "192.0.2.1",
        "BASE_URL": "/elsewhere",
        "CERTFILE": "missing.pem",
        "API": "kernel_gateway.notebook_http",
        "LIST_KERNELS": "False",
    }.items():
        monkeypatch.setenv(f"KG_{name}", value)
    with LocalJupyterServer() as server:
        assert cell(server, "print(6 * 7)") == "42\n"


def test_the_log_is_rotated(tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    with LocalJupyterServer(log_file=log, log_max_bytes=2000, log_backup_count=2) as server:
        with server.get_client() as client:
            for _ in range(100):
                client.list_kernel_specs()
        sizes = {path.name: path.stat().st_size for path in tmp_path.glob("gateway.log*")}
    assert set(sizes) == {"gateway.log", "gateway.log.1", "gateway.log.2"}
    assert max(sizes.values()) <= 2000


def test_raw_output_of_the_gateway_is_in_the_log() -> None:
    with LocalJupyterServer(env={"PYTHONVERBOSE": "1"}) as server:
        assert "import 'kernel_gateway'" in server.log_file.read_text(encoding="utf-8")


def test_the_folder_of_log_and_keys_is_private(temporary: Path) -> None:
    with LocalJupyterServer() as server, kernel_of(server):
        (folder,) = temporary.iterdir()
        assert server.log_file.parent == folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert list((folder / "runtime").glob("kernel-*.json"))
    assert list(temporary.iterdir()) == []


def test_a_stopped_server_leaves_no_process_and_no_file(temporary: Path) -> None:
    before = psutil.Process().num_fds()
    with LocalJupyterServer() as server:
        processes = processes_of(server)
    assert not any(process.is_running() for process in processes)
    assert list(temporary.iterdir()) == []
    assert psutil.Process().num_fds() == before


def stuck(kernel: JupyterKernelClient) -> list[psutil.Process]:
    """Block the kernel for ever, and return the processes of gateway and kernel."""
    processes = [psutil.Process(pid) for pid in json.loads(kernel.execute(PROCESSES, 60).output)]
    kernel.execute(STUCK_SOON, 60)
    while kernel.wait_for_ready(1.0):
        pass
    return processes


def test_a_stopped_server_ends_kernels_that_are_stuck() -> None:
    with LocalJupyterServer() as server, kernel_of(server) as kernel:
        processes = stuck(kernel)
        server.stop()
        assert are_gone(processes)


@pytest.mark.pitfall(39)
def test_a_gateway_that_does_not_end_is_killed_with_its_kernels() -> None:
    with LocalJupyterServer() as server:
        processes = processes_of(server)
        processes[0].suspend()
        server.stop(timeout_seconds=0.1)
        assert are_gone(processes)


def test_a_server_outlives_the_thread_that_has_started_it() -> None:
    servers: list[LocalJupyterServer] = []
    thread = threading.Thread(target=lambda: servers.append(LocalJupyterServer()))
    thread.start()
    thread.join()
    with servers[0] as server:
        assert cell(server, "import time; time.sleep(2); print(6 * 7)") == "42\n"


@pytest.mark.pitfall(39)
def test_the_server_ends_with_a_killed_parent(temporary: Path) -> None:
    with parent(f"{SERVES}input()") as process:
        processes = processes_of(served_by(process))
        process.kill()
        assert are_gone(processes)
    assert list(temporary.iterdir()) == []


def test_stuck_kernels_end_with_a_killed_parent(temporary: Path) -> None:
    with parent(f"{SERVES}input()") as process, kernel_of(served_by(process)) as kernel:
        processes = stuck(kernel)
        process.kill()
        assert are_gone(processes)
    assert list(temporary.iterdir()) == []


def test_the_server_ends_with_a_killed_parent_even_if_a_fork_holds_the_pipe(
    temporary: Path,
) -> None:
    forks = f"import os, time\n{SERVES}print(os.fork() or time.sleep(600), flush=True)\ninput()"
    with parent(forks) as process:
        info = served_by(process)
        assert process.stdout is not None
        fork = psutil.Process(int(process.stdout.readline()))
        processes = processes_of(info)
        process.kill()
        assert are_gone(processes)
        assert fork.is_running()
        fork.kill()
    assert list(temporary.iterdir()) == []


SLOW = """#!/bin/sh
echo $$ > {pid}
exec {python} "$@"
"""


def test_a_starting_server_ends_with_a_killed_parent(tmp_path: Path) -> None:
    python, pid = tmp_path / "python", tmp_path / "pid"
    os.mkfifo(pid)
    python.write_text(SLOW.format(pid=pid, python=sys.executable), encoding="utf-8")
    python.chmod(0o755)
    with parent(f"LocalJupyterServer(python={str(python)!r})") as process:
        gateway = psutil.Process(int(pid.read_text(encoding="utf-8")))
        process.kill()
        assert are_gone([gateway])


@pytest.mark.parametrize("end", ["", "raise SystemExit(3)", "1 / 0"])
def test_the_server_ends_with_the_program(end: str, temporary: Path) -> None:
    with parent(f"{SERVES}input()\n{end}", stderr=subprocess.DEVNULL) as process:
        processes = processes_of(served_by(process))
        process.communicate("\n")
    assert not any(process.is_running() for process in processes)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("end", ["raise SystemExit", "server.stop(); os._exit(0)"])
def test_the_server_does_not_end_with_a_forked_child(end: str, temporary: Path) -> None:
    forks = f"""
import os
{SERVES}
if os.fork() == 0:
    {end}
print(os.wait()[1], flush=True)
input()
"""
    with parent(forks) as process:
        info = served_by(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        assert cell(info, "print(6 * 7)") == "42\n"
        assert len(list(temporary.iterdir())) == 1


def test_ctrl_c_in_the_terminal_does_not_reach_the_server() -> None:
    waits = f"""
{SERVES}
try:
    input()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    input()
"""
    with parent(waits, start_new_session=True) as process:
        info = served_by(process)
        processes = processes_of(info)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "interrupted\n"
        assert cell(info, "print(6 * 7)") == "42\n"
        assert processes[0].is_running()


# Sends the signal of Ctrl-C while the program waits for the started server.
INTERRUPTS = """#!/bin/sh
read settings
kill -INT $PPID
exec sleep 600
"""


def test_ctrl_c_while_a_server_starts_leaves_nothing(tmp_path: Path, temporary: Path) -> None:
    python = tmp_path / "python"
    python.write_text(INTERRUPTS, encoding="utf-8")
    python.chmod(0o755)
    code = f"""
try:
    LocalJupyterServer(python={str(python)!r})
except KeyboardInterrupt:
    import psutil
    print(psutil.wait_procs(psutil.Process().children(), {GONE_SECONDS})[1])
"""
    with parent(code) as process:
        assert process.communicate()[0] == "[]\n"
    assert list(temporary.iterdir()) == []


@pytest.mark.pitfall(36)
@pytest.mark.parametrize("level", ["ERROR", "CRITICAL"])
def test_a_server_that_logs_almost_nothing_becomes_ready(level: str) -> None:
    with LocalJupyterServer(log_level=level) as server:
        assert "is available at" not in server.log_file.read_text(encoding="utf-8")
        assert cell(server, "print(6 * 7)") == "42\n"
