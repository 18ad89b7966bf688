"""Rows for a reader: in columns on a terminal, separated by tabs for a program."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from .screen import Screen


def show_table(screen: Screen, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows. A terminal gets columns below a head; a pipe gets tabs and no head.

    Args:
        screen: Where.
        head: Names of the columns.
        rows: The cells, each as many as ``head`` has.
    """
    cells = [[_one_line(cell) for cell in row] for row in rows]
    is_terminal = screen.out is not None and screen.out.isatty()
    for line in aligned([head, *cells]) if is_terminal else map("\t".join, cells):
        screen.line(line)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as lines, so that the columns stand one below the other."""
    widths = [max(map(_columns, column)) for column in zip(*rows)]
    for row in rows:
        padded = (cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths))
        yield "  ".join(padded).rstrip()


def _one_line(text: str) -> str:
    """Text without what would end a line or a column, or command a terminal."""
    return "".join(" " if unicodedata.category(char) == "Cc" else char for char in text)


def _columns(text: str) -> int:
    """Columns that text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
