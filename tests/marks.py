"""Reads the marks of tests from the source, without importing the integration tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
_DEFINITION = re.compile(r"\bdef (\w+)")


def marks(name: str) -> Iterator[tuple[str, str]]:
    """Each argument of ``pytest.mark.NAME(…)``, with the name of the marked function."""
    # Also marks of rows of a table: pytest.param(…, marks=pytest.mark.field("B1")).
    mark = re.compile(rf"^( *[^# \n].*)?pytest\.mark\.{name}\(([^)]*)\)", re.MULTILINE)
    for folder in ("tests", "tests_integration"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            for found in mark.finditer(text):
                function = _DEFINITION.search(text, found.end())
                for argument in filter(None, re.split(r"[,\s]+", found[2])):
                    yield argument.strip("\"'"), function[1] if function else ""
