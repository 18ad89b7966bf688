"""A minimal client with websocket-client: it sends, and receives until idle and reply."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import websocket

from .driver import TIMEOUT, Cell, Where, serve, size_of


@contextlib.contextmanager
def kernel(where: Where) -> Iterator[str]:
    """Id of a new kernel on the gateway. The kernel is deleted afterwards."""
    url = f"{where['http']}/api/kernels"
    with urllib.request.urlopen(_post(url), timeout=TIMEOUT) as answer:  # noqa: S310
        kernel_id = json.load(answer)["id"]
    try:
        yield kernel_id
    finally:
        delete = urllib.request.Request(f"{url}/{kernel_id}", method="DELETE")  # noqa: S310
        urllib.request.urlopen(delete, timeout=TIMEOUT).close()  # noqa: S310


@contextlib.contextmanager
def opened(where: Where, *, quickack: bool) -> Iterator[Cell]:
    """A new kernel and the loop for its messages."""
    with kernel(where) as kernel_id:
        line = websocket.create_connection(
            f"{where['ws']}/api/kernels/{kernel_id}/channels", timeout=TIMEOUT
        )
        try:
            yield lambda code: _run(line, code, quickack=quickack)
        finally:
            line.close()


def request(code: str) -> dict[str, Any]:
    """An execute_request for the default framing."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "session": "minimal",
        "username": "",
        "date": "2000-01-01T00:00:00Z",
        "version": "5.4",
    }
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    parts = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    return {**parts, "channel": "shell", "buffers": []}


def _run(line: websocket.WebSocket, code: str, *, quickack: bool) -> int:
    sent = request(code)
    line.send(json.dumps(sent))
    got, idle, replied = 0, False, False
    while not (idle and replied):
        message = json.loads(line.recv())
        if quickack and line.sock is not None:
            line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if message["parent_header"].get("msg_id") != sent["header"]["msg_id"]:
            continue
        content = message["content"]
        got += size_of(content)
        idle |= content.get("execution_state") == "idle"
        replied |= message["channel"] == "shell"
    return got


def _post(url: str) -> urllib.request.Request:
    return urllib.request.Request(url, b'{"name": "python3"}', method="POST")  # noqa: S310


if __name__ == "__main__":
    serve(lambda where: opened(where, quickack=sys.argv[1] == "quickack"))
