"""Large JSON is read in steps, with the values and the errors of ``json``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import rows

from jkg_client.protocol.large_json import SteppingDecoder, raw_decode

LARGE = 2**20
"""Characters from which on a text is read in steps."""

# Written in JSON, whole and cut off.
PIECES = ["\\u001b", "\\n", "\\\\", '\\"', "a", "é", "漢", "😀", "\\ud83d\\ude00", "\\ud83d"]
PIECES += ["\\ude00", "\\uD83D\\uDE00", "u", "d83d", "/", "\\/"]
BROKEN = ['"', "\\", "\\u", "\\x", "\n", "\\ud83", ",", "]", "}", "NaN", "1"]
FORMS = ['"%"', '["%"]', '{"t":"%"}', '{"t": "%", "u": [1, "%"]}', '[[1],"%"]', '["a", 2, "%"]']


def _decoded(decoder: json.JSONDecoder, text: str) -> str:
    """What the decoder gives. As text, because two values that are NaN are not equal."""
    try:
        return repr(decoder.raw_decode(text))
    except ValueError:
        return "an error"


@given(
    st.sampled_from(FORMS),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.integers(12, 20),
)
def test_a_string_in_steps_is_the_string_at_once(form: str, inner: str, step: int) -> None:
    text = form.replace("%", inner)
    expected = repr(json.JSONDecoder().raw_decode(text))
    assert _decoded(SteppingDecoder(step), text) == expected


ESCAPES = [
    "\\\\",
    "\\n",
    "\\u001b",
    "\\ud83d\\ude00",
    "\\\\\\n",
    "\\\\\\\\",
    "\\ud83d",
    "\\\\u1234",
]


@rows("escape", ESCAPES)
@rows("before", range(30))
def test_an_escape_is_whole_wherever_a_step_ends(escape: str, before: int) -> None:
    text = f'["{"a" * before}{escape}{"b" * 30}{escape}"]'
    assert SteppingDecoder(12).raw_decode(text) == (json.loads(text), len(text))


@given(st.lists(st.sampled_from(PIECES + BROKEN), max_size=40).map("".join), st.integers(12, 20))
def test_invalid_json_is_invalid_in_steps_too(inner: str, step: int) -> None:
    for text in (inner, f'"{inner}"', f'{{"t":"{inner}"}}'):
        assert _decoded(SteppingDecoder(step), text) == _decoded(json.JSONDecoder(), text)


@pytest.mark.field("B14")
@pytest.mark.parametrize("piece", ["x", "é\n", "\x1b[31m", '", "', "\\", "😀", "\ud83d", "1, [{"])
@pytest.mark.parametrize("in_ascii", [False, True])
def test_a_large_message_has_the_values_of_json(piece: str, in_ascii: bool) -> None:
    value: dict[str, Any] = {"name": "stdout", "text": piece * LARGE, "n": [1, 2.5, None, "x"]}
    text = json.dumps(value, ensure_ascii=in_ascii)
    assert raw_decode(text + " ") == (value, len(text))


@pytest.mark.parametrize(
    "text",
    [
        *['"' + "x" * LARGE, '"' + "x" * LARGE + "\\", '"' + "\\q" * LARGE + '"', " " * LARGE],
        *['["' + "x" * LARGE + '", ]', '{"a":"' + "x" * LARGE + '",}', "[" * LARGE],
        *['"' + "x" * LARGE + '\n"', '{"a":' * 10**5 + '"' + "x" * LARGE],
    ],
)
def test_errors_in_a_large_message_are_those_of_json(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)) as expected:
        json.JSONDecoder().raw_decode(text)
    with pytest.raises(expected.type) as raised:
        raw_decode(text)
    assert str(raised.value) == str(expected.value)


def test_many_numbers_are_read_at_once() -> None:
    numbers = list(range(200_000))
    value = {"data": {"x": numbers, "text": "x" * LARGE}, "names": ["a"] * 5}
    text = json.dumps(value)
    assert raw_decode(text) == (value, len(text))
