"""Many rows of a table in one test: for rows that take less time than pytest needs for a test.

    with table() as row:
        for text, number in CASES:
            with row(text):
                assert int(text) == number

All rows run. If rows have failed, the test then fails with a list of them. ``rows`` is the same as
a decorator, and replaces ``pytest.mark.parametrize``::

    @rows(("text", "number"), CASES)
    def test_numbers_are_read(text: str, number: int) -> None:
        assert int(text) == number
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import reprlib
import traceback
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Callable

import pytest
from attrs import define, field

SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = 200


@define
class Rows:
    """Counts the rows of a table, and keeps their failures."""

    count: int = 0
    failures: list[str] = field(factory=list)

    def __call__(self, name: object) -> Row:
        """Run one row in a ``with`` block. ``name`` is its name in the list of failures."""
        self.count += 1
        return Row(name, self.failures)


@define
class Row:
    """Keeps the failure of a ``with`` block instead of raising it."""

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
        self.failures.append(f"row {SHORT.repr(self.name)}:\n{''.join(lines)}")
        return True


@contextlib.contextmanager
def table() -> Iterator[Rows]:
    """Yields a ``Rows``. Fails at the end if a row has failed, or if there were no rows."""
    rows = Rows()
    yield rows
    assert rows.count, "the table has no rows"
    if rows.failures:
        text = "\n".join(rows.failures)
        pytest.fail(f"{len(rows.failures)} of {rows.count} rows failed\n{text}", pytrace=False)


Test = Callable[..., None]


def rows(
    names: str | Sequence[str],
    values: Iterable[Any],
    *,
    ids: Iterable[str] | None = None,
) -> Callable[[Test], Test]:
    """Run a test with each row of a table, as one test.

    Args:
        names: Names of the arguments, as for ``pytest.mark.parametrize``.
        values: The rows. A row is the value of the only argument, or a tuple of all values.
        ids: Names of the rows for the list of failures.
    """
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    cases = [_values(value, len(names)) for value in values]
    words = cases if ids is None else list(ids)

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def run(**others: Any) -> None:
            with table() as row:
                for word, case in zip(words, cases):
                    with row(word):
                        test(**dict(zip(names, case)), **others)

        signature = inspect.signature(test)
        left = [value for name, value in signature.parameters.items() if name not in names]
        run.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return run

    return decorate


def _values(row: Any, count: int) -> tuple[Any, ...]:
    if hasattr(row, "marks"):  # pytest.param(...)
        # All rows are one test, which no mark of one of them can change.
        assert {mark.name for mark in row.marks} <= {"field", "pitfall"}, row
        return tuple(row.values)
    values = tuple(row) if count > 1 else (row,)
    assert len(values) == count, row
    return values
