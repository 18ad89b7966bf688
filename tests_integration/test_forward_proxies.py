"""Through proxies that the environment names: tinyproxy for HTTP, microsocks for SOCKS."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import frozen
from machines import Machine, machine, require, which

from jkg_client import (
    CodeBlock,
    GatewayError,
    GatewayUnauthorized,
    GatewayUnreachable,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectionInfo,
    LocalJupyterServer,
)
from jkg_client.client.deadline import Deadline
from jkg_client.servers.ports import free_port

TINYPROXY = """
Listen 127.0.0.1
Port {port}
Timeout 60
MaxClients 20
LogFile "{log}"
LogLevel Connect
DisableViaHeader Yes
{more}
"""
NO_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
STARTING = 20.0


@frozen
class Proxies:
    """Addresses of proxies, as a user would write them, and a log.

    Attributes:
        open: HTTP proxy without a password.
        guarded: HTTP proxy that requires the user ``me`` with the password ``password``.
        socks: SOCKS 5 proxy that requires the same user and password.
        log: File to which ``open`` writes its requests.
    """

    open: str
    guarded: str
    socks: str
    log: Path


@pytest.fixture(scope="module")
def there() -> Iterator[Machine]:
    require("ip", "tinyproxy", "microsocks")
    with machine() as made:
        yield made


@pytest.fixture(scope="module", params=["IPv4", "IPv6"])
def server(request: pytest.FixtureRequest, there: Machine) -> Iterator[JupyterConnectionInfo]:
    """A server at an address that is no loopback address, so that clients use the proxy."""
    host = there.here if request.param == "IPv4" else there.here6
    with LocalJupyterServer(host) as running:
        yield running.connection_info


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    require("tinyproxy", "microsocks")
    folder = tmp_path_factory.mktemp("proxies")
    ports = [free_port("127.0.0.1") for _ in range(3)]
    login = "BasicAuth me password"
    with (
        _tinyproxy(folder / "open", ports[0], ""),
        _tinyproxy(folder / "guarded", ports[1], login),
        _listening([which("microsocks"), "-i", "127.0.0.1", "-p", str(ports[2])], ports[2]),
    ):
        everybody, guarded, socks = (f"127.0.0.1:{port}" for port in ports)
        yield Proxies(everybody, guarded, socks, folder / "open" / "log")


@contextmanager
def _tinyproxy(folder: Path, port: int, more: str) -> Iterator[None]:
    folder.mkdir()
    settings = TINYPROXY.format(port=port, log=folder / "log", more=more)
    (folder / "conf").write_text(settings, encoding="utf-8")
    with _listening([which("tinyproxy"), "-d", "-c", str(folder / "conf")], port):
        yield


@contextmanager
def _listening(command: Sequence[str], port: int) -> Iterator[None]:
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = Deadline(STARTING)
            while not _connects(port):
                assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
                assert not deadline.passed, f"{command[0]} does not listen"
                time.sleep(0.05)
            yield
        finally:
            process.kill()


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in NO_PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def _answer(info: JupyterConnectionInfo, folder: Path) -> str:
    with JupyterCodeExecutor(info, output_dir=folder) as executor:
        return executor.execute_code_blocks([CodeBlock("print(6 * 7)", "python")]).output


@pytest.mark.field("C6")
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["", "http://"])
def test_rest_and_websocket_use_the_proxy_in_any_spelling(
    server: JupyterConnectionInfo,
    proxies: Proxies,
    variable: str,
    scheme: str,
    environment: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    environment.setenv(variable, f"{scheme}{proxies.open}")
    before = proxies.log.read_text("utf-8")
    assert _answer(server, tmp_path) == "42\n"
    asked = proxies.log.read_text("utf-8")[len(before) :]
    host = f"[{server.host}]" if ":" in server.host else server.host
    assert f"CONNECT {host}:{server.port}" in asked
    assert "POST http://" in asked


@pytest.mark.field("C6")
def test_a_user_and_a_password_are_sent_to_the_proxy(
    server: JupyterConnectionInfo,
    proxies: Proxies,
    environment: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    environment.setenv("http_proxy", f"http://me:p%61ssword@{proxies.guarded}")
    assert _answer(server, tmp_path) == "42\n"


@pytest.mark.field("C6")
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_one_library_is_enough_for_rest_and_websocket_through_socks(
    server: JupyterConnectionInfo,
    proxies: Proxies,
    scheme: str,
    environment: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    environment.setenv("all_proxy", f"{scheme}://{proxies.socks}")
    assert _answer(server, tmp_path) == "42\n"


@pytest.mark.field("C6")
def test_a_host_that_needs_no_proxy_is_reached_without(
    server: JupyterConnectionInfo, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("http_proxy", "http://127.0.0.1:9")
    environment.setenv("no_proxy", server.host)
    assert _answer(server, tmp_path) == "42\n"


@pytest.mark.field("C6")
@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_dead_proxy_is_named_without_its_password(
    server: JupyterConnectionInfo, scheme: str, environment: pytest.MonkeyPatch
) -> None:
    dead = f"127.0.0.1:{free_port('127.0.0.1')}"
    environment.setenv("all_proxy", f"{scheme}://me:secret-word@{dead}")
    with JupyterClient(server) as client, pytest.raises(GatewayUnreachable) as caught:
        client.list_kernel_specs()
    assert f"the proxy {scheme}://{dead}" in str(caught.value)
    assert "secret-word" not in str(caught.value)


@pytest.mark.field("C6")
@pytest.mark.parametrize(
    # If the password is wrong, tinyproxy answers 401, as if it were the server.
    ("login", "error"),
    [("", GatewayUnreachable), ("me:wrong-word@", GatewayUnauthorized)],
)
def test_a_proxy_that_refuses_is_named(
    server: JupyterConnectionInfo,
    proxies: Proxies,
    login: str,
    error: type[GatewayError],
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("http_proxy", f"http://{login}{proxies.guarded}")
    with JupyterClient(server) as client, pytest.raises(error) as caught:
        client.list_kernel_specs()
    assert f"the proxy http://{proxies.guarded} refuses" in str(caught.value)
    assert "wrong-word" not in str(caught.value)


@pytest.mark.field("C6")
def test_a_proxy_that_refuses_the_websocket_is_named(
    server: JupyterConnectionInfo, proxies: Proxies, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("http_proxy", f"http://{proxies.guarded}")
    with (
        JupyterClient(server) as client,
        pytest.raises(GatewayUnreachable, match=f"the proxy http://{proxies.guarded}"),
    ):
        client.get_kernel_client("any")
