"""The prepared process: everything is imported, kernels are forked from it.

It ends, and its kernels with it, when the test's process does.
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

assert sys.platform != "win32"  # nothing forks there

WATCH = 1.0
"""Seconds between two looks whether the test's process is still there."""


def serve(prepare: Callable[[], Shell], orders: BinaryIO) -> None:
    """Fork a kernel for each order, until no more can come.

    Args:
        prepare: Makes a shell, with all that takes long done.
        orders: Lines of JSON from the test's process, which waits for a kernel after each.
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
        # One that leads no group yet finds nobody to connect to, and ends by itself.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
