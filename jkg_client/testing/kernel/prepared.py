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
from collections.abc import Callable
from typing import cast

from ...protocol.messages import Json
from .process import run
from .shells import Shell

assert sys.platform != "win32"  # nothing forks there

SIZE = struct.Struct(">I")

WATCH = 1.0
"""Seconds between two looks whether the test's process is still there."""


def serve(prepare: Callable[[], Shell], orders: socket.socket) -> None:
    """Fork a kernel for each order, until no more can come.

    Args:
        prepare: Makes a shell, with all that takes long done.
        orders: From the test's process.
    """
    parent = os.getppid()
    # Ctrl-C is for the tests.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kernels: set[int] = set()
    signal.signal(signal.SIGCHLD, lambda *_: _reap(kernels))
    shell = prepare()
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
