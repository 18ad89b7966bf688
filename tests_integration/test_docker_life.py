"""Start, end and contents of the containers of DockerJupyterServer."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from attrs import evolve
from docker.errors import NotFound
from docker_engine import Servers, run

import jkg_client
from jkg_client import (
    ClientClosed,
    CodeBlock,
    DockerJupyterServer,
    EngineError,
    GatewayUnauthorized,
    GatewayUnreachable,
    JupyterClient,
    JupyterCodeExecutor,
    ServerStartError,
)

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(jkg_client.__file__).parent.parent)}
LIMIT = 60
STARTS = """
import time
from jkg_client import DockerJupyterServer
server = DockerJupyterServer(container_name={name!r})
print("up", flush=True)
"""


@contextmanager
def program(code: str) -> Iterator[subprocess.Popen[str]]:
    """Another program. The ``with`` block kills it at its end."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def is_there(engine: docker.DockerClient, name: str) -> bool:
    try:
        engine.containers.get(name)
    except NotFound:
        return False
    return True


# Beginning


@pytest.mark.pitfall(42)
def test_a_server_answers_as_soon_as_the_constructor_returns(servers: Servers) -> None:
    with servers().get_client() as client:
        assert client.list_kernel_specs(timeout_seconds=5)["default"] == "python3"


@pytest.mark.pitfall(42, 46)
@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("echo oops $TOKEN; exit 3", r"ended \(exit code 3\).*\noops \[token\]"),
        ("exec no-such-program", r"ended \(exit code 127\).*no-such-program: not found"),
        ("echo waiting; exec sleep 60", r"did not answer within 3 s.*\nwaiting"),
        (
            "KG_AUTH_TOKEN=other exec jupyter kernelgateway --ip=0.0.0.0 --port=8888",
            r"refuses the token: its image must read the token from TOKEN",
        ),
        ("exec python -m http.server 8888", r"did not answer within 3 s"),
    ],
)
def test_a_server_that_does_not_start_leaves_only_its_log_in_the_error(
    engine: docker.DockerClient, command: str, message: str
) -> None:
    script = ["sh", "-c", command]
    limit = 20 if "AUTH" in command else 3
    with pytest.raises(ServerStartError, match=f"(?s){message}") as raised:
        DockerJupyterServer(
            container_name="jkg-test-fails",
            command=script,
            startup_timeout=limit,
            stop_container=False,
            auto_remove=False,
        )
    assert not is_there(engine, "jkg-test-fails")
    assert "Traceback" not in str(raised.value).partition("\n")[0]


@pytest.mark.pitfall(46)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "no-such-network"}, "no-such-network not found"),
        ({"ip": "192.0.2.1"}, "cannot assign requested address"),
        ({"mem_limit": "1k"}, "[Mm]inimum memory limit"),
        ({"network_mode": "none"}, "has no address at which port 8888 can be reached"),
        ({"runtime": "no-such-runtime"}, "no-such-runtime"),
    ],
)
def test_a_refusal_of_the_engine_is_reported_and_leaves_no_container(
    engine: docker.DockerClient, options: dict[str, str], message: str
) -> None:
    with pytest.raises(ServerStartError, match=message):
        DockerJupyterServer(container_name="jkg-test-refused", **options)  # type: ignore[arg-type]
    assert not is_there(engine, "jkg-test-refused")


def test_a_name_in_use_is_an_error_and_the_other_container_keeps_running(
    engine: docker.DockerClient, servers: Servers
) -> None:
    first = servers(container_name="jkg-test-twice")
    with pytest.raises(ServerStartError, match="already in use"):
        DockerJupyterServer(container_name="jkg-test-twice")
    assert run(first, "print(1)").output == "1\n"


