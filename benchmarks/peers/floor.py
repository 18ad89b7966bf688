"""The minimum for every client: read frames from a socket, and parse them by json.loads."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

from .driver import TIMEOUT, Cell, Where, serve, size_of
from .minimal import kernel, request

V1 = "v1.kernel.websocket.jupyter.org"
PIECE = 2**18
PING, PONG = 9, 10

Encode = Callable[[dict[str, Any]], "tuple[int, bytes]"]
Decode = Callable[[bytes], "tuple[dict[str, Any], dict[str, Any]]"]


class Line:
    """A WebSocket whose messages are never split into several frames."""

    def __init__(self, where: Where, kernel_id: str, subprotocol: str) -> None:
        self._socket = socket.create_connection((where["host"], where["port"]), TIMEOUT)
        self._ahead = bytearray()
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET /api/kernels/{kernel_id}/channels HTTP/1.1",
            f"Host: {where['host']}:{where['port']}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *([f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol else []),
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self._ahead:
            self._read()
        head, _, rest = bytes(self._ahead).partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode())
        self._ahead = bytearray(rest)

    def send(self, opcode: int, data: bytes) -> None:
        """Send one frame. Its mask is zero, so the data remain unchanged."""
        if len(data) < 126:  # pings and pongs must use this short form
            head = struct.pack(">BB", 0x80 | opcode, 0x80 | len(data))
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, len(data))
        self._socket.sendall(b"".join([head, bytes(4), data]))

    def receive(self) -> bytes:
        """Return the next message. Answers pings."""
        while True:
            opcode = self._take(1)[0] & 15
            length = self._take(1)[0]
            if length > 125:
                length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
            data = self._take(length)
            if opcode < 8:
                return data
            if opcode == PING:
                self.send(PONG, data)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _take(self, count: int) -> bytes:
        while len(self._ahead) < count:
            self._read()
        data = bytes(self._ahead[:count])
        del self._ahead[:count]
        return data

    def _read(self) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        piece = self._socket.recv(PIECE)
        if not piece:
            raise ConnectionError("closed")
        self._ahead += piece


def encode_default(message: dict[str, Any]) -> tuple[int, bytes]:
    """Opcode and data of a frame without a subprotocol."""
    return 1, json.dumps(message).encode()


def decode_default(frame: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parent header and content of a frame without a subprotocol."""
    message = json.loads(frame)
    return message["parent_header"], {**message["content"], "channel": message["channel"]}


def encode_v1(message: dict[str, Any]) -> tuple[int, bytes]:
    """Opcode and data of a frame of the subprotocol."""
    names = ("header", "parent_header", "metadata", "content")
    parts = [b"shell", *(json.dumps(message[name]).encode() for name in names)]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    head = struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets)
    return 2, b"".join([head, *parts])


def decode_v1(frame: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parent header and content of a frame of the subprotocol."""
    (count,) = struct.unpack_from("<Q", frame)
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    parts = [frame[a:b] for a, b in zip(offsets, offsets[1:])]
    _, parent, _, content = (json.loads(part) for part in parts[1:5])
    return parent, {**content, "channel": parts[0].decode()}


@contextlib.contextmanager
def opened(where: Where, subprotocol: str, encode: Encode, decode: Decode) -> Iterator[Cell]:
    """A new kernel and the loop for its messages."""
    with kernel(where) as kernel_id:
        line = Line(where, kernel_id, subprotocol)
        try:
            yield lambda code: _run(line, code, encode, decode)
        finally:
            line.close()


def _run(line: Line, code: str, encode: Encode, decode: Decode) -> int:
    sent = request(code)
    line.send(*encode(sent))
    got, idle, replied = 0, False, False
    while not (idle and replied):
        parent, content = decode(line.receive())
        if parent.get("msg_id") != sent["header"]["msg_id"]:
            continue
        got += size_of(content)
        idle |= content.get("execution_state") == "idle"
        replied |= content["channel"] == "shell"
    return got


if __name__ == "__main__":
    if sys.argv[1] == "v1":
        serve(lambda where: opened(where, V1, encode_v1, decode_v1))
    else:
        serve(lambda where: opened(where, "", encode_default, decode_default))
