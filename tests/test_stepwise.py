"""Long texts are read in steps, with the same results as at once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
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

# Texts that end around a step, with the interesting part at its end.
EDGES = [0, 1, STEP - 3, STEP - 1, STEP, STEP + 1, 3 * STEP - 2]
ENDS = ["", "\n", "\n\n", "\na\n", "a\n" * 3, "\n   !ls" + "." * STEP, "a" * 2 * STEP + "\nb"]


@pytest.mark.field("B14")
@pytest.mark.parametrize("at", EDGES)
def test_a_match_is_never_split_by_a_step(at: int) -> None:
    text = "." * at + "\n   !ls" + "." * STEP
    for pattern in (re.compile(r"\n(?=[ ]{0,9}!)"), re.compile(r"\n +!ls"), re.compile(r"(?<=!)l")):
        found = search(pattern, text)
        assert found is not None
        assert found.span() == next(pattern.finditer(text)).span()
        assert [one.span() for one in matches(pattern, text)] == [found.span()]


def test_the_search_begins_at_the_given_place() -> None:
    found = search(re.compile("^a", re.MULTILINE), "a\na a\na", 1)
    assert found is not None
    assert found.start() == 2
    assert search(re.compile("a"), "a", 1) is None
    assert list(matches(re.compile("b"), "")) == []


@rows("piece", ["a", "ab", "b" * 400 + "a", "ba" * 5])
def test_all_matches_are_found_in_order(piece: str) -> None:
    text, pattern = piece * (2 * STEP // len(piece) + 9), re.compile(r"b{0,300}a")
    found = [one.span() for one in matches(pattern, text)]
    assert found == [one.span() for one in pattern.finditer(text)]


@rows("at", EDGES)
@rows("end", ENDS)
def test_the_lines_are_the_lines_of_split(at: int, end: str) -> None:
    text = "." * at + end
    assert lines_of(text) == text.split("\n")
    assert join(lines_of(text), "\n") == text


@rows("at", EDGES)
@rows("end", ENDS)
def test_pieces_are_the_text_and_end_with_a_line(at: int, end: str) -> None:
    text = ("." * 99 + "\n") * (at // 100) + end
    parts = list(pieces(text))
    assert "".join(parts) == text
    assert all(part.endswith("\n") for part in parts[:-1])
    assert all(part.find("\n", STEP) in (-1, len(part) - 1) for part in parts)


def test_repeated_limited_matches_end_at_the_same_place_as_one_unlimited_match() -> None:
    limited, whole = re.compile(r"(?:[^'\\]{1,9}|\\.){1,3}"), re.compile(r"(?:[^'\\]|\\.)*")
    for text in ("", "'", "a'", "x" * 100 + "'y", "\\'" * 50 + "'", "\\", "ab\\"):
        found = whole.match(text)
        assert found is not None
        assert end_of(limited, text, 0) == found.end()


@rows("count", [0, 1, 2**14 - 1, 2**14, 2**14 + 1, 40_000])
def test_many_parts_are_joined_as_by_str_join(count: int) -> None:
    parts = [str(number % 7) if number % 3 else "" for number in range(count)]
    assert join(iter(parts)) == "".join(parts)
    assert join(iter(parts), ", ") == ", ".join(parts)


def test_between_yields_the_text_outside_of_the_spans() -> None:
    assert list(between("abcdef", [(1, 2), (2, 2), (4, 6)])) == ["a", "", "cd", ""]
    assert list(between("ab", [])) == ["ab"]


@given(st.binary(max_size=12), st.text(max_size=12), st.integers(1, 30))
def test_characters_are_never_split_by_a_step_of_decoding(
    data: bytes, text: str, step: int
) -> None:
    whole = text.encode("utf-8", "replace") + data + "é漢😀".encode()
    assert decoded(memoryview(whole), step) == whole.decode("utf-8", "replace")
    assert decoded(whole, step) == whole.decode("utf-8", "replace")


@rows("missing", [1, 2, 3])
def test_the_bytes_of_an_incomplete_last_character_are_not_lost(missing: int) -> None:
    data = "aé😀".encode()[:-missing]
    assert decoded(data, 2) == data.decode("utf-8", "replace")


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
def test_matches_are_the_matches_of_one_search(pattern: str) -> None:
    found = re.compile(pattern)
    text = "ab" * (STEP // 2) + "." * 3 * STEP
    for middle in ("xyxyxyx", "c"):
        for at in (STEP - 5, STEP - 2, STEP - 1, STEP, 2 * STEP - 1):
            text = text[:at] + middle + text[at + len(middle) :]
    assert [one.span() for one in matches(found, text)] == [
        one.span() for one in found.finditer(text)
    ]
