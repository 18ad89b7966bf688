from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import BOUNDED, JSON
from tables import rows

from jkg_client.integrations.model_limits import checked
from jkg_client.protocol.shortening import (
    cut,
    cut_forms,
    cut_traceback,
    dropped_here,
    is_dropped_here,
    shortened,
    weight,
)

TEXT = st.text("ab\n", max_size=200)


@pytest.mark.field("B3")
@pytest.mark.parametrize(
    ("text", "most", "short"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 4, "ab\n[3 characters are left out here]\nfg"),
        ("abcdefg", 1, "a\n[6 characters are left out here]\n"),
    ],
)
def test_beginning_and_end_of_a_long_text_are_kept(text: str, most: int, short: str) -> None:
    assert shortened(text, most) == short


# A text, the limits for all of it and for its beginning, and the kept text.
CUTS: list[tuple[str, int, int | None, str, int]] = [
    ("abcdefghij", 10, None, "abcdefghij", 10),
    ("abcdefghij", 4, None, f"ab{dropped_here(6)}ij", 4),
    ("abcdefghij", 3, None, f"a{dropped_here(7)}ij", 3),
    ("abcdefghij", 4, 1, f"a{dropped_here(6)}hij", 4),
    ("abcdefghij", 4, 0, f"{dropped_here(6)}ghij", 4),
    ("abcdefghij", 4, 9, f"abcd{dropped_here(6)}", 4),
    ("abcdefghij", 0, None, dropped_here(10), 0),
    (f"ab{dropped_here(6)}ij", 4, None, f"ab{dropped_here(6)}ij", 4),
    (f"ab{dropped_here(6)}ij", 2, None, f"a{dropped_here(8)}j", 2),
    (f"abcd{dropped_here(6)}", 2, None, f"a{dropped_here(9)}", 1),
    # The text before or after the gap is shorter than half of the limit.
    (f"ab{dropped_here(6)}{'c' * 99}xyz", 10, None, f"ab{dropped_here(100)}{'c' * 5}xyz", 10),
    (f"{'c' * 99}{dropped_here(6)}yz", 10, None, f"{'c' * 5}{dropped_here(100)}yz", 7),
]


@rows(("text", "most", "head", "short", "size"), CUTS)
def test_a_shortened_text_has_one_gap_that_counts_all_missing_characters(
    text: str, most: int, head: int | None, short: str, size: int
) -> None:
    assert cut(text, most, head=head) == (short, size)


@rows(
    ("text", "is_one"),
    [
        ("\n[5 characters of output dropped here]\n", True),
        ("a\n[5 characters of output dropped here]\n", False),
        ("\n[5 characters of output dropped here]\na", False),
        ("\n[x characters of output dropped here]\n", False),
    ],
)
def test_a_gap_is_distinguished_from_other_text(text: str, is_one: bool) -> None:
    assert is_dropped_here(text) is is_one
    assert not is_one or text == dropped_here(5)


