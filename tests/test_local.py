"""The launching of a local server, with programs in place of the interpreter.

No Jupyter is needed: the programs behave like a gateway, or like a broken gateway.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import shlex
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from jkg_client import (
    GatewayUnauthorized,
    GatewayUnreachable,
    JupyterClient,
    JupyterConnectionInfo,
    ServerStartError,
)
from jkg_client.servers import settings
from jkg_client.servers.local import LocalJupyterServer
from jkg_client.servers.token import GenerateToken

# It imports little, because most tests start it.
GATEWAY = """
import json, os, signal, socket, sys, threading

def end_with_stdin():
    sys.stdin.read()
    os._exit(0)

def shout():
    for stream in (sys.stdout, sys.stderr):
        print("x" * 50_000, file=stream, flush=True)

settings = json.loads(sys.stdin.readline())
config, token = settings["config"]["KernelGatewayApp"], settings["token"]
print(json.dumps({"argv": sys.argv, "env": dict(os.environ), "cwd": os.getcwd(),
                  "pid": os.getpid()}), flush=True)
if "STUBBORN" in os.environ:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    threading.Thread(target=end_with_stdin, daemon=True).start()

def answer(connection):
    head = b""
    with connection:
        while b"\\r\\n\\r\\n" not in head:
            data = connection.recv(65536)
            if not data:
                return
            head += data
        if "NOISY" in os.environ:
            shout()
        known = not token or b"\\r\\nAuthorization: token " + token.encode() + b"\\r\\n" in head
        status = b"200 OK" if known else b"401 Unauthorized"
        status = status if head.startswith(b"GET ") else b"501 Unsupported method"
        specs = b'{"default": "python3", "kernelspecs": {}}'
        connection.sendall(b"HTTP/1.0 " + status + b"\\r\\n\\r\\n" + specs)
        # If data is unread when it closes, the client may not get the answer.
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

family = socket.AF_INET6 if ":" in config["ip"] else socket.AF_INET
listener = socket.create_server((config["ip"], config["port"]), family=family)
while True:
    threading.Thread(target=answer, args=listener.accept()[:1], daemon=True).start()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which private folders are created, and nothing else."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def program(folder: Path, code: str) -> Path:
    """A program that runs ``code``, whatever arguments it gets."""
    script = folder / "program.py"
    script.write_text(code, encoding="utf-8")
    if os.name == "nt":
        command = folder / "program.bat"
        command.write_text(f'@"{sys.executable}" -S "{script}" %*\n', encoding="utf-8")
    else:
        command = folder / "program"
        words = f'exec {shlex.quote(sys.executable)} -S {shlex.quote(str(script))} "$@"'
        command.write_text(f"#!/bin/sh\n{words}\n", encoding="utf-8")
        command.chmod(0o755)
    return command


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    return program(tmp_path, GATEWAY)


def seen_by(server: LocalJupyterServer) -> Any:
    return json.loads(server.log_file.read_text(encoding="utf-8").splitlines()[0])


