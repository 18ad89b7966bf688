"""Every row of docs/field.md has a test that is marked with its line, and the other way round.

The marks are read from the source, so that the integration tests need not be imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| ([A-Z]+\d+) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "field.md").read_text(encoding="utf-8"))


def marks() -> Iterator[tuple[str, str]]:
    """Each line that a test is marked with, and the name of the test."""
    for folder in ("tests", "tests_integration"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                # Also marks of rows of a table, pytest.param(…, marks=pytest.mark.field("B1")).
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.field":
                    yield from ((ast.literal_eval(arg), path.name) for arg in node.args)


MARKED = dict(marks())


def test_each_line_has_a_test() -> None:
    assert set(ROWS) - set(MARKED) == set()


def test_each_line_that_a_test_shows_is_on_the_page() -> None:
    assert set(MARKED) - set(ROWS) == set()


def test_the_page_has_each_line_once_and_in_order() -> None:
    assert sorted(set(ROWS), key=_place) == ROWS


def _place(line: str) -> tuple[str, int]:
    letters = line.rstrip("0123456789")
    return letters, int(line[len(letters) :])
