"""Figures as tables in markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

Row = Sequence[str]


def table(title: str, head: Row, rows: Sequence[Row], note: str = "") -> str:
    """A heading, a table, and what must be known to read it."""
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_line(row, widths) for row in (head, rule, *rows)]
    return "\n".join([f"## {title}", "", *([note, ""] if note else []), *lines, ""])


def _line(row: Row, widths: Sequence[int]) -> str:
    first, *rest = zip(row, widths)
    cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]
    return f"| {' | '.join(cells)} |"


def milliseconds(seconds: float) -> str:
    """As 5.9, or 250."""
    return f"{seconds * 1000:.3g}" if seconds < 1 else f"{seconds * 1000:.0f}"


def ratio(ours: float, theirs: float | None) -> str:
    """How many times theirs ours is; a dash without theirs."""
    return f"{ours / theirs:.2f}" if theirs else "-"


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile_95(values: Sequence[float]) -> float:
    """What 19 of 20 do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
