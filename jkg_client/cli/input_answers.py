"""Answers input requests of the code: from the terminal or from stdin."""

from __future__ import annotations

import getpass
import select
import sys

from attrs import define, field

from ..protocol.questions import InputRequest
from .screen import Screen

_PAUSE = 0.2
"""Seconds between two checks whether Ctrl-C was pressed."""


@define(eq=False)
class InputAnswers:
    """Answers input requests of the code.

    Attributes:
        screen: Shows the prompt.
        is_at_end: Whether stdin was already read to its end, because it was the code.
        shows_prompt: Whether the prompt is shown. False with ``--json``.
        is_waiting: Whether this object is waiting for a line.
        is_cancelled: Whether Ctrl-C was pressed during the wait.
    """

    screen: Screen
    is_at_end: bool = False
    shows_prompt: bool = True
    is_waiting: bool = field(default=False, init=False)
    is_cancelled: bool = field(default=False, init=False)

    def __call__(self, request: InputRequest) -> str:
        """Read one line.

        Raises:
            EOFError: There is no more input.
        """
        if self.is_at_end or sys.stdin is None:
            self._show(request.prompt)
            raise EOFError
        self.is_waiting, self.is_cancelled = True, False
        try:
            if request.password and sys.stdin.isatty():
                self.screen.settle()
                return getpass.getpass(request.prompt)
            self._show(request.prompt)
            return self._line()
        except KeyboardInterrupt:
            # The terminal shows ^C, or getpass has shown the prompt.
            self.screen.in_line()
            raise
        finally:
            self.is_waiting = False

    def _show(self, prompt: str) -> None:
        if self.shows_prompt:
            self.screen.write(prompt)
            self.screen.settle()

    def _line(self) -> str:
        self._await_line()
        line = sys.stdin.buffer.readline()
        if sys.stdin.isatty():
            # The user has pressed Enter, so the cursor is at the beginning of a line.
            self.screen.at_line_start()
        if not line:
            raise EOFError
        text = line.decode("utf-8", "replace")
        return text.rstrip("\r\n") if text.endswith("\n") else text

    def _await_line(self) -> None:
        """Wait until the terminal has a line. A signal just before ``read`` would not end it."""
        if sys.platform == "win32" or not sys.stdin.isatty():
            return
        while not select.select([sys.stdin], [], [], _PAUSE)[0]:
            if self.is_cancelled:
                raise KeyboardInterrupt
