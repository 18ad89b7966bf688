"""The prepared process: everything is imported, kernels are forked from it.

It ends, and its kernels with it, when the test's process does.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import struct
import sys
from typing import Any, cast

from ...protocol.messages import Json
from .process import run
from .shells import Flavour, Shell

SIZE = struct.Struct(">I")

WATCH = 1.0
"""Seconds between two looks whether the test's process is still there."""


def prepare(flavour: Flavour) -> Shell:
    """A shell, with all that takes long done."""
    if flavour == "ipython":
        from .ipython import IPythonShell  # noqa: PLC0415 - not where it is not installed

        return IPythonShell()
    from .plain import PlainShell  # noqa: PLC0415 - only the one that is needed

    return PlainShell()


def serve(flavour: Flavour, orders: socket.socket) -> None:
    """Fork a kernel for each order, until no more can come."""
    parent = os.getppid()
    # Ctrl-C is for the tests.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kernels: set[int] = set()
    signal.signal(signal.SIGCHLD, lambda *_: _reap(kernels))
    shell = prepare(flavour)
    gc.collect()
    # What is there already is not looked at again in each kernel, nor copied for that.
    gc.freeze()
    orders.settimeout(WATCH)
    try:
        while True:
            received = _receive(orders, parent)
            if received is None:
                break
            pid = _fork(*received, orders, shell)
            kernels.add(pid)
            orders.sendall(SIZE.pack(pid))
    except OSError:
        pass
    _end(kernels)


def _fork(order: Json, line: socket.socket, orders: socket.socket, shell: Shell) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            orders.close()
            run(order, line, shell)
        finally:
            os._exit(1)
    line.close()
    return pid


def _receive(orders: socket.socket, parent: int) -> tuple[Json, socket.socket] | None:
    while True:
        # Other children of the test's process may keep our line open after its end.
        if os.getppid() != parent:
            return None
        try:
            head, (fd, *_), _, _ = socket.recv_fds(orders, SIZE.size, 1)
        except socket.timeout:
            continue
        except ValueError:
            return None
        data = b""
        (size,) = SIZE.unpack(head)
        while len(data) < size:
            data += orders.recv(size - len(data))
        return cast("Json", json.loads(data)), socket.socket(fileno=fd)


def _reap(kernels: set[int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            kernels.discard(pid)


def _end(kernels: set[int]) -> None:
    for pid in tuple(kernels):
        # Not all of them lead a group yet.
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGKILL)


def be_spawned(flavour: Flavour, port: int, token: str) -> None:
    """Be the process of one kernel, where no kernel can be forked."""
    line = socket.create_connection(("127.0.0.1", port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(token.encode())
    (size,) = SIZE.unpack(_exactly(line, SIZE.size))
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
    if way == "forks":
        serve(cast("Flavour", flavour), socket.socket(fileno=int(rest[0])))
    else:
        be_spawned(cast("Flavour", flavour), int(rest[0]), rest[1])
