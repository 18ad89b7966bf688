"""A server that answers with any bytes, over HTTP and on a WebSocket after a valid handshake."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import socket as socketlib
import socketserver
import threading
from collections.abc import Iterable, Iterator

from jkg_client import JupyterConnectionInfo

KERNEL_ID = "00000000-0000-0000-0000-000000000000"
MODEL = b'{"id": "%s", "execution_state": "busy", "connections": 0}' % KERNEL_ID.encode()


def http(status: bytes = b"200 OK", *headers: bytes, body: bytes = b"") -> bytes:
    """An HTTP answer. It has a ``Content-Length``, unless ``headers`` contain a length."""
    said = any(header.lower().startswith((b"content-l", b"transfer")) for header in headers)
    lines = headers if said else (*headers, b"Content-Length: %d" % len(body))
    return b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"Connection: close", b"", body])


@contextlib.contextmanager
def hostile(
    rest: Iterable[bytes] = (http(body=MODEL),),
    *,
    socket: Iterable[bytes] = (),
    handshake: bytes | None = None,
) -> Iterator[JupyterConnectionInfo]:
    """A hostile server, for a ``with`` block.

    Args:
        rest: The answer to each REST request, in pieces.
        socket: Bytes to send on each WebSocket. After them, the connection stays open.
        handshake: Answer to the handshake. None for a valid one.
    """
    over = threading.Event()
    lines: list[socketlib.socket] = []

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines.append(self.connection)
            with contextlib.suppress(OSError):
                head = b"".join(iter(self.head_line, b""))
                if b"/channels" not in head:
                    self.send(rest)
                    return
                self.send([handshake or _handshake(head)])
                if handshake is None:
                    self.send(socket)
                    while not over.is_set() and self.rfile.read1(65536):
                        pass

        def head_line(self) -> bytes:
            line = self.rfile.readline() if not over.is_set() else b""
            return b"" if line == b"\r\n" else line

        def send(self, pieces: Iterable[bytes]) -> None:
            for piece in pieces:
                if over.is_set():
                    return
                self.wfile.write(piece)

    with _Server(("127.0.0.1", 0), Talk) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield JupyterConnectionInfo("127.0.0.1", False, server.server_address[1], "its-token")
        finally:
            over.set()
            server.shutdown()
            thread.join()
            for line in lines:
                with contextlib.suppress(OSError):
                    line.shutdown(socketlib.SHUT_RDWR)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False  # wait for the threads


def _handshake(head: bytes) -> bytes:
    key = head.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    accept = b"Sec-WebSocket-Accept: " + base64.b64encode(digest)
    lines = [b"HTTP/1.1 101 Fine", b"Upgrade: websocket", b"Connection: Upgrade", accept]
    return b"\r\n".join([*lines, b"", b""])


def frame(data: bytes, *, first: int = 0x81, claims: int | None = None) -> bytes:
    """A WebSocket frame of any kind. ``claims`` is the length in its header, if it is wrong."""
    length = len(data) if claims is None else claims
    return bytes([first, 127]) + length.to_bytes(8, "big") + data


def endless(piece: bytes, start: bytes = b"") -> Iterable[bytes]:
    """An endless repetition of ``piece``, which several connections can use."""
    return _Endless(start, piece * max(1, 65536 // len(piece)))


class _Endless:
    def __init__(self, start: bytes, piece: bytes) -> None:
        self._start, self._piece = start, piece

    def __iter__(self) -> Iterator[bytes]:
        return itertools.chain([self._start], itertools.repeat(self._piece))
