"""One process of a kernel, from its start to its end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Callable

from attrs import field, frozen

from ..client.deadline import Deadline
from . import platforms
from .environment import source
from .folders import Folder

_log = logging.getLogger("jkg_client")

_LOG = "output"
_TAIL_BYTES = 65536
_TAIL_LINES = 20
_POLL = 0.01
_BETWEEN = 0.1
_LAST_SECONDS = 2.0


@frozen(kw_only=True)
class EndTimes:
    """How long each stage of ending a kernel may take, in seconds.

    Attributes:
        request: From a shutdown request until an interrupt: a cell that runs would keep the kernel
            from ending.
        interrupt: From the interrupt until SIGTERM.
        terminate: From SIGTERM until SIGKILL.
        children: That processes which the kernel has started may take after its end.
    """

    request: float = 0.5
    interrupt: float = 1.5
    terminate: float = 1.0
    children: float = 0.5


@frozen(eq=False)
class KernelProcess:
    """A kernel's process. Any thread may use it.

    Attributes:
        command: What was run.
        folder: For its files; removed with it.
    """

    command: Sequence[str]
    folder: Folder
    _process: subprocess.Popen[bytes]
    _watchdog: subprocess.Popen[bytes]
    _interrupts: platforms.Interrupts
    # A process that ours has forked shares this object, but the kernel is not its own.
    _owner: int = field(factory=os.getpid, init=False)
    _ending: threading.Lock = field(factory=threading.Lock, init=False)

    @classmethod
    def start(
        cls, command: Sequence[str], folder: Folder, *, cwd: Path | None, env: Mapping[str, str]
    ) -> KernelProcess:
        """Start ``command`` in a session of its own: Ctrl-C in the terminal does not reach it.

        Raises:
            OSError: If there is no such command.
        """
        interrupts = platforms.Interrupts()
        reading, writing = os.pipe()
        try:
            watchdog = _started_watchdog(reading, folder)
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=writing,
                    stderr=writing,
                    cwd=cwd,
                    env={**env, **interrupts.environment},
                    **interrupts.options,
                )
            except BaseException:
                _dismiss(watchdog)
                interrupts.close()
                raise
        finally:
            os.close(reading)
            os.close(writing)
        # Broken if it was killed: then there is nobody to be told.
        _tell(watchdog, str(process.pid))
        return cls(command, folder, process, watchdog, interrupts)

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    @property
    def is_ours(self) -> bool:
        """Whether this process has started it, and not one that has forked us."""
        return self._owner == os.getpid()

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return platforms.exit_code(self._process) is not None

    def ended(self) -> str | None:
        """How it ended, in words; None while it runs."""
        code = platforms.exit_code(self._process)
        if code is None:
            return None
        if code < 0:
            return f"killed by signal {-code} ({_signal_name(-code)})"
        return f"exit code {code}"

    def interrupt(self) -> None:
        """Interrupt it and what it runs, as Ctrl-C would."""
        if self.is_ours and not self.has_ended:
            self._interrupts.send(self._process)

    def wait(self, deadline: Deadline) -> bool:
        """Whether it ends in time."""
        while not self.has_ended:
            if deadline.passed:
                return False
            time.sleep(_POLL)
        return True

    def stop(self, times: EndTimes, ask: Callable[[], None] = lambda: None) -> None:
        """End it, what it has started, and its folder; may be called twice.

        Args:
            times: For each stage.
            ask: Sends a shutdown request.
        """
        if not self.is_ours:
            return
        with self._ending:
            if self._watchdog.stdin is None or self._watchdog.stdin.closed:
                return
            try:
                self._end(times, ask)
            finally:
                if not self.has_ended:
                    platforms.kill(self._process)  # Ctrl-C came, or it stayed after SIGKILL
                self._tidy()

    def output_tail(self) -> str:
        """The last lines of its output, complete once it has been stopped."""
        return _tail(self.folder.path / _LOG)

    def _end(self, times: EndTimes, ask: Callable[[], None]) -> None:
        if not self.has_ended:
            ask()
        for stage, seconds, push in self._stages(times, ask):
            if self.wait(Deadline(seconds)):
                break
            _log.info("kernel process %s: %s", self.pid, stage)
            push()
        self.wait(Deadline(times.terminate))
        # Before it is reaped nobody else can get its number.
        platforms.end_children(self._process, times.children)

    def _stages(
        self, times: EndTimes, ask: Callable[[], None]
    ) -> Iterator[tuple[str, float, Callable[[], None]]]:
        process = self._process

        def interrupt() -> None:
            self.interrupt()
            # ipykernel forgets the request if it is interrupted while it obeys.
            if not self.wait(Deadline(_BETWEEN)):
                ask()

        yield "the shutdown request did not end it, interrupt", times.request, interrupt
        yield (
            "the interrupt did not end it, SIGTERM",
            times.interrupt,
            lambda: platforms.terminate(process),
        )
        yield "SIGTERM did not end it, SIGKILL", times.terminate, lambda: platforms.kill(process)

    def _tidy(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_SECONDS)
        _dismiss(self._watchdog)
        self._interrupts.close()


def _started_watchdog(output: int, folder: Folder) -> subprocess.Popen[bytes]:
    if not sys.executable or getattr(sys, "frozen", False):
        raise FileNotFoundError("this program is not run by a Python interpreter")
    program = [sys.executable, "-I", "-S", "-c", source("watchdog.py")]
    arguments = [str(folder.path / _LOG), str(folder.path), str(os.getpid())]
    return subprocess.Popen(
        [*program, *arguments],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.DEVNULL,
        **platforms.APART,
    )


def _tell(watchdog: subprocess.Popen[bytes], line: str) -> None:
    assert watchdog.stdin is not None  # noqa: S101 - it is a pipe
    with contextlib.suppress(OSError):
        watchdog.stdin.write(f"{line}\n".encode("ascii"))
        watchdog.stdin.flush()


def _dismiss(watchdog: subprocess.Popen[bytes]) -> None:
    """Let the watchdog write what it has read, and end."""
    assert watchdog.stdin is not None  # noqa: S101 - it is a pipe
    # The second line, also if the first was never written.
    _tell(watchdog, "\nended")
    with contextlib.suppress(OSError):
        watchdog.stdin.close()
    try:
        watchdog.wait(_LAST_SECONDS)
    except subprocess.TimeoutExpired:
        watchdog.kill()
        watchdog.wait()


def _tail(file: Path) -> str:
    try:
        data = file.read_bytes()[-_TAIL_BYTES:]
    except OSError as exc:
        return f"({exc})"
    return "\n".join(data.decode("utf-8", "replace").splitlines()[-_TAIL_LINES:])


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
