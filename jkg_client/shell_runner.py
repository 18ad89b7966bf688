"""Runs a shell cell in the process of the kernel, and prints its output until the shell ends.

This module is sent to the kernel as text. It uses only the standard library, and adds nothing to
the user's variables. ``%%bash`` of IPython is not used, for four reasons:

- It waits until all processes have closed the pipes, so a cell with ``server &`` does not end.
- The shell reads the script from stdin, so a program that reads stdin swallows the rest of it.
- Programs that ignore an interrupt keep running after the cell, and then the rest of the script.
- If there is no such shell, the cell succeeds.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LONGEST_ARGUMENT = 100_000
"""Longest script that is passed as an argument, in bytes. Systems refuse long arguments."""

_AT_ONCE = 2**16

_QUIET, _REST = 0.05, 0.2
"""After the end of the shell, the cell ends when no output has come for ``_QUIET`` seconds, and
after ``_REST`` seconds in any case."""

_SHELL_GRACE, _GRACE = 0.3, 2.0
"""Seconds after an interrupt until the shell is killed, and until its programs are killed."""

_NOT_FOUND = 127
_SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has none

_LEAVE_TO_CAT = ["sh", "-c", "exec 3<&0; cat <&3 >/dev/null 2>&1 &"]


def run(shell: str, script: str) -> None:
    """Run a script.

    Raises:
        CalledProcessError: The exit status of the script is not 0.
        KeyboardInterrupt: The cell was interrupted. The programs of the script have ended.
    """
    if os.name == "nt":
        get_ipython().run_cell_magic(shell, "", script)  # type: ignore[name-defined]  # noqa: F821
        return
    try:
        data = script.encode("utf-8", "replace")
        status = _status(shell, script, data)
        if status != 0:
            raise subprocess.CalledProcessError(status, data)  # noqa: TRY301
    except BaseException as exc:
        # IPython shows this line. Its traceback would contain the whole text of this module.
        shown = f"{type(exc).__name__}: {exc}".rstrip(": ")
        exc._render_traceback_ = lambda *_: [shown]  # type: ignore[attr-defined]
        raise


def _status(shell: str, script: str, data: bytes) -> int:
    with contextlib.ExitStack() as stack:
        words = [shell, "-c", script]
        given: Any = subprocess.DEVNULL
        if len(data) > _LONGEST_ARGUMENT or "\0" in script:
            words, given = [shell], stack.enter_context(tempfile.TemporaryFile())
            given.write(data)
            given.seek(0)
        try:
            process = subprocess.Popen(words, stdin=given, stdout=-1, stderr=-1, bufsize=0)
        except FileNotFoundError:
            print(f"{shell}: command not found", file=sys.stderr)
            return _NOT_FOUND
        run = _Run(process)
        try:
            run.print_output()
        except KeyboardInterrupt:
            run.stop()
            raise
        finally:
            run.leave()
        return process.wait()


class _Run:
    """A running shell, and the pipes from which its output comes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pipes = selectors.DefaultSelector()
        for pipe, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            self._pipes.register(pipe, selectors.EVENT_READ, (target, decoder))  # type: ignore[arg-type]
        # This pipe is closed when the shell ends. Background processes keep the others open.
        self._ended, ended = os.pipe()
        self._pipes.register(self._ended, selectors.EVENT_READ)
        threading.Thread(target=_wait, args=(process, ended), daemon=True).start()

    def print_output(self) -> None:
        """Print all output, until the shell has ended and nothing more comes."""
        while self._pipes.get_map().get(self._ended):
            self._print_some(None)
        end = time.monotonic() + _REST
        while self._pipes.get_map() and time.monotonic() < end:
            if not self._print_some(_QUIET):
                break

    def stop(self) -> None:
        """End the shell and its programs. The interrupt was for them, too: let them react first."""
        start = time.monotonic()
        programs = self._programs()
        try:
            self._process.send_signal(signal.SIGINT)
            while self._programs() and time.monotonic() < start + _SHELL_GRACE:
                self._print_some(_QUIET)
            programs |= self._programs()
            if programs - {self._process.pid}:
                # Otherwise, the shell would run the rest of the script.
                self._process.kill()
            while self._programs() and time.monotonic() < start + _GRACE:
                self._print_some(_QUIET)
        finally:
            for pid in programs | self._programs():
                with contextlib.suppress(OSError):
                    os.kill(pid, _SIGKILL)

    def leave(self) -> None:
        """Leave pipes that are still open to ``cat``: their writers would die without a reader."""
        for key in list(self._pipes.get_map().values()):
            if key.data is not None:
                with contextlib.suppress(OSError):
                    subprocess.call(_LEAVE_TO_CAT, stdin=key.fileobj, start_new_session=True)  # type: ignore[arg-type]
        self._pipes.close()
        os.close(self._ended)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _print_some(self, seconds: float | None) -> bool:
        """Wait for output, and print it. Whether there was any, or the shell has ended."""
        ready = self._pipes.select(seconds)
        for key, _ in ready:
            data = os.read(key.fd, _AT_ONCE)
            if key.data is not None:
                target, decoder = key.data
                target.write(decoder.decode(data, not data))
                target.flush()
            if not data:
                self._pipes.unregister(key.fileobj)
        return bool(ready)

    def _programs(self) -> set[int]:
        """The shell, its descendants, and other processes that write to the pipes."""
        open_ = [key.fd for key in self._pipes.get_map().values() if key.data is not None]
        pipes = {_file(os.fstat(fd)) for fd in open_}
        known = {self._process.pid} if self._process.poll() is None else set()
        parents = dict(_parents())
        found = {pid for pid in parents if pipes & set(_outputs(pid))}
        while more := {pid for pid, parent in parents.items() if parent in known | found} - found:
            found |= more
        return (known | found) - {os.getpid()}


def _wait(process: subprocess.Popen[bytes], ended: int) -> None:
    process.wait()
    os.close(ended)


def _parents() -> Iterator[tuple[int, int]]:
    """The ids of all running processes and of their parents."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], stdout=-1, check=False)
        for words in map(bytes.split, listed.stdout.splitlines()):
            if not words[2].startswith(b"Z"):
                yield int(words[0]), int(words[1])
        return
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            if words[0] != b"Z":
                yield int(folder.name), int(words[1])


def _file(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def _outputs(pid: int) -> Iterator[tuple[int, int]]:
    """The files or pipes to which a process writes its output. Empty if the system has no /proc."""
    for number in (1, 2):
        with contextlib.suppress(OSError):
            yield _file(Path(f"/proc/{pid}/fd/{number}").stat())
