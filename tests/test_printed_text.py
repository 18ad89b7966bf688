from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import BOUNDED
from tables import rows

from jkg_client.protocol.printed_text import PrintedText
from jkg_client.protocol.terminal import picture

CHUNKS = st.lists(
    st.sampled_from(["a", "bc\n", "def", "\r", "\x1b[31m", "\x1b[A", "\x1b[", "2A", "\b", "\x1b"]),
    max_size=40,
)


def printed(*chunks: str) -> PrintedText:
    text = PrintedText()
    for chunk in chunks:
        text.append(chunk)
    assert len(text) == len(str(text))
    return text


@BOUNDED
@given(CHUNKS)
def test_a_short_printed_text_is_unchanged(chunks: list[str]) -> None:
    assert str(printed(*chunks)) == "".join(chunks)


@BOUNDED
@given(CHUNKS, CHUNKS)
def test_folding_changes_nothing_visible(before: list[str], after: list[str]) -> None:
    text = printed(*before)
    text.fold()
    assert len(text) == len(str(text)) <= len("".join(before))
    for chunk in after:
        text.append(chunk)
    assert picture(str(text)) == picture("".join([*before, *after]))


# Printed text, the number of characters that could be folded, the folded text, and the number of
# characters that can be folded after one more character.
FOLDED = [
    ("ab", 0, "ab", 0),
    ("ab\rcd\n", 6, "cd\n", 0),
    ("abcdefghijkl\rabcdefghijkl\rc", 27, "cbcdefghijkl\r\x1b[1C", 1),
    # Folding would not make it shorter.
    ("ab\rc", 4, "ab\rc", 1),
    ("a\b", 2, "a\b", 1),
]


@rows(("text", "news", "folded", "more"), FOLDED)
def test_text_is_folded_if_it_has_movements_and_has_grown(
    text: str, news: int, folded: str, more: int
) -> None:
    kept = printed(text)
    assert kept.news == news
    kept.fold()
    assert kept.news == 0
    kept.append("x")
    assert (str(kept), len(kept), kept.news) == (folded + "x", len(folded) + 1, more)


# The sizes are right although characters were dropped before: from what the cursor can reach,
# and from what it cannot reach any more.
@rows(
    ("chunks", "dropped"),
    [
        (["abc\rdef\n"], 2),
        (["abc\rdef\n"], 4),
        (["ab\n" * 1500 + "c\rd\n"], 5),
        (["ab\n" * 1500 + "c\rd\n"], 2000),
        (["a" * 20_000 + "\n", "c\rb\n"], 10_000),
    ],
)
def test_text_can_be_folded_when_some_was_dropped(chunks: list[str], dropped: int) -> None:
    text, whole = printed(*chunks), "".join(chunks)
    text.fold()
    before = len(text)
    text.append("x\ry")
    assert text.drop_left(dropped) == min(dropped, before + 3)
    text.fold()
    assert len(text) == len(str(text))
    assert picture(str(text)) == picture(whole + "x\ry")[-len(picture(str(text))) :]
    text.append("\rz" * 70_000)
    assert len(text) == len(str(text)) < 20_000


def test_the_movements_of_all_folds_are_counted_together() -> None:
    text = PrintedText()
    text.append("\x1b[A\x1b[B" * 70_000 + "one\rtwo\n")
    assert str(text) == "\ntwo\n"
    # 131072 movements are followed, and one more for each 64 characters.
    text.append("\x1b[A\x1b[B" * 25_000 + "three\rfour")
    assert str(text).split() == ["two", "three", "four"]


def test_long_lines_that_overwrite_each_other_are_soon_dropped() -> None:
    lines = [f"\r{i}{'x' * 50_000}" for i in range(5)]
    text = printed(*lines)
    assert len(text) < 150_000
    assert picture(str(text)) == lines[-1][1:]


@pytest.mark.field("B5")
@rows(
    "bar",
    ["\r{:7}%|####|", "\r\x1b[32m{:7}\x1b[0m", "\r{:7}\ninner\x1b[A", "\x1b[2J\x1b[H{:7}\nx\n"],
)
def test_a_long_progress_bar_takes_little_memory_and_keeps_its_look(bar: str) -> None:
    bars = [bar.format(i) for i in range(20_000)]
    text = printed("begin\n", *bars)
    assert len(text) < 200_000
    assert picture(str(text)) == picture("begin\n" + "".join(bars[:1] + bars[-1:]))


