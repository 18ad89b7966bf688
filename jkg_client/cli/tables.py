"""Prints tables: in columns on a terminal, with tabs in a pipe."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from .screen import Screen


def show_table(screen: Screen, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows: on a terminal in columns with a head, in a pipe with tabs and without a head.

    Args:
        screen: The screen.
        head: Names of the columns.
        rows: The rows, with as many cells as ``head``.
    """
    cells = [[_one_line(cell) for cell in row] for row in rows]
    is_terminal = screen.out is not None and screen.out.isatty()
    for line in aligned([head, *cells]) if is_terminal else map("\t".join, cells):
        screen.line(line)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as lines with aligned columns."""
    widths = [max(map(_columns, column)) for column in zip(*rows)]
    for row in rows:
        padded = (cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths))
        yield "  ".join(padded).rstrip()


def _one_line(text: str) -> str:
    """Text without control characters."""
    return "".join(" " if unicodedata.category(char) == "Cc" else char for char in text)


def _columns(text: str) -> int:
    """Width of a text on a terminal, in columns."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