def listens(info: JupyterConnectionInfo) -> bool:
    try:
        socket.create_connection((info.host, info.port or 0), 5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.pitfall(36)
def test_a_server_answers_when_the_constructor_returns(gateway: Path) -> None:
    with LocalJupyterServer(python=gateway) as server, server.get_client() as client:
        assert client.list_kernel_specs()["default"] == "python3"


@pytest.mark.pitfall(37)
@pytest.mark.parametrize("token", [None, ""])
def test_a_server_without_a_token_asks_for_none(gateway: Path, token: str | None) -> None:
    with LocalJupyterServer(python=gateway, token=token) as server:
        assert server.connection_info.token is None
        with server.get_client() as client:
            client.list_kernel_specs()


@pytest.mark.parametrize(
    "token", [GenerateToken, GenerateToken(), LocalJupyterServer.GenerateToken]
)
def test_generated_tokens_are_long_and_never_the_same(gateway: Path, token: Any) -> None:
    tokens = set()
    for _ in range(2):
        with LocalJupyterServer(python=gateway, token=token) as server:
            tokens.add(server.connection_info.token or "")
    assert len(tokens) == 2
    assert min(map(len, tokens)) >= 32


def test_a_server_refuses_a_wrong_token(gateway: Path) -> None:
    with LocalJupyterServer(python=gateway, token="right") as server:
        info = JupyterConnectionInfo("127.0.0.1", False, server.connection_info.port, "wrong")
        with JupyterClient(info) as client, pytest.raises(GatewayUnauthorized):
            client.list_kernel_specs()


@pytest.mark.pitfall(37, 53)
def test_the_token_is_neither_on_the_command_line_nor_in_the_environment(
    gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KG_AUTH_TOKEN", "some-secret")
    with LocalJupyterServer(python=gateway, token="some-secret") as server:
        assert "some-secret" not in json.dumps(seen_by(server))
        assert "some-secret" not in repr(server)


@pytest.mark.field("D2")
def test_no_variable_with_a_secret_reaches_a_server(
    gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("HTTP_PWD", "HEADERS", "AUTH_TOKEN", "CLIENT_KEY", "URL")
    secrets = [f"JUPYTER_GATEWAY_{name}" for name in names]
    for name in (*secrets, "JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "JUPYTER_TOKEN"):
        monkeypatch.setenv(name, "some-secret")
    with LocalJupyterServer(python=gateway) as server:
        seen = seen_by(server)
    assert "some-secret" not in json.dumps(seen)


def test_a_server_starts_in_cwd_with_env(gateway: Path, tmp_path: Path) -> None:
    with LocalJupyterServer(python=gateway, cwd=tmp_path, env={"ADDED": "1"}) as server:
        seen = seen_by(server)
    assert Path(seen["cwd"]) == tmp_path.resolve()
    assert seen["env"]["ADDED"] == "1"


@pytest.mark.parametrize(
    ("ip", "host"),
    [("::1", "::1"), ("[::1]", "::1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1")],
)
def test_the_host_of_a_server_is_an_address_that_clients_can_connect_to(
    gateway: Path, ip: str, host: str
) -> None:
    with LocalJupyterServer(ip, python=gateway) as server:
        assert server.connection_info.host == host
        assert listens(server.connection_info)


def test_a_stopped_server_leaves_no_files(gateway: Path, temporary: Path) -> None:
    server = LocalJupyterServer(python=gateway)
    assert list(temporary.iterdir()) == [server.log_file.parent]
    server.stop()
    assert list(temporary.iterdir()) == []
    assert not listens(server.connection_info)


def test_a_server_may_be_stopped_twice(gateway: Path) -> None:
    with LocalJupyterServer(python=gateway) as server:
        server.stop()
    server.stop(timeout_seconds=0.0)


def test_a_stopped_server_is_unreachable(gateway: Path) -> None:
    with LocalJupyterServer(python=gateway) as server:
        client = server.get_client()
    with client, pytest.raises(GatewayUnreachable):
        client.start_kernel("python3")  # not tried again


@pytest.mark.pitfall(39)
def test_a_server_that_does_not_end_is_killed(gateway: Path) -> None:
    server = LocalJupyterServer(python=gateway, env={"STUBBORN": "1"})
    server.stop(timeout_seconds=0.1)
    assert not listens(server.connection_info)


def test_a_forgotten_server_ends(gateway: Path, temporary: Path) -> None:
    server = LocalJupyterServer(python=gateway)
    info = server.connection_info
    del server
    gc.collect()
    assert not listens(info)
    assert list(temporary.iterdir()) == []


@pytest.mark.pitfall(38)
def test_servers_do_not_share_a_log(gateway: Path) -> None:
    with LocalJupyterServer(python=gateway) as one, LocalJupyterServer(python=gateway) as other:
        assert one.log_file != other.log_file


def test_a_log_that_was_asked_for_is_kept_and_continued(gateway: Path, tmp_path: Path) -> None:
    log = tmp_path / "new" / "folder" / "gateway.log"
    for _ in range(2):
        with LocalJupyterServer(python=gateway, log_file=log) as server:
            assert server.log_file == log
    assert log.read_text(encoding="utf-8").count('"pid"') == 2


# One row for each wrong argument, which the message names.
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"ip": ""}, "ip"),
        ({"ip": "http://127.0.0.1"}, "host"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"port": "8888"}, "port"),
        ({"token": 5}, "token"),
        ({"token": "line\nbreak"}, "token"),
        ({"log_level": "LOUD"}, "log_level"),
        ({"log_level": 10}, "log_level"),
        ({"log_max_bytes": -1}, "log_max_bytes"),
        ({"log_backup_count": 1.5}, "log_backup_count"),
        ({"startup_timeout": 0}, "startup_timeout"),
        ({"startup_timeout": float("nan")}, "startup_timeout"),
        ({"python": ""}, "python="),
        ({"prespawn_count": -1}, "prespawn_count"),
        ({"prespawn_count": 1.5}, "prespawn_count"),
        ({"prespawn_count": True}, "prespawn_count"),
        ({"env": {"A": 1}}, "env"),
        ({"env": {"A=B": "x"}}, "env: 'A=B' cannot be"),
        ({"env": {"A": "\0"}}, "env: the value of 'A' has a null"),
    ],
    ids=str,
)
def test_a_bad_argument_is_reported_before_anything_is_done(
    arguments: dict[str, Any], named: str, gateway: Path, temporary: Path
) -> None:
    with pytest.raises(ValueError, match=named):
        LocalJupyterServer(**{"python": gateway, **arguments})
    assert list(temporary.iterdir()) == []


