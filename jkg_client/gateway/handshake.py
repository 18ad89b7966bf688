"""The opening handshake of a WebSocket: https://www.rfc-editor.org/rfc/rfc6455#section-4.

Written by hand: websocket-client's has a time limit for each byte only, keeps cookies for the whole
process, and sends an ``Origin``, which a proxy that changes ``Host`` makes foreign to the server.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from attrs import frozen

from ..client.deadline import Deadline
from .opening import read_head

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class HandshakeError(OSError):
    """What answers is not a WebSocket server."""


@frozen
class HandshakeAnswer:
    """What a server has answered.

    Attributes:
        status: 101 if it speaks WebSocket from here on; then the rest of the handshake was checked.
        headers: Names in lower case.
    """

    status: int
    headers: Mapping[str, str]


def shake_hands(
    stream: socket.socket, url: str, headers: Mapping[str, str], deadline: Deadline
) -> HandshakeAnswer:
    """Ask the server at the other end of ``stream`` to speak WebSocket.

    Args:
        stream: Nothing was sent on it yet.
        url: With ``ws`` or ``wss``.
        headers: Besides those of the handshake itself.
        deadline: For all of it.

    Raises:
        HandshakeError: The answer is not one of HTTP, or not one of a WebSocket server.
        OSError: The stream is broken; ``socket.timeout`` if the deadline passes.
    """
    key = base64.b64encode(os.urandom(16)).decode()
    stream.settimeout(deadline.left() or 0.001)
    stream.sendall(_request(url, key, headers))
    answer = _answer(read_head(stream, deadline))
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
    # A header that the caller gives, Host or Origin for example, wins.
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
