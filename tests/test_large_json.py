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
"""Number of characters from which on a text is read in steps."""

# Written in JSON, whole and cut off.
PIECES = ["\\u001b", "\\n", "\\\\", '\\"', "a", "é", "漢", "😀", "\\ud83d\\ude00", "\\ud83d"]
PIECES += ["\\ude00", "\\uD83D\\uDE00", "u", "d83d", "/", "\\/"]
BROKEN = ['"', "\\", "\\u", "\\x", "\n", "\\ud83", ",", "]", "}", "NaN", "1"]
FORMS = ['"%"', '["%"]', '{"t":"%"}', '{"t": "%", "u": [1, "%"]}', '[[1],"%"]', '["a", 2, "%"]']


def _decoded(decoder: json.JSONDecoder | SteppingDecoder, text: str) -> str:
    """The result of the decoder as text, because two NaN values are not equal."""
    try:
        return repr(decoder.raw_decode(text))
    except ValueError:
        return "an error"


@given(
    st.sampled_from(FORMS),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.integers(12, 20),
)
def test_a_string_that_is_read_in_steps_is_the_same_string(
    form: str, inner: str, step: int
) -> None:
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
def test_an_escape_sequence_is_never_split_by_a_step(escape: str, before: int) -> None:
    text = f'["{"a" * before}{escape}{"b" * 30}{escape}"]'
    assert SteppingDecoder(12).raw_decode(text) == (json.loads(text), len(text))


@given(st.lists(st.sampled_from(PIECES + BROKEN), max_size=40).map("".join), st.integers(12, 20))
def test_invalid_json_is_invalid_in_steps_too(inner: str, step: int) -> None:
    for text in (inner, f'"{inner}"', f'{{"t":"{inner}"}}'):
        assert _decoded(SteppingDecoder(step), text) == _decoded(json.JSONDecoder(), text)


LINES = "\\n" + "a" * 30


@rows("text", [f'"{LINES}\n{LINES}"', f'"{LINES}\n"', '{"a" 15}', "{1: 2}", '{"a", "b"}'])
def test_wrong_characters_are_not_skipped(text: str) -> None:
    assert _decoded(SteppingDecoder(12), text) == "an error"


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
def test_errors_in_a_large_message_are_the_errors_of_json(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)) as expected:
        json.JSONDecoder().raw_decode(text)
    with pytest.raises(expected.type) as raised:
        raw_decode(text)
    assert str(raised.value) == str(expected.value)


# Strings that contain the ends of items.
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text('],{}:"\\a', max_size=9)
    ),
    lambda some: st.one_of(st.lists(some), st.dictionaries(st.text("],:ab", max_size=3), some)),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 1]), st.integers(12, 40))
def test_arrays_and_objects_that_are_read_in_steps_are_the_same(
    value: object, indent: int | None, step: int
) -> None:
    text = json.dumps(value, indent=indent)
    assert _decoded(SteppingDecoder(step), text) == _decoded(json.JSONDecoder(), text)


@rows("text", ['[["abcdefgh", 1], 2, 3]', '{"a": {"b": 1}, "c": 2}'])
def test_an_array_or_object_in_another_ends_at_its_own_bracket(text: str) -> None:
    assert SteppingDecoder(12).raw_decode(text) == (json.loads(text), len(text))


@given(VALUES, st.data(), st.sampled_from(["", ",", "[", "]", "{", "}", '"', ":", "1", " "]))
def test_invalid_arrays_and_objects_are_invalid_in_steps_too(
    value: object, data: st.DataObject, wrong: str
) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + wrong + text[at + data.draw(st.integers(0, 1)) :]
    assert _decoded(SteppingDecoder(12), text) == _decoded(json.JSONDecoder(), text)


MANY: dict[str, Any] = {
    "numbers": list(range(20_000)),
    "points": [{"x": 1, "y": [2.5, None]}] * 4_000,
    "keys": {f"a{n}": "b" for n in range(10_000)},
    "of many kinds": [[[1], [2]], {"a": {"b": 1}, "c": {}}, "],"] * 3_000,
}


@rows("items", MANY)
def test_an_item_is_never_split_by_a_step(items: str) -> None:
    text = json.dumps({"data": {items: MANY[items], "text": "x" * LARGE}, "names": ["a"] * 5})
    assert raw_decode(text) == (json.loads(text), len(text))
