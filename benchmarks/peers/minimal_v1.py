"""The quickest client with websocket-client: v1 framing, quick acknowledgements, no checks."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import websocket

from .driver import TIMEOUT, Cell, Where, serve, size_of
from .floor import V1, decode_v1, encode_v1
from .minimal import kernel, request


@contextlib.contextmanager
def opened(where: Where) -> Iterator[Cell]:
    """A new kernel and the loop for its messages."""
    with kernel(where) as kernel_id:
        line = websocket.create_connection(
            f"{where['ws']}/api/kernels/{kernel_id}/channels",
            timeout=TIMEOUT,
            subprotocols=[V1],
            skip_utf8_validation=True,
        )
        try:
            yield lambda code: _run(line, code)
        finally:
            line.close()


def _run(line: websocket.WebSocket, code: str) -> int:
    sent = request(code)
    line.send_binary(encode_v1(sent)[1])
    got, idle, replied = 0, False, False
    while not (idle and replied):
        frame = line.recv()
        if line.sock is not None:
            line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        parent, content = decode_v1(frame if isinstance(frame, bytes) else frame.encode())
        if parent.get("msg_id") != sent["header"]["msg_id"]:
            continue
        got += size_of(content)
        idle |= content.get("execution_state") == "idle"
        replied |= content["channel"] == "shell"
    return got


if __name__ == "__main__":
    serve(opened)
