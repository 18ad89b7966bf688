"""The opening handshake of a WebSocket: https://www.rfc-editor.org/rfc/rfc6455#section-4.

The handshake of websocket-client is not used: its time limit applies to each byte only, it shares
cookies in the whole process, and it sends an ``Origin``. If a proxy changes ``Host``, the server
refuses that ``Origin``.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import socket
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from attrs import frozen

from ..client.deadline import Deadline
from .connecting import read_head

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class HandshakeError(OSError):
    """The answer does not come from a WebSocket server."""


@frozen
class HandshakeAnswer:
    """The server's answer to the handshake.

    Attributes:
        status: 101 if the server has accepted; then the rest of the handshake was checked, too.
        headers: Names in lower case.
    """

    status: int
    headers: Mapping[str, str]


def shake_hands(
    stream: socket.socket,
    url: str,
    headers: Mapping[str, str],
    deadline: Deadline,
    while_waiting: Callable[[Deadline], object] = lambda _: None,
) -> HandshakeAnswer:
    """Ask the server to switch to the WebSocket protocol.

    Args:
        stream: A new connection to the server.
        url: A ``ws`` or ``wss`` URL.
        headers: Headers in addition to the headers of the handshake itself.
        deadline: Time limit for the whole handshake.
        while_waiting: As in ``read_head``.

    Raises:
        HandshakeError: The answer is not HTTP, or does not come from a WebSocket server.
        OSError: The stream is broken. ``socket.timeout`` if the deadline passes.
        Exception: An error of ``while_waiting``.
    """
    key = base64.b64encode(os.urandom(16)).decode()
    stream.settimeout(deadline.left() or 0.001)
    stream.sendall(_request(url, key, headers))
    answer = _answer(read_head(stream, deadline, while_waiting))
    if answer.status == 101:
        _check(answer.headers, key)
    return answer


def _request(url: str, key: str, headers: Mapping[str, str]) -> bytes:
    parts = urlsplit(url)
    own = {
        "Host": parts.netloc,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
    }
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    # Headers of the caller, such as Host or Origin, replace the default ones.
    given = {name.lower() for name in headers}
    lines = [f"{name}: {value}" for name, value in own.items() if name.lower() not in given]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def _answer(head: bytes) -> HandshakeAnswer:
    first, _, rest = head.partition(b"\r\n")
    words = first.decode("latin-1").split(None, 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():
        raise HandshakeError(f"the answer is not HTTP: {first[:80]!r}")
    try:
        fields = http.client.parse_headers(io.BytesIO(rest))
    except http.client.HTTPException as exc:
        raise HandshakeError(f"the answer cannot be understood: {exc}") from exc
    return HandshakeAnswer(int(words[1]), {name.lower(): value for name, value in fields.items()})


def _check(headers: Mapping[str, str], key: str) -> None:
    accepted = base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode()).digest())  # noqa: S324
    upgrades = "upgrade" in headers.get("connection", "").lower()
    if (
        headers.get("upgrade", "").lower() != "websocket"
        or not upgrades
        or headers.get("sec-websocket-accept", "").strip() != accepted.decode()
    ):
        raise HandshakeError("this is not a WebSocket server")
