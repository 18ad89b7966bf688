"""The prepared process, which has imported everything. Kernels are forked from it.

It ends together with the test's process, and so do its kernels.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

from .process import connect, run
from .shells import Shell

assert sys.platform != "win32"  # Windows cannot fork

WATCH = 1.0
"""Seconds between two checks whether the test's process is still running."""


def serve(prepare: Callable[[], Shell], orders: BinaryIO) -> None:
    """Fork a kernel for each order, until the test's process ends.

    Args:
        prepare: Creates a shell that is ready to run cells.
        orders: Lines of JSON from the test's process, which waits for a kernel after each line.
    """
    parent = os.getppid()
    # Ctrl-C in the terminal is meant for the tests, not for this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kernels: set[int] = set()
    signal.signal(signal.SIGCHLD, lambda *_: _reap(kernels))
    shell = prepare()
    gc.collect()
    # Kernels share this memory as long as their garbage collectors do not touch it.
    gc.freeze()
    # Other children of the test's process may keep the pipe open after its end.
    while os.getppid() == parent:
        if select.select([orders], [], [], WATCH)[0]:
            line = orders.readline()
            if not line:
                break
            kernels.add(_fork(line, orders, shell))
    _end(kernels)


def _fork(line: bytes, orders: BinaryIO, shell: Shell) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            orders.close()
            order = json.loads(line)
            run(order, connect(order), shell)
        finally:
            os._exit(1)
    return pid


def _reap(kernels: set[int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            kernels.discard(pid)


def _end(kernels: set[int]) -> None:
    for pid in tuple(kernels):
        # A kernel without a group has not connected yet. Now it cannot connect any more, so it ends
        # by itself.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
