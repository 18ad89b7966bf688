"""A server as a child process that ends when this process ends."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ..client.deadline import Deadline

_TAIL_BYTES = 65536
_TAIL_LINES = 20
_LAST_SECONDS = 2.0
# Lines of tracebacks, notes of low levels, lines about requests to the server, and empty lines.
_DETAIL = re.compile(r"\s|\[[DI] |\[\w [^\]]* tornado\.|$")


@frozen(kw_only=True)
class Place:
    """Files of a server.

    Attributes:
        folder: Private folder, which is removed with the server.
        log_file: The log, which also has the server's raw output.
        log_start: Size of the log before the server started.
    """

    folder: Path
    log_file: Path
    log_start: int = 0

    @classmethod
    def new(cls, log_file: Path | None) -> Place:
        """Create the folder, with a log in it or in a file that is kept."""
        folder = Path(tempfile.mkdtemp(prefix="jkg-"))
        if log_file is None:
            return cls(folder=folder, log_file=folder / "gateway.log")
        try:
            log_file.parent.mkdir(parents=True, exist_ok=True)
            start = log_file.stat().st_size if log_file.exists() else 0
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(folder=folder, log_file=log_file, log_start=start)

    def remove(self) -> None:
        """Remove the folder. Files that are still open (on Windows) stay."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self) -> str:
        """The last lines of the log since the start."""
        return "\n".join(self._log_lines()[-_TAIL_LINES:])

    def log_summary(self) -> str:
        """The last warnings in the log since the start, and the last output of kernel processes."""
        lines = [line for line in self._log_lines() if not _DETAIL.match(line)]
        return "\n".join(lines[-_TAIL_LINES:])

    def _log_lines(self) -> list[str]:
        try:
            with self.log_file.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                # A log that was rotated meanwhile is shorter than it was.
                start = self.log_start if self.log_start <= size else 0
                log.seek(max(start, size - _TAIL_BYTES))
                return log.read().decode("utf-8", "replace").splitlines()
        except OSError as exc:
            return [f"({exc})"]


@frozen(eq=False)
class Child:
    """A process that reads one line from stdin, and ends when its stdin ends.

    Attributes:
        place: Files of the process.
    """

    place: Place
    _process: subprocess.Popen[bytes]
    # A forked child has a copy of this object, but must not stop the server of its parent.
    _owner: int = field(factory=os.getpid, init=False)

    @classmethod
    def start(
        cls, command: Sequence[str], place: Place, *, cwd: str | None, env: Mapping[str, str]
    ) -> Child:
        """Start ``command`` so that Ctrl-C in the terminal does not reach it.

        Raises:
            OSError: There is no such command or folder, or the log cannot be written.
        """
        # A pipe that nobody reads fills up and stops the gateway. So output goes to a file.
        with place.log_file.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=cwd,
                env=dict(env),
                **_APART,
            )
        return cls(place, process)

    @property
    def exit_code(self) -> int | None:
        """The exit code. None while the process runs; negative for a signal."""
        return self._process.poll()

    def ended(self) -> str | None:
        """A text that says how the process ended. None while it runs."""
        code = self.exit_code
        if code is not None and code < 0:
            return f"killed by signal {-code}"
        return None if code is None else f"exit code {code}"

    def tell(self, line: str) -> None:
        """Write the line that the process waits for."""
        assert self._process.stdin is not None  # noqa: S101 - stdin is a pipe
        # The pipe is broken if the process has ended. The exit code and the log explain that.
        with contextlib.suppress(OSError):
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    def stop(self, timeout_seconds: float) -> None:
        """End the process, its kernels first. After the time limit it is killed."""
        try:
            if self._owner == os.getpid():
                self._end(Deadline(timeout_seconds))
        finally:
            self._let_go()

    def _end(self, deadline: Deadline) -> None:
        try:
            _ask_to_end(self._process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(deadline.left())
        finally:
            if self._process.poll() is None:
                _force_to_end(self._process)
                # Wait with a limit: after a Ctrl-C at a bad moment, Popen would wait for ever.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_LAST_SECONDS)
            self.place.remove()

    def _let_go(self) -> None:
        if self._process.stdin is not None:
            # Closing flushes the buffer, which fails if the process has ended.
            with contextlib.suppress(OSError):
                self._process.stdin.close()


if sys.platform == "win32":
    _APART: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

    def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
        # Windows has no signal for this. The launcher stops at the end of its stdin.
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()

    def _force_to_end(process: subprocess.Popen[bytes]) -> None:
        process.terminate()

else:
    _APART: dict[str, Any] = {"start_new_session": True}

    def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
        _signal_group(process, signal.SIGTERM)

    def _force_to_end(process: subprocess.Popen[bytes]) -> None:
        _signal_group(process, signal.SIGKILL)

    def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
        # Until ``poll`` has reaped the process, no other process can get its number.
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
