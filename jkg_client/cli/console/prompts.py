"""How the console reads a cell: with an editor, or from a terminal that can do nothing."""

from __future__ import annotations

import sys
from typing import Callable, Protocol

from .kernel_queries import KernelQueries

Above = Callable[[str], None]


class Prompt(Protocol):
    """Reads cells."""

    def read(self, number: int | None) -> str:
        """A cell.

        Raises:
            EOFError: The user wants to leave.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """

    def tell(self, text: str) -> None:
        """Show lines, above what is typed. Any thread may call it."""


def label(number: int | None) -> str:
    """``In [3]: ``, as the kernel counts; without a number if that is not known."""
    return f"In [{' ' if number is None else number}]: "


def continuation(width: int) -> str:
    """What stands before the second line of a cell."""
    return "...: ".rjust(width)


class PlainPrompt:
    """Reads lines as the terminal gives them: no escape codes, no popup, no history.

    Args:
        questions: Tells whether a cell is complete.
    """

    def __init__(self, questions: KernelQueries) -> None:
        self._questions = questions

    def read(self, number: int | None) -> str:
        """A cell: up to the line that makes it complete."""
        shown = label(number)
        lines: list[str] = []
        while True:
            sys.stdout.write(continuation(len(shown)) if lines else shown)
            sys.stdout.flush()
            line = sys.stdin.buffer.readline()
            if not line:
                sys.stdout.write("\n")
                if lines:
                    return "\n".join(lines)
                raise EOFError
            lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            code = "\n".join(lines)
            if not code.strip() or self._questions.indent_of_next(code) is None:
                return code

    def tell(self, text: str) -> None:
        """Show lines."""
        sys.stdout.write(f"\n{text}\n")
        sys.stdout.flush()
