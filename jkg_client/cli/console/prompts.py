"""Reads cells: the interface of the editor, and a plain prompt for simple terminals."""

from __future__ import annotations

import sys
from typing import Callable, Protocol

from .kernel_queries import KernelQueries

Above = Callable[[str], None]


class Prompt(Protocol):
    """Reads cells."""

    def read(self, number: int | None) -> str:
        """Read a cell.

        Raises:
            EOFError: The user wants to leave.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """

    def tell(self, text: str) -> None:
        """Show lines, above the prompt. Any thread may call this."""


def label(number: int | None) -> str:
    """The prompt ``In [3]: ``, without a number if it is unknown."""
    return f"In [{' ' if number is None else number}]: "


def continuation(width: int) -> str:
    """The prompt of the second line of a cell and of all lines after it."""
    return "...: ".rjust(width)


class PlainPrompt:
    """Reads lines from the terminal, without escape codes, completion or history.

    Args:
        questions: Queries to the kernel.
    """

    def __init__(self, questions: KernelQueries) -> None:
        self._questions = questions

    def read(self, number: int | None) -> str:
        """Read lines until the cell is complete."""
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
        """Show lines, below the prompt."""
        sys.stdout.write(f"\n{text}\n")
        sys.stdout.flush()
