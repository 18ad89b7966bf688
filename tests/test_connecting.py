"""Certificate authorities, proxies, and the opening handshake as in the RFC."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket._handshake

from jkg_client import JupyterClient, JupyterConnectionInfo
from jkg_client.client.deadline import Deadline
from jkg_client.gateway import connecting
from jkg_client.gateway.connecting import authorities_of, proxy_for, proxy_name, read_head
from jkg_client.gateway.handshake import HandshakeAnswer, HandshakeError, shake_hands
from jkg_client.testing import FakeGateway

USUAL = requests.utils.DEFAULT_CA_BUNDLE_PATH
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def info(verify: bool | str = True, **more: Any) -> JupyterConnectionInfo:
    return JupyterConnectionInfo("example.com", True, verify=verify, **more)


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    (tmp_path / "ca.pem").touch()
    return str(tmp_path / "ca.pem")


@pytest.mark.field("C1")
def test_authorities_of_the_caller_override_the_environment(bundle: str) -> None:
    environ = {"REQUESTS_CA_BUNDLE": "/nosuch", "CURL_CA_BUNDLE": "/nosuch"}
    assert authorities_of(info(bundle), environ) == bundle
    assert authorities_of(info(False), environ) is False


@pytest.mark.field("C1")
@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_authorities_of_the_environment_are_used_by_default(name: str, bundle: str) -> None:
    assert authorities_of(info(), {name: bundle}) == bundle
    assert authorities_of(info(), {name: ""}) == USUAL
    assert authorities_of(info(), {}) == USUAL


@pytest.mark.field("C1")
@pytest.mark.parametrize(
    ("given", "environ", "message"),
    [
        ({"verify": "nosuch.pem"}, {}, "verify: there is no file nosuch.pem"),
        ({"cert": "nosuch.pem"}, {}, "cert: there is no file nosuch.pem"),
        ({"cert": (USUAL, "nosuch.key")}, {}, "cert: there is no file nosuch.key"),
        ({}, {"CURL_CA_BUNDLE": "gone.pem"}, "CURL_CA_BUNDLE: there is no file gone.pem"),
    ],
)
def test_a_missing_file_is_reported_before_anything_is_sent(
    given: dict[str, Any],
    environ: dict[str, str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        JupyterClient(info(**given))


# One row for each spelling: variable, value, the proxy for https://example.com.
@pytest.mark.field("C6")
@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://p:1"}, "http://p:1"),
        ({"HTTPS_PROXY": "p:1"}, "http://p:1"),
        ({"all_proxy": "socks5h://me:pw@p:1"}, "socks5h://me:pw@p:1"),
        ({"http_proxy": "http://p:1"}, None),
        ({"https_proxy": "http://p:1", "no_proxy": "example.com"}, None),
        ({"https_proxy": "http://p:1", "no_proxy": ".com"}, None),
        ({"https_proxy": "http://p:1", "no_proxy": "other.org"}, "http://p:1"),
    ],
)
def test_the_proxy_is_taken_from_the_environment(
    environ: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(info()) == proxy


@pytest.mark.parametrize(
    ("proxy", "name"),
    [
        ("http://me:pass@word@p:3128", "http://p:3128"),
        ("socks5://[::1]:1080", "socks5://[::1]:1080"),
    ],
)
def test_the_name_of_a_proxy_does_not_contain_its_password(proxy: str, name: str) -> None:
    assert proxy_name(proxy) == name


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def answered(
    ends: tuple[socket.socket, socket.socket], answer: bytes, headers: dict[str, str] | None = None
) -> tuple[HandshakeAnswer, str]:
    """The result of a handshake with this answer, and the request."""
    ours, theirs = ends
    asked = bytearray()

    def serve() -> None:
        while not asked.endswith(b"\r\n\r\n"):
            asked.extend(theirs.recv(4096))
        key = asked.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + GUID.encode()).digest())
        theirs.sendall(answer.replace(b"ACCEPT", accept))

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        url = "ws://[::1]:8888/a/b?session_id=1"
        return shake_hands(ours, url, headers or {}, Deadline(10)), asked.decode()
    finally:
        serving.join(10)


GOOD = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Accept: ACCEPT\r\nX-More: 1\r\n\r\n"
)


def test_a_handshake_follows_the_rfc_and_has_no_origin(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    answer, asked = answered(ends, GOOD + b"\x81\x00", {"Authorization": "token t", "X": "y"})
    assert (answer.status, answer.headers["x-more"]) == (101, "1")
    first, *lines = asked.split("\r\n")
    assert first == "GET /a/b?session_id=1 HTTP/1.1"
    fields = dict(line.split(": ", 1) for line in lines if line)
    assert len(base64.b64decode(fields.pop("Sec-WebSocket-Key"))) == 16
    assert fields == {
        "Host": "[::1]:8888",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Authorization": "token t",
        "X": "y",
    }
    assert ends[0].recv(10) == b"\x81\x00"  # the frame after the head was not read


def test_headers_of_the_caller_replace_default_headers(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    _, asked = answered(ends, GOOD, {"host": "other", "Origin": "https://page"})
    assert "host: other\r\n" in asked
    assert "Host:" not in asked
    assert "Origin: https://page\r\n" in asked


def test_a_refusal_is_an_answer(ends: tuple[socket.socket, socket.socket]) -> None:
    answer, _ = answered(ends, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    assert answer.status == 403


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        GOOD.replace(b"ACCEPT", b"AAAA"),
        GOOD.replace(b"Upgrade: WebSocket", b"Upgrade: h2c"),
        GOOD.replace(b"keep-alive, Upgrade", b"close"),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
def test_a_server_that_is_not_a_websocket_server_is_reported(
    answer: bytes, ends: tuple[socket.socket, socket.socket]
) -> None:
    with pytest.raises(HandshakeError):
        answered(ends, answer)


@pytest.mark.field("D8")
def test_the_cookies_of_other_users_of_websocket_client_stay_unchanged(
    fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = websocket._handshake.CookieJar
    monkeypatch.setattr(jar, "jar", {})
    jar.add("theirs=1; domain=127.0.0.1")
    with JupyterClient(fake_gateway.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        client.get_kernel_client(kernel_id).stop()
    assert "theirs" in str(jar.get("127.0.0.1"))
    (opening,) = fake_gateway.journal.requests("GET", f"/api/kernels/{kernel_id}/channels")
    assert "theirs" not in opening.headers.get("Cookie", "")


@pytest.mark.parametrize(
    "head",
    [
        *(f"HTTP/1.1 101 x\r\nA: {'b' * length}\r\n\r\n" for length in range(4)),
        "\r\n\r\n",
        "A: \r\r\n\r\n",
        "A: \r\nB: \n\r\n\r\r\n\r\n",
    ],
)
def test_data_after_the_head_of_a_response_stays_unread(
    ends: tuple[socket.socket, socket.socket], head: str
) -> None:
    client, server = ends
    server.sendall(f"{head}\r\n\r\nframes".encode())
    assert read_head(client, Deadline(10)) == head.encode()
    assert client.recv(100) == b"\r\n\r\nframes"


def test_a_wait_for_the_head_of_a_response_calls_a_function(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "_PAUSE", 0.01)
    client, server = ends
    pieces = [b"HTTP/1.1 101 x\r\n", b"A: b\r\n\r", b"\n"]
    rest = list(pieces)

    def send_a_piece(limit: Deadline) -> None:
        assert limit.seconds == 1.0
        server.sendall(rest.pop(0))

    assert read_head(client, Deadline(10), send_a_piece) == b"".join(pieces)


def test_the_function_is_not_called_shortly_before_the_time_limit(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A call that takes too long could exceed the limit.
    monkeypatch.setattr(connecting, "_PAUSE", 0.06)
    with pytest.raises(socket.timeout):
        read_head(ends[0], Deadline(0.1), lambda _: pytest.fail("called"))
