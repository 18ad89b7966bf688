"""How the process of a kernel starts: forked from a prepared one, or spawned by itself."""

from __future__ import annotations

import json
import socket
import struct
import sys
from typing import Any, cast

from .process import run
from .shells import Flavour, Shell

_SIZE = struct.Struct(">I")


def prepare(flavour: Flavour) -> Shell:
    """A shell, with all that takes long done."""
    if flavour == "ipython":
        from .ipython import IPythonShell  # noqa: PLC0415 - not where it is not installed

        return IPythonShell()
    from .plain import PlainShell  # noqa: PLC0415 - only the one that is needed

    return PlainShell()


def be_spawned(flavour: Flavour, port: int, token: str) -> None:
    """Be the process of one kernel, where no kernel can be forked."""
    line = socket.create_connection(("127.0.0.1", port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(token.encode())
    (size,) = _SIZE.unpack(_exactly(line, _SIZE.size))
    order: dict[str, Any] = json.loads(_exactly(line, size))
    run(order, line, prepare(flavour))


def _exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = line.recv(size - len(data))
        if not chunk:
            raise SystemExit("the fake gateway is gone")
        data += chunk
    return data


def main(arguments: list[str]) -> None:
    """Start: ``forks FLAVOUR FD``, or ``spawned FLAVOUR PORT TOKEN``."""
    way, flavour, *rest = arguments
    # Python has the path of the tests already; nothing else of the command line is for cells.
    del sys.argv[1:]
    if way == "forks" and sys.platform != "win32":
        from .prepared import serve  # noqa: PLC0415 - not where nothing forks

        serve(lambda: prepare(cast("Flavour", flavour)), socket.socket(fileno=int(rest[0])))
    else:
        be_spawned(cast("Flavour", flavour), int(rest[0]), rest[1])
