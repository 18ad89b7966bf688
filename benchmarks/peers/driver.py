"""The loop of a driver. It reads tasks from stdin and writes results to stdout, as lines of JSON.

The first line has the address of the gateway. The next lines are tasks::

    {"do": "open"}                                  start a kernel, and connect to it
    {"do": "cell", "code": "pass", "times": 20}     run the code 20 times
    {"do": "start"}                                 open another kernel, run a cell, close
    {"do": "close"}

The answer to each task is one line: ``seconds`` (of each cell), ``cpu`` (seconds of this process
for all cells), ``rss`` (largest growth of the resident set, in bytes), and ``got`` (bytes of output
that the caller has received from the last cell). Or it is only ``error``.

This module uses only the standard library, because it runs in the environments of the peers.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

Where = Mapping[str, Any]
"""``host``, ``port``, the URLs ``http`` and ``ws``, and further fields of the measurement."""

Cell = Callable[[str], int]
"""Runs a cell to its end, and returns the bytes of output that its caller received."""

Opened = Callable[[Where], AbstractContextManager[Cell]]

FIRST_CELL = "print('ready')"

TIMEOUT = 240.0
"""Time limit for each wait, in seconds."""


def size_of(content: Mapping[str, Any]) -> int:
    """Bytes of output in the content of a message, or in an output of a notebook."""
    return len(content.get("text", "")) + len(content.get("data", {}).get("image/png", ""))


def size_of_files(output: str, files: Iterable[str | Path]) -> int:
    """Bytes of output in text and in saved files. Removes these files."""
    size = len(output)
    for file in map(Path, files):
        size += file.stat().st_size
        file.unlink()
    return size


def serve(opened: Opened) -> None:
    """Run the tasks of stdin until its end."""
    # Text that a library prints must not be mistaken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    where = json.loads(sys.stdin.readline())
    with contextlib.ExitStack() as stack:
        driver = _Driver(opened, where, stack)
        for line in sys.stdin:
            print(json.dumps(driver.answer(json.loads(line))), file=answers, flush=True)


class _Driver:
    def __init__(self, opened: Opened, where: Where, stack: contextlib.ExitStack) -> None:
        self._opened = opened
        self._where = where
        self._stack = stack
        self._cell: Cell | None = None

    def answer(self, task: dict[str, Any]) -> dict[str, Any]:
        steps: dict[str, Callable[..., dict[str, Any]]] = {
            "open": self._open,
            "cell": self._run,
            "start": self._start,
            "close": self._close,
        }
        try:
            return steps[task.pop("do")](**task)
        except Exception as exc:  # noqa: BLE001 - the table shows all errors of peers
            return {"error": f"{type(exc).__name__}: {exc}"[:200]}

    def _open(self) -> dict[str, Any]:
        self._cell = self._stack.enter_context(self._opened(self._where))
        return {}

    def _close(self) -> dict[str, Any]:
        self._cell = None
        self._stack.close()
        return {}

    def _run(self, code: str, times: int = 1) -> dict[str, Any]:
        cell = self._cell
        if cell is None:
            raise RuntimeError("not open")
        before, seconds, got = _forget_peak(), [], 0
        cpu = time.process_time()
        for _ in range(times):
            started = time.perf_counter()
            got = cell(code)
            seconds.append(time.perf_counter() - started)
        cpu = time.process_time() - cpu
        return {"seconds": seconds, "cpu": cpu, "rss": _memory("VmHWM") - before, "got": got}

    def _start(self) -> dict[str, Any]:
        cpu, started = time.process_time(), time.perf_counter()
        with self._opened(self._where) as cell:
            got = cell(FIRST_CELL)
            seconds = time.perf_counter() - started
            cpu = time.process_time() - cpu
        return {"seconds": [seconds], "cpu": cpu, "rss": 0, "got": got}


def _forget_peak() -> int:
    """Start to measure the peak of the resident set, and return its current size."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)
