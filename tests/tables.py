"""Many rows of a table in one test: for rows that take less time than pytest needs for a test.

    with table() as row:
        for text, number in CASES:
            with row(text):
                assert int(text) == number

All rows run; the test then fails with a list of those that failed.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from types import TracebackType

import pytest
from attrs import define, field


@define
class Rows:
    """Counts the rows of a table and keeps what failed in them."""

    count: int = 0
    failures: list[str] = field(factory=list)

    def __call__(self, name: object) -> Row:
        """Run one row in a ``with`` block; the list of failures has it by ``name``."""
        self.count += 1
        return Row(name, self.failures)


@define
class Row:
    """Keeps the failure of a ``with`` block in place of raising it."""

    name: object
    failures: list[str]

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        # pytest's own failures, as that of pytest.raises(), are no Exception.
        if not isinstance(failure, (Exception, pytest.fail.Exception)):
            return False
        lines = traceback.format_exception(kind, failure, trace)
        self.failures.append(f"row {self.name!r}:\n{''.join(lines)}")
        return True


@contextlib.contextmanager
def table() -> Iterator[Rows]:
    """Gives what runs the rows; fails at the end if rows failed, or if there were none."""
    rows = Rows()
    yield rows
    assert rows.count, "the table has no rows"
    if rows.failures:
        text = "\n".join(rows.failures)
        pytest.fail(f"{len(rows.failures)} of {rows.count} rows failed\n{text}", pytrace=False)