def failure(**arguments: Any) -> str:
    with pytest.raises(ServerStartError) as caught:
        LocalJupyterServer(**arguments)
    return str(caught.value)


def test_a_server_that_ends_at_once_is_reported_with_exit_code_and_log(
    tmp_path: Path, temporary: Path
) -> None:
    said = failure(python=program(tmp_path, "print('no disk'); raise SystemExit(7)"))
    assert "exit code 7" in said
    assert said.endswith("no disk")
    assert list(temporary.iterdir()) == []


def test_only_the_end_of_a_long_log_is_in_the_error(tmp_path: Path) -> None:
    code = "print(*range(1000), sep='\\n'); raise SystemExit(7)"
    assert failure(python=program(tmp_path, code)).endswith("\n".join(map(str, range(980, 1000))))


def test_the_error_does_not_contain_the_log_of_earlier_servers(tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    log.write_text("earlier\n", encoding="utf-8")
    command = program(tmp_path, "print('now'); raise SystemExit(7)")
    assert "earlier" not in failure(python=command, log_file=log)


@pytest.mark.pitfall(53)
def test_the_token_is_masked_in_the_log_of_the_error(tmp_path: Path) -> None:
    command = program(tmp_path, "print(input()); raise SystemExit(7)")
    assert "some-secret" not in failure(python=command, token="some-secret")


def test_a_server_that_never_answers_is_given_up_and_ended(tmp_path: Path, temporary: Path) -> None:
    log = tmp_path / "gateway.log"
    code = """
import json, socket, sys
port = json.loads(sys.stdin.readline())["config"]["KernelGatewayApp"]["port"]
with socket.create_server(("127.0.0.1", port)):
    print(port, flush=True)
    sys.stdin.read()
"""
    said = failure(python=program(tmp_path, code), log_file=log, startup_timeout=0.5)
    assert "did not answer within 0.5 s" in said
    port = int(log.read_text(encoding="utf-8"))
    assert not listens(JupyterConnectionInfo("127.0.0.1", False, port))
    assert list(temporary.iterdir()) == []


def test_a_server_that_cannot_start_kernels_fails_with_prespawn_count(
    gateway: Path, temporary: Path
) -> None:
    assert "could not start a kernel in advance: Kernel 'python3' is not installed" in failure(
        python=gateway, prespawn_count=1
    )
    assert list(temporary.iterdir()) == []


def test_the_error_for_a_missing_kernel_gateway_says_what_to_install(tmp_path: Path) -> None:
    # -I -S: without site-packages.
    bare = "import os, sys; os.execv(sys.executable, [sys.executable, '-I', '-S', *sys.argv[1:]])"
    assert 'pip install "jkg-client[local]"' in failure(python=program(tmp_path, bare))


def test_a_missing_interpreter_is_named(tmp_path: Path, temporary: Path) -> None:
    missing = tmp_path / "missing"
    assert str(missing) in failure(python=missing)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", ["missing", "program.py"])
def test_the_error_for_a_missing_folder_names_cwd(
    gateway: Path, tmp_path: Path, temporary: Path, name: str
) -> None:
    with pytest.raises(ValueError, match=rf"cwd must be an existing folder, not .*{name}"):
        LocalJupyterServer(python=gateway, cwd=tmp_path / name)
    assert list(temporary.iterdir()) == []


def test_a_log_that_cannot_be_written_is_named(
    gateway: Path, tmp_path: Path, temporary: Path
) -> None:
    (tmp_path / "file").touch()
    log = tmp_path / "file" / "gateway.log"
    assert str(log.parent) in failure(python=gateway, log_file=log)
    assert list(temporary.iterdir()) == []


@pytest.mark.pitfall(40)
def test_the_error_names_a_port_in_use_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        log = tmp_path / "gateway.log"
        said = failure(port=port, log_file=log, python=tmp_path / "missing")
    assert f"port {port} of 127.0.0.1" in said
    assert not log.exists()


def test_an_address_of_another_machine_is_named() -> None:
    assert "192.0.2.1" in failure(ip="192.0.2.1")


class Refusals(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def thief() -> Iterator[int]:
    """Serves something else on a given port, and then reports it. Yields its own port."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        stolen: list[HTTPServer] = []

        def steal() -> None:
            caller, _ = door.accept()
            with caller:
                stolen.append(HTTPServer(("127.0.0.1", int(caller.recv(16))), Refusals))
                caller.sendall(b"done")
            stolen[0].serve_forever(0.01)

        thread = threading.Thread(target=steal, name="thief")
        thread.start()
        yield door.getsockname()[1]
        stolen[0].shutdown()
        thread.join()
        stolen[0].server_close()


def test_a_port_that_another_program_takes_is_replaced(tmp_path: Path) -> None:
    with thief() as port:
        robbed = f"""
import json, pathlib, socket, sys
first = pathlib.Path({str(tmp_path / "first")!r})
if not first.exists():
    first.touch()
    mine = json.loads(sys.stdin.readline())["config"]["KernelGatewayApp"]["port"]
    with socket.create_connection(("127.0.0.1", {port})) as caller:
        caller.sendall(str(mine).encode())
        caller.recv(16)
    sys.exit(1)
{GATEWAY}"""
        with LocalJupyterServer(python=program(tmp_path, robbed)) as server:
            assert listens(server.connection_info)


@pytest.mark.pitfall(35)
def test_a_server_with_a_large_log_continues_and_can_be_stopped(
    gateway: Path, tmp_path: Path
) -> None:
    log = tmp_path / "gateway.log"
    # It writes more than any pipe can hold.
    with (
        LocalJupyterServer(python=gateway, log_file=log, env={"NOISY": "1"}) as server,
        server.get_client() as client,
    ):
        for _ in range(20):
            client.list_kernel_specs()
        assert log.stat().st_size > 2_000_000
        server.stop()
        assert not listens(server.connection_info)


def test_the_summary_of_a_log_has_warnings_and_the_output_of_kernels(tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    with LocalJupyterServer(
        python=program(tmp_path, GATEWAY), log_file=log, token="some-secret"
    ) as server:
        log.write_text(
            "[I 2026-01-02 03:04:05.678 KernelGatewayApp] Kernel started\n"
            "python: No module named some-secret\n"
            "[E 2026-01-02 03:04:05.678 KernelGatewayApp] [Errno 2] No such file: 'python'\n"
            "    Traceback (most recent call last):\n"
            "\n"
            "[W 2026-01-02 03:04:05.678 tornado.general] 404 GET /api/kernels\n"
            "[notes] of a kernel about tornado.\n",
            encoding="utf-8",
        )
        assert server.log_summary().splitlines() == [
            "python: No module named [token]",
            "[E 2026-01-02 03:04:05.678 KernelGatewayApp] [Errno 2] No such file: 'python'",
            "[notes] of a kernel about tornado.",
        ]


@pytest.mark.pitfall(36)
def test_a_server_that_logs_nothing_is_ready_when_it_answers(tmp_path: Path) -> None:
    silent = "import os, sys\nsys.stdout = sys.stderr = open(os.devnull, 'w')\n"
    with LocalJupyterServer(python=program(tmp_path, silent + GATEWAY)) as server:
        assert server.log_file.read_text(encoding="utf-8") == ""
        with server.get_client() as client:
            assert client.list_kernel_specs()["default"] == "python3"


@pytest.mark.pitfall(40)
def test_no_system_is_refused() -> None:
    for path in Path(settings.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.If) and ast.unparse(node.test).startswith(("sys.pl", "os.na")):
                assert not any(isinstance(inner, ast.Raise) for inner in ast.walk(node)), path