@pytest.mark.parametrize("line", ["line\n", "\x1b[31mline\x1b[0m\n"])
def test_many_lines_before_a_bar_stay_as_they_were_printed(line: str) -> None:
    text = printed(*[line * 1000] * 100, *[f"\r{i:6}" for i in range(20_000)])
    assert str(text).startswith(line * 98_000)
    assert picture(str(text)) == "line\n" * 100_000 + " 19999"


@rows("size", [0, 1, 4, 7, 100])
@rows("chunks", [["abcdef\nghi"], ["ab\rcdef", "ghijk"], ["a" * 20_000, "b"]])
def test_characters_that_are_dropped_on_the_left_are_counted(chunks: list[str], size: int) -> None:
    text, whole = printed(*chunks), "".join(chunks)
    dropped = text.drop_left(size)
    assert dropped == min(size, len(whole))
    assert (str(text), len(text)) == (whole[dropped:], len(whole) - dropped)


@pytest.mark.field("B4")
@rows("size", range(3, 9))
def test_no_part_of_an_escape_code_is_left(size: int) -> None:
    text = printed("abc\x1b[31mred")
    assert text.drop_left(size) == (3 if size == 3 else 8)
    assert str(text) == ("\x1b[31mred" if size == 3 else "red")


@BOUNDED
@given(st.lists(st.text("abc\n", max_size=30)), st.integers(0, 200))
def test_characters_that_are_taken_on_the_left_are_removed(chunks: list[str], size: int) -> None:
    text, whole = printed(*chunks), "".join(chunks)
    taken = text.take_left(size)
    assert (str(taken), str(text)) == (whole[:size], whole[size:])
    assert (len(taken), len(text)) == (len(str(taken)), len(str(text)))


def test_a_part_of_several_long_chunks_can_be_taken() -> None:
    text = printed("a" * 20_000, "b" * 20_000, "c")
    taken = text.take_left(30_000)
    assert (len(taken), str(taken)) == (30_000, "a" * 20_000 + "b" * 10_000)
    assert (len(text), str(text)) == (10_001, "b" * 10_000 + "c")


# Each of these takes minutes if the time for a chunk grows with the text before it.
@rows(
    "chunks",
    [
        ["x"] * 50_000,
        ["x" * 2**19, *["\b."] * 10_000],
        ["x" * 2**19, *["\x1b[0m."] * 10_000],
        ["x\n" * 2**18, *["\x1b[A\n"] * 10_000],
        ["ab\r", "c\n"] * 25_000,
    ],
    ids=["tiny", "spinner", "colours", "cursor up", "tiny lines"],
)
def test_long_lines_and_tiny_chunks_take_linear_time(chunks: list[str]) -> None:
    assert picture(str(printed(*chunks))) == picture("".join(chunks))


def test_the_cursor_can_reach_only_the_last_thousand_lines() -> None:
    text = printed(*["ab\n" * 100_000] * 4)
    text.append("\x1b[1000A\rX")
    text.fold()
    shown = str(text)
    assert len(text) == len(shown)
    assert shown.startswith("ab\n" * 399_000)
    last = picture(shown[3 * 399_000 :])
    assert last == "ab\nXb\n" + "ab\n" * 998


def test_a_long_line_stays_within_reach() -> None:
    text = printed("ab\n" + "c" * 1_100_000)
    text.append("\rX")
    assert (len(text), text.news) == (1_100_005, 1_100_005)
    assert picture(str(text)) == "ab\nX" + "c" * 1_099_999


def test_lines_that_settle_in_chunks_stay_as_they_were_printed() -> None:
    # No chunk ends with a line. The cursor goes up and erases one of the last thousand lines.
    lines = "".join(f"{number:0100}\n" for number in range(40_000))
    chunks = [lines[start : start + 77_777] for start in range(0, len(lines), 77_777)]
    erasing = "\x1b[900A\x1b[2Kerased\r\x1b[900B"
    text = PrintedText()
    for chunk in [*chunks, erasing]:
        text.append(chunk)
    text.fold()
    assert picture(str(text)) == picture(lines + erasing)
    assert "erased" in str(text)
