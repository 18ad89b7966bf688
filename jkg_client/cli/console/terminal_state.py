"""The settings of the terminal, put back however the console ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

_USUAL = "\x1b[?2004l\x1b[?25h\x1b[0m"
"""Pasted text is not marked, the cursor is seen, no colours."""


@contextlib.contextmanager
def restored_terminal() -> Iterator[None]:
    """Inside ``with`` anybody may change the terminal: a signal may end an editor halfway."""
    if sys.platform == "win32":
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin.fileno())
    try:
        yield
    finally:
        with contextlib.suppress(termios.error, OSError):
            is_changed = termios.tcgetattr(sys.stdin.fileno()) != before
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, before)
            if is_changed and os.environ.get("TERM") != "dumb":
                os.write(sys.stdout.fileno(), _USUAL.encode())
