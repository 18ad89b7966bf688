"""The operating system's process of a kernel, and the stages of its end."""

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
    """Time limits for the stages of a kernel's end, in seconds.

    Attributes:
        request: From the shutdown request to an interrupt, which ends a running cell.
        interrupt: From the interrupt to SIGTERM.
        terminate: From SIGTERM to SIGKILL.
        children: From the end of the kernel until the processes that it has started are killed.
    """

    request: float = 0.5
    interrupt: float = 1.5
    terminate: float = 1.0
    children: float = 0.5


@frozen(eq=False)
class KernelProcess:
    """A kernel's process. Any thread may use it.

    Attributes:
        command: Command line of the process.
        folder: Folder of its files.
    """

    command: Sequence[str]
    folder: Folder
    _process: subprocess.Popen[bytes]
    _watchdog: subprocess.Popen[bytes]
    _interrupts: platforms.Interrupts
    # A forked child has a copy of this object, but must not end the kernel of its parent.
    _owner: int = field(factory=os.getpid, init=False)
    _ending: threading.Lock = field(factory=threading.Lock, init=False)

    @classmethod
    def start(
        cls, command: Sequence[str], folder: Folder, *, cwd: Path | None, env: Mapping[str, str]
    ) -> KernelProcess:
        """Start ``command`` in its own session, so that Ctrl-C in the terminal does not reach it.

        Raises:
            OSError: There is no such command.
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
        # An error is ignored: it means that the watchdog was killed.
        _tell(watchdog, str(process.pid))
        return cls(command, folder, process, watchdog, interrupts)

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    @property
    def is_ours(self) -> bool:
        """Whether this process has started the kernel. False in a forked child."""
        return self._owner == os.getpid()

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return platforms.exit_code(self._process) is not None

    def ended(self) -> str | None:
        """A text that says how the process ended. None while it runs."""
        code = platforms.exit_code(self._process)
        if code is None:
            return None
        if code < 0:
            return f"killed by signal {-code} ({_signal_name(-code)})"
        return f"exit code {code}"

    def interrupt(self) -> None:
        """Interrupt the kernel and the programs that its cell runs, as Ctrl-C would."""
        if self.is_ours and not self.has_ended:
            self._interrupts.send(self._process)

    def wait(self, deadline: Deadline) -> bool:
        """Wait for the end of the process. False if the deadline passes first."""
        while not self.has_ended:
            if deadline.passed:
                return False
            time.sleep(_POLL)
        return True

    def stop(self, times: EndTimes, ask: Callable[[], None] = lambda: None) -> None:
        """End the process and the processes that it has started. A second call does nothing.

        Args:
            times: Time limits for the stages.
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
                    platforms.kill(self._process)  # after Ctrl-C, or if SIGKILL had no effect yet
                self._tidy()

    def output_tail(self) -> str:
        """The last lines of the output. They are complete after ``stop``."""
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
        # Do this before the process is reaped, because after that another process could get its id.
        platforms.end_children(self._process, times.children)

    def _stages(
        self, times: EndTimes, ask: Callable[[], None]
    ) -> Iterator[tuple[str, float, Callable[[], None]]]:
        process = self._process

        def interrupt() -> None:
            self.interrupt()
            # ipykernel loses the shutdown request if the interrupt comes while it handles that
            # request.
            if not self.wait(Deadline(_BETWEEN)):
                ask()

        yield "not ended by the shutdown request; sending an interrupt", times.request, interrupt
        yield (
            "not ended by the interrupt; sending SIGTERM",
            times.interrupt,
            lambda: platforms.terminate(process),
        )
        yield (
            "not ended by SIGTERM; sending SIGKILL",
            times.terminate,
            lambda: platforms.kill(process),
        )

    def _tidy(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_SECONDS)
        _dismiss(self._watchdog)
        self._interrupts.close()


def _started_watchdog(output: int, folder: Folder) -> subprocess.Popen[bytes]:
    if not sys.executable or getattr(sys, "frozen", False):
        raise FileNotFoundError("sys.executable is not a Python interpreter")
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
    assert watchdog.stdin is not None  # noqa: S101 - stdin is a pipe
    with contextlib.suppress(OSError):
        watchdog.stdin.write(f"{line}\n".encode("ascii"))
        watchdog.stdin.flush()


def _dismiss(watchdog: subprocess.Popen[bytes]) -> None:
    """Let the watchdog write the rest of the output, and end."""
    assert watchdog.stdin is not None  # noqa: S101 - stdin is a pipe
    # Send a newline first: "ended" must be the second line even if the first was never written.
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
