"""Long texts are searched in steps, with the same matches as at once."""

from __future__ import annotations

import re

import pytest

from jkg_client.protocol.stepwise import STEP, matches, search


@pytest.mark.field("B14")
@pytest.mark.parametrize("at", [0, STEP - 3, STEP - 1, STEP, STEP + 1, 3 * STEP - 2])
def test_a_match_is_found_wherever_a_step_ends(at: int) -> None:
    text = "." * at + "\n   !ls" + "." * STEP
    for pattern in (re.compile(r"\n(?=[ ]{0,9}!)"), re.compile(r"\n +!ls"), re.compile(r"(?<=!)l")):
        found = search(pattern, text)
        assert found is not None
        assert found.span() == next(pattern.finditer(text)).span()
        assert [one.span() for one in matches(pattern, text)] == [found.span()]


def test_the_search_begins_where_it_is_told_to() -> None:
    found = search(re.compile("^a", re.MULTILINE), "a\na a\na", 1)
    assert found is not None
    assert found.start() == 2
    assert search(re.compile("a"), "a", 1) is None
    assert list(matches(re.compile("b"), "")) == []