def test_ctrl_c_while_a_container_starts_leaves_nothing(engine: docker.DockerClient) -> None:
    code = """
from jkg_client import DockerJupyterServer
print("go", flush=True)
DockerJupyterServer(container_name="jkg-test-ctrl-c", command=["sleep", "60"])
"""
    with program(code) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while not is_there(engine, "jkg-test-ctrl-c"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == -signal.SIGINT
    assert not is_there(engine, "jkg-test-ctrl-c")


# Ending


@pytest.mark.pitfall(48)
def test_stop_ends_a_container_without_killing_it(
    engine: docker.DockerClient, servers: Servers
) -> None:
    server = servers(auto_remove=False)
    run(server, "print(1)")
    server.stop()
    server.stop()
    container = engine.containers.get(server.container_name)
    try:
        assert container.status == "exited"
        assert container.attrs["State"]["ExitCode"] in (0, 128 + signal.SIGTERM)
        with pytest.raises(ClientClosed):
            server.list_files()
    finally:
        container.remove()


@pytest.mark.parametrize("last", ["", "del server; time.sleep(60)", "1 / 0", "server.stop()"])
def test_a_container_ends_with_its_program(engine: docker.DockerClient, last: str) -> None:
    name = f"jkg-test-ends-{len(last)}"
    with program(STARTS.format(name=name) + last) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        if "sleep" not in last:
            process.wait(LIMIT)
        else:
            deadline = threading.Event()
            while is_there(engine, name):
                assert not deadline.wait(0.1)
    assert not is_there(engine, name)


def test_a_forked_child_does_not_end_the_container(servers: Servers) -> None:
    server = servers()
    child = os.fork()
    if not child:
        try:
            server.stop()
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert run(server, "print(1)").output == "1\n"


@pytest.mark.pitfall(46)
def test_a_kept_container_can_be_attached(engine: docker.DockerClient, servers: Servers) -> None:
    with DockerJupyterServer(stop_container=False) as first, first.get_client() as client:
        kernel_id = client.start_kernel("python3")
        with client.get_kernel_client(kernel_id) as kernel:
            kernel.execute("x = 41", 30)
    name, token = first.container_name, first.connection_info.token
    with DockerJupyterServer.attach(name, token=token) as second:
        assert second.connection_info == first.connection_info
        with JupyterCodeExecutor(second, kernel_id=kernel_id) as executor:
            block = CodeBlock("x + 1", "python")
            assert executor.execute_code_blocks([block]).output == "42"
    with DockerJupyterServer.attach(name, stop_container=True) as third:
        assert third.connection_info.token == token
    assert not is_there(engine, name)


def test_the_error_of_a_failed_attach_has_the_reason(
    engine: docker.DockerClient, servers: Servers
) -> None:
    with pytest.raises(ServerStartError, match="there is no container jkg-test-nobody"):
        DockerJupyterServer.attach("jkg-test-nobody")
    server = servers(auto_remove=False)
    with pytest.raises(ServerStartError, match="refuses the token"):
        DockerJupyterServer.attach(server.container_name, token="wrong")
    assert run(server, "print(1)").output == "1\n"
    server.stop()
    try:
        with pytest.raises(ServerStartError, match="ended"):
            DockerJupyterServer.attach(server.container_name)
    finally:
        engine.containers.get(server.container_name).remove()


@pytest.mark.pitfall(50)
def test_containers_of_a_killed_program_are_known_and_can_be_removed(
    engine: docker.DockerClient,
    servers: Servers,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> None:
    server = servers()
    with program(STARTS.format(name="jkg-test-orphan") + "time.sleep(60)") as process:
        assert process.stdout is not None
        process.stdout.readline()
        mine = {c.name: c for c in DockerJupyterServer.containers()}
        assert not mine["jkg-test-orphan"].is_orphan
        assert str(process.pid) in mine["jkg-test-orphan"].owner
    request.addfinalizer(DockerJupyterServer.remove_orphans)
    mine = {c.name: c for c in DockerJupyterServer.containers()}
    assert mine["jkg-test-orphan"].is_orphan
    assert not mine[server.container_name].is_orphan
    servers()
    assert "jkg-test-orphan; remove them by DockerJupyterServer.remove_orphans()" in caplog.text
    assert "jkg-test-orphan" in DockerJupyterServer.remove_orphans()
    assert not is_there(engine, "jkg-test-orphan")
    assert is_there(engine, server.container_name)


# Dying


def test_a_kernel_killed_by_the_memory_limit_is_a_death(servers: Servers) -> None:
    server = servers(mem_limit="300m", memswap_limit="300m")
    with JupyterCodeExecutor(server, timeout=30) as executor:
        # Output that has not been sent when the kernel is killed is lost, so the code sleeps.
        code = "import time\nprint('before')\ntime.sleep(1)\nx = b'x' * 10**9\nprint('after')"
        result = executor.execute_code_blocks([CodeBlock(code, "python")])
        assert (result.status, result.exit_code) == ("died", 137)
        assert result.output.startswith("before\n")
        again = executor.execute_code_blocks([CodeBlock("print(1)", "python")])
        assert again.output == "1\n"


def test_a_container_killed_during_a_block_is_reported_in_time(
    engine: docker.DockerClient, servers: Servers
) -> None:
    server = servers()
    with JupyterCodeExecutor(server, timeout=60) as executor:
        code = "print('on', flush=True)\nimport time\ntime.sleep(50)"
        container = engine.containers.get(server.container_name)
        timer = threading.Timer(1.0, container.kill)
        timer.start()
        try:
            with pytest.raises(GatewayUnreachable) as raised:
                executor.execute_code_blocks([CodeBlock(code, "python")])
        finally:
            timer.join()
    assert raised.value.result.output.startswith("on\n")


def test_two_servers_at_once_do_not_share_anything(servers: Servers) -> None:
    first, second = servers(), servers()
    assert first.connection_info.port != second.connection_info.port
    run(first, "open('mine', 'w').write('1')")
    assert run(second, "import os; print(os.path.exists('mine'))").output == "False\n"
    info = evolve(second.connection_info, token=first.connection_info.token)
    with JupyterClient(info) as client, pytest.raises(GatewayUnauthorized):
        client.list_kernel_specs()


# Directories


@pytest.mark.pitfall(49)
@pytest.mark.parametrize("relative", [True, False])
def test_a_shared_work_directory_is_not_writable_for_other_users(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "new" / "work"
    server = servers(work_dir="new/work" if relative else folder)
    assert not stat.S_IMODE(folder.stat().st_mode) & stat.S_IWOTH
    (folder / "ours.txt").write_text("from here", encoding="utf-8")
    code = "print(open('ours.txt').read())\nopen('theirs.txt', 'w').write('from there')"
    assert run(server, code).output.startswith("from here\n")
    assert (folder / "theirs.txt").read_text(encoding="utf-8") == "from there"
    assert (folder / "theirs.txt").stat().st_uid == folder.stat().st_uid


@pytest.mark.pitfall(49)
def test_code_runs_as_the_owner_of_an_existing_directory(servers: Servers, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, 4321, 4321)
    server = servers(work_dir=folder)
    code = "import os; open('f', 'w').close(); print(os.getuid(), os.getcwd())"
    assert run(server, code).output == f"{folder.stat().st_uid} /work\n"
    assert (folder / "f").stat().st_uid == folder.stat().st_uid
    assert run(server, "!pip --version").exit_code == 0


def test_the_kernel_sees_saved_files_in_its_directory(servers: Servers, tmp_path: Path) -> None:
    server = servers(work_dir=tmp_path / "work")
    svg = "from IPython.display import SVG; SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')"
    with JupyterCodeExecutor(server, output_dir=tmp_path / "work") as executor:
        result = executor.execute_code_blocks([CodeBlock(svg, "python")])
        (path,) = result.output_files
        code = f"print(open({Path(path).name!r}).read()[:4])"
        assert executor.execute_code_blocks([CodeBlock(code, "python")]).output == "<svg\n"


# Files


def test_files_go_in_and_come_out_byte_for_byte(one: DockerJupyterServer, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40_000
    source = tmp_path / "data file.bin"
    source.write_bytes(content)
    assert one.put_file(source) == "/home/jovyan/data file.bin"
    assert one.put_file(source, "deep/") == "/home/jovyan/deep/data file.bin"
    assert one.put_file(source, "deep/er/x.bin") == "/home/jovyan/deep/er/x.bin"
    # The kernel can open the file for writing only if the file belongs to the kernel's user.
    code = "print(open('deep/er/x.bin', 'rb+').read() == bytes(range(256)) * 40_000)"
    assert run(one, code).output == "True\n"
    assert one.get_file("deep/er/x.bin", tmp_path / "copy.bin").read_bytes() == content
    assert one.get_file("/etc/hostname", tmp_path) == tmp_path / "hostname"


MAKES_FILES = """
import os
os.makedirs("list/sub")
for name in ("a b", "ü", "x\\ny", "-n", ".h"):
    open(f"list/{name}", "w").close()
os.symlink("nowhere", "list/l")
"""


def test_files_are_listed(one: DockerJupyterServer) -> None:
    run(one, MAKES_FILES)
    assert one.list_files("list") == ["-n", ".h", "a b", "l", "sub/", "x\ny", "ü"]
    assert one.list_files("list/sub") == []
    assert "list/" in one.list_files()


LINKS = "import os\nfor a, b in ('/etc/passwd', 'p'), ('p', 'q'), ('r', 'r'): os.symlink(a, b)"


def test_a_link_is_followed_inside_the_container(one: DockerJupyterServer, tmp_path: Path) -> None:
    run(one, LINKS)
    assert "jovyan" in one.get_file("q", tmp_path / "copy").read_text(encoding="utf-8")
    with pytest.raises((OSError, EngineError), match="links"):
        one.get_file("r", tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("path", ["no-such-file", "no-such-folder/file"])
def test_a_missing_file_or_folder_is_an_error(
    one: DockerJupyterServer, tmp_path: Path, path: str
) -> None:
    with pytest.raises(FileNotFoundError):
        one.get_file(path, tmp_path)
    with pytest.raises(FileNotFoundError):
        one.list_files(path)
    with pytest.raises(FileNotFoundError):
        one.put_file(tmp_path / path)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_not_accepted_as_a_file(one: DockerJupyterServer, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        one.get_file("/etc", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EngineError, match="Permission denied"):
        one.put_file(__file__, "/etc/folder/file")
