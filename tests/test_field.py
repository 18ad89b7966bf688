"""Every row of docs/field.md has a test with its mark, and every mark has a row."""

from __future__ import annotations

import re
from pathlib import Path

from marks import marks

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| ([A-Z]+\d+) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "field.md").read_text(encoding="utf-8"))


def marked() -> set[str]:
    return {line for line, _ in marks("field")}


def test_each_line_has_a_test() -> None:
    assert set(ROWS) - marked() == set()


def test_each_line_with_a_test_is_on_the_page() -> None:
    assert marked() - set(ROWS) == set()


def test_the_page_has_each_line_once_and_in_order() -> None:
    assert sorted(set(ROWS), key=_place) == ROWS


def _place(line: str) -> tuple[str, int]:
    letters = line.rstrip("0123456789")
    return letters, int(line[len(letters) :])
