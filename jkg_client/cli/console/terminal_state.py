"""Restores the settings of the terminal at the end of the console."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

_USUAL = "\x1b[?2004l\x1b[?25h\x1b[0m"
"""Switches off marks around pasted text, shows the cursor, and resets colours."""


@contextlib.contextmanager
def restored_terminal() -> Iterator[None]:
    """Restore the terminal at the end of the block, even if a signal has ended the editor."""
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