LEFT_OUT = "[dropped, larger than may be kept: "
NONE = {f"a/{number}": "" for number in range(20)}
# Forms of an object, the limit in characters, and the kept forms.
KEPT: list[tuple[dict[str, Any], int, dict[str, Any], int]] = [
    (
        {"text/plain": "abcdef", "image/png": "0" * 10},
        16,
        {"text/plain": "abcdef", "image/png": "0" * 10},
        16,
    ),
    (
        {"text/plain": "abcdef", "image/png": "0" * 10},
        15,
        {"text/plain": f"abcdef\n{LEFT_OUT}image/png (10 characters)]"},
        6,
    ),
    # Both fit, but not together.
    (
        {"image/png": "0" * 6, "image/jpeg": "1" * 5},
        10,
        {"image/png": "0" * 6, "text/plain": f"{LEFT_OUT}image/jpeg (5 characters)]"},
        6,
    ),
    ({"image/png": "0" * 10}, 9, {"text/plain": f"{LEFT_OUT}image/png (10 characters)]"}, 0),
    # Half of the limit is for readable text.
    (
        {"image/png": "0" * 5, "text/plain": "a" * 10},
        10,
        {"image/png": "0" * 5, "text/plain": f"aa{dropped_here(5)}aaa"},
        10,
    ),
    (
        {"text/plain": ["a" * 5, "a" * 5], "text/markdown": "b" * 10},
        10,
        {"text/plain": f"aa{dropped_here(5)}aaa", "text/markdown": f"bb{dropped_here(5)}bbb"},
        10,
    ),
    ({**NONE, "text/latex": "$"}, 10, {**NONE, "text/latex": "$"}, 1),
    (
        {**NONE, **{f"b/{number}": "c" for number in range(6)}},
        10,
        {
            **NONE,
            "text/plain": LEFT_OUT
            + "b/0 (1 characters), b/1 (1 characters), b/2 (1 characters),"
            + " b/3 (1 characters), b/4 (1 characters)]",
        },
        0,
    ),
    (
        {"image/png": "0" * 6, "text/plain": "a" * 9},
        11,
        {"image/png": "0" * 6, "text/plain": f"aa{dropped_here(4)}aaa"},
        11,
    ),
    ({"image/png": "0" * 5, "text/plain": ""}, 5, {"image/png": "0" * 5, "text/plain": ""}, 5),
    ({"n" * 80: "a"}, 10, {"n" * 80: "a"}, 1),
    ({"n" * 81: "a"}, 10, {"text/plain": f"{LEFT_OUT}{'n' * 80} (1 characters)]"}, 0),
]


@rows(("data", "most", "kept", "size"), KEPT)
def test_forms_of_an_object_are_kept_if_they_fit(
    data: dict[str, Any], most: int, kept: dict[str, Any], size: int
) -> None:
    assert cut_forms(data, most) == (kept, size)
    assert [name for name in cut_forms(data, most)[0] if name in data] == [
        name for name in data if name in kept
    ]


@BOUNDED
@given(TEXT, st.integers(0, 60), st.integers(0, 60))
def test_text_that_is_cut_twice_looks_as_if_it_was_cut_once(text: str, one: int, two: int) -> None:
    large, small = max(one, two), min(one, two)
    assert cut(cut(text, large)[0], small) == cut(text, small)
    assert cut(text, small)[1] == min(small, len(text))


@BOUNDED
@given(
    st.dictionaries(st.sampled_from(["text/plain", "text/html", "a/b"]), JSON), st.integers(0, 40)
)
def test_forms_fit_or_are_named(data: dict[str, object], most: int) -> None:
    kept, size = cut_forms(data, most)
    assert size <= most
    whole = {name: form for name, form in kept.items() if name != "text/plain"}
    assert all(data[name] is form for name, form in whole.items())
    assert all(name in kept or name in str(kept["text/plain"]) for name in data)


def test_the_end_of_a_traceback_is_kept_first() -> None:
    lines, size = cut_traceback([*map(str, range(1000)), "E: \x1b[31mv\x1b[0m"], 40)
    assert (lines[:2], lines[-2:], size) == (("0", "1"), ("999", "E: v"), 40)


def test_the_weight_of_a_document_counts_texts_and_containers() -> None:
    assert weight({"ab": ["cde", 7, None]}) == 16 + 2 + 3 * 16 + 3
    assert weight(["", True, 10**9, [], {"a": {}}]) == 5 * 16 + 17


@rows("limit", [0, -1, 1.5, None, True, "9"])
def test_a_limit_of_text_is_a_positive_number(limit: object) -> None:
    with pytest.raises(ValueError, match="max_text must be a positive number of characters"):
        checked(limit)  # type: ignore[arg-type]  # that is the point


# Three quarters are from the end.
@rows(
    ("lines", "most", "kept"),
    [
        ((), 0, ()),
        (("ab", "cd"), 5, ("ab", "cd")),
        (
            ("a" * 20, "b" * 19),
            20,
            ("a" * 5, "[20 characters of output dropped here]", "b" * 15),
        ),
    ],
)
def test_mostly_the_end_of_a_traceback_is_kept(
    lines: tuple[str, ...], most: int, kept: tuple[str, ...]
) -> None:
    assert cut_traceback(lines, most) == (kept, min(most, len("\n".join(lines))))
