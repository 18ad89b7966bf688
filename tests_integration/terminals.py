"""Programs on a pseudo-terminal, and the screen that a person would see."""

from __future__ import annotations

import os
import termios
import time
from collections.abc import Callable
from typing import Any

import pexpect
import pyte

SECONDS = 30.0


class Terminal:
    """A program on its own terminal.

    Args:
        words: The program and its arguments.
        env: Environment of the program.
        cwd: Working directory of the program.
        size: Lines and columns.
    """

    def __init__(
        self,
        words: list[str],
        env: dict[str, str],
        cwd: str,
        size: tuple[int, int] = (24, 80),
    ) -> None:
        lines, columns = size
        self._screen = pyte.HistoryScreen(columns, lines, history=500, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self.sent = b""
        """All that the program has written."""
        self.settings: list[Any] = []
        """Settings of the terminal after the end of the program."""
        self.child = pexpect.spawn(
            words[0],
            words[1:],
            env={"TERM": "xterm-256color", **env},
            cwd=cwd,
            dimensions=size,
            timeout=None,
        )
        self.child.delaybeforesend = None

    @property
    def text(self) -> str:
        """The lines that have scrolled away, and the screen."""
        gone = [
            "".join(line[x].data for x in range(self._screen.columns))
            for line in self._screen.history.top
        ]
        return "\n".join(line.rstrip() for line in [*gone, *self._screen.display]).rstrip()

    @property
    def line(self) -> str:
        """The line with the cursor, up to the cursor."""
        return str(self._screen.display[self._screen.cursor.y][: self._screen.cursor.x])

    def type(self, text: str) -> None:
        """Press keys."""
        self.child.send(text)

    def resize(self, lines: int, columns: int) -> None:
        """Change the size of the window."""
        self._screen.resize(lines, columns)
        self.child.setwinsize(lines, columns)

    def wait(self, is_there: Callable[[], bool], seconds: float = SECONDS) -> float:
        """Wait until ``is_there`` returns true, and return the seconds that it took."""
        begun = time.monotonic()
        while not is_there():
            left = begun + seconds - time.monotonic()
            assert left > 0, f"not shown in {seconds:g} s:\n{self.text}"
            try:
                self._take(self.child.read_nonblocking(65536, timeout=min(left, 0.5)))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                assert is_there(), f"the program has ended:\n{self.text}"
        return time.monotonic() - begun

    def wait_for(self, text: str, seconds: float = SECONDS) -> float:
        """Wait until a text is shown."""
        return self.wait(lambda: text in self.text, seconds)

    def wait_for_prompt(self, label: str, seconds: float = SECONDS) -> float:
        """Wait until the cursor stands behind a prompt."""
        return self.wait(lambda: self.line.rstrip() == label.rstrip(), seconds)

    def ended(self, seconds: float = SECONDS) -> int:
        """Wait for the end of the program, and return its exit status as a shell reports it."""
        end = time.monotonic() + seconds
        while True:
            assert time.monotonic() < end, f"it does not end:\n{self.text}"
            try:
                self._take(self.child.read_nonblocking(65536, timeout=0.5))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                break
        self.settings = termios.tcgetattr(self.child.child_fd)
        # If the program is still there after a tenth of a second, close() sends it signals.
        while self.child.isalive():
            assert time.monotonic() < end, f"it does not end:\n{self.text}"
            time.sleep(0.01)
        self.child.close()
        status = self.child.exitstatus
        return status if status is not None else 128 + (self.child.signalstatus or 0)

    def close(self) -> None:
        """End the program, if necessary with SIGKILL."""
        try:
            self.child.close(force=True)
        except pexpect.ExceptionPexpect:
            # Only a tenth of a second has passed since SIGKILL.
            self.child.wait()

    def _take(self, data: bytes) -> None:
        self.sent += data
        self._stream.feed(data)


def environment(home: str, root: str) -> dict[str, str]:
    """The environment of a user without settings."""
    plain = {name: value for name, value in os.environ.items() if "JUPYTER" not in name}
    plain.pop("NO_COLOR", None)
    return {**plain, "XDG_STATE_HOME": home, "PYTHONPATH": root, "PYTHONIOENCODING": "utf-8"}
