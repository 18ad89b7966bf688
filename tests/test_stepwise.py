"""Long texts are searched in steps, with the same matches as at once."""

from __future__ import annotations

import re

import pytest
from tables import rows

from jkg_client.protocol.stepwise import (
    STEP,
    between,
    decoded,
    end_of,
    join,
    lines_of,
    matches,
    pieces,
    search,
    slices,
)


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


@rows(
    "text",
    ["", "a", "\n", "a\nb", "a\n" * 5, "\n" * 200_000, "a" * STEP + "\n\n" + "b" * STEP],
)
def test_lines_of_a_text_are_those_of_split(text: str) -> None:
    assert lines_of(text) == text.split("\n")


@rows("count", [0, 1, 3, 2**14, 2**14 + 1, 2**15, 2**15 + 3])
@rows("comma", ["", ", "])
def test_many_parts_are_joined_as_at_once(count: int, comma: str) -> None:
    parts = list(map(str, range(count)))
    assert join(iter(parts), comma) == comma.join(parts)
    assert join(parts) == "".join(parts)


# A step has four MiB. Whether a character is torn there must not be seen.
@rows("end", [b"\xe2\x82\xac", b"\xe2\x82", b"\xff"])
@rows("size", [0, 2**22 - 2, 2**22 - 1, 2**22])
def test_bytes_become_the_same_text_as_at_once(size: int, end: bytes) -> None:
    data = b"x" * size + end + b"y" + end
    text = data.decode("utf-8", "replace")
    found = decoded(memoryview(data))
    assert (len(found), found[-9:]) == (len(text), text[-9:])


@rows(
    ("pattern", "text", "at", "end"),
    [
        ("a", "aab", 0, 2),
        ("a", "aab", 1, 2),
        ("a", "aab", 2, 2),
        ("a*", "aab", 0, 2),
        ("a*", "b", 0, 0),
        ("a.", "abacad", 0, 6),
    ],
)
def test_matches_that_follow_each_other_have_one_end(
    pattern: str, text: str, at: int, end: int
) -> None:
    assert end_of(re.compile(pattern), text, at) == end


@rows(
    ("spans", "parts"),
    [([], ["abcdef"]), ([(0, 2)], ["", "cdef"]), ([(1, 2), (2, 2), (4, 6)], ["a", "", "cd", ""])],
)
def test_what_is_between_spans_is_all_the_rest(
    spans: list[tuple[int, int]], parts: list[str]
) -> None:
    assert list(between("abcdef", spans)) == parts


def test_slices_have_the_length_of_a_step() -> None:
    assert [len(piece) for piece in slices("a" * (2 * STEP + 1))] == [STEP, STEP, 1]
    assert list(slices("")) == []


@rows(
    ("text", "sizes"),
    [
        ("", [0]),
        ("a\nb", [3]),
        ("a" * STEP, [STEP]),
        ("a" * STEP + "\n", [STEP + 1, 0]),
        ("a\n" * STEP, [STEP + 2, STEP - 2]),
        ("a" * STEP + "\n" + "b" * STEP + "\nc", [STEP + 1, STEP + 1, 1]),
        ("a" * (3 * STEP) + "\nb", [3 * STEP + 1, 1]),
        ("a" * (3 * STEP), [3 * STEP]),
    ],
)
def test_pieces_end_with_a_line(text: str, sizes: list[int]) -> None:
    assert [len(piece) for piece in pieces(text)] == sizes
    assert "".join(pieces(text)) == text


@rows("pattern", ["a", "xyx", "ab?", r"(?<=b)a", "c", "."])
def test_matches_are_those_of_one_search(pattern: str) -> None:
    found = re.compile(pattern)
    text = "ab" * (STEP // 2) + "." * 3 * STEP
    for middle in ("xyxyxyx", "c"):
        for at in (STEP - 5, STEP - 2, STEP - 1, STEP, 2 * STEP - 1):
            text = text[:at] + middle + text[at + len(middle) :]
    assert [one.span() for one in matches(found, text)] == [
        one.span() for one in found.finditer(text)
    ]
