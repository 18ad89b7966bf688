from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import BOUNDED, JSON
from tables import rows

from jkg_client.integrations.model_limits import checked
from jkg_client.protocol.shortening import cut, cut_forms, cut_traceback, shortened, weight

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
def test_of_long_text_beginning_and_end_are_kept(text: str, most: int, short: str) -> None:
    assert shortened(text, most) == short


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
    assert all(data[name] == form for name, form in whole.items())
    assert all(name in kept or name in str(kept["text/plain"]) for name in data)


def test_of_a_traceback_the_end_is_kept_first() -> None:
    lines, size = cut_traceback([*map(str, range(1000)), "E: \x1b[31mv\x1b[0m"], 40)
    assert (lines[:2], lines[-2:], size) == (("0", "1"), ("999", "E: v"), 40)


def test_a_document_weighs_what_is_in_it_and_what_holds_it() -> None:
    assert weight({"ab": ["cde", 7, None]}) == 16 + 2 + 3 * 16 + 3


@rows("limit", [0, -1, 1.5, None, True, "9"])
def test_a_limit_of_text_is_a_positive_number(limit: object) -> None:
    with pytest.raises(ValueError, match="max_text must be a positive number of characters"):
        checked(limit)  # type: ignore[arg-type]  # that is the point
