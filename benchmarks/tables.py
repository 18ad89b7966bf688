"""Writes figures as tables in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

Row = Sequence[str]


def table(title: str, head: Row, rows: Sequence[Row], note: str = "") -> str:
    """A heading, a note and a table."""
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_line(row, widths) for row in (head, rule, *rows)]
    return "\n".join([f"## {title}", "", *([note, ""] if note else []), *lines, ""])


def _line(row: Row, widths: Sequence[int]) -> str:
    first, *rest = zip(row, widths)
    cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]
    return f"| {' | '.join(cells)} |"


def milliseconds(seconds: float) -> str:
    """Milliseconds with three digits, such as 5.9 or 250."""
    return f"{seconds * 1000:.3g}" if seconds < 1 else f"{seconds * 1000:.0f}"


def ratio(ours: float, theirs: float | None) -> str:
    """The quotient of ``ours`` and ``theirs``. A dash if ``theirs`` is unknown."""
    return f"{ours / theirs:.2f}" if theirs else "-"


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def percentile_95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
