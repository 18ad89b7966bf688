from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import BOUNDED

from jkg_client.protocol.terminal import TerminalText, strip_ansi

WIDTH = 2**20

# One row a rule of terminals.
SHOWN = [
    ("one\ntwo", "one\ntwo"),
    ("", ""),
    ("10%\r20%\r30%\n", "30%\n"),
    ("long line\rshort\n", "shortline\n"),
    ("hi\r\nthere\r\n", "hi\nthere\n"),
    ("a\r\r\nb", "a\nb"),
    ("line\nab\rc", "line\ncb"),
    ("abc\b\bX", "aXc"),
    ("\b\bX", "X"),
    ("a\n\bX", "a\nX"),
    ("abc\r\x1b[K", ""),
    ("abcdef\b\b\b\x1b[Kx", "abcx"),
    ("abc\r\x1b[0Kx", "x"),
    ("abc\x1b[2Kx", "   x"),
    ("abc\b\b\x1b[1K", "  c"),
    ("abc\x1b[1Kd", "   d"),
    ("abc\x1b[K\n", "abc\n"),
    ("\x1b[31mred\x1b[0m\n", "\x1b[31mred\x1b[0m\n"),
    ("\x1b[31m10%\x1b[0m\r\x1b[32m20%\x1b[0m", "\x1b[0m\x1b[32m20%\x1b[0m"),
    ("ab\r\x1b]8;;http://x\x1b\\cd\x1b]8;;\x1b\\", "\x1b]8;;http://x\x1b\\cd\x1b]8;;\x1b\\"),
    ("ab\r\x1b[38:2::1:2:3mc", "\x1b[38:2::1:2:3mcb"),
    ("ab\r\x1b(Bc", "\x1b(Bcb"),
    ("ab\r\x1b", "ab\x1b"),
    ("ab\r\x1b\nc", "ab\x1b\nc"),
    ("ab\r\x1b]no end\nc", "\x1b]no end\nc"),
]

PIECES = ["a", "bc", "def", "\u00e9", "\r", "\n", "\r\n", "\b", "\x1b[31m", "\x1b]0;t\x07"]
ERASERS = ["\x1b[K", "\x1b[0K", "\x1b[1K", "\x1b[2K"]
TEXTS = st.lists(st.sampled_from([*PIECES, *ERASERS]), max_size=40).map("".join)
ANY_TEXT = st.text(st.sampled_from("ab1;[]KmB(\\ \x07\x1b\r\n\b"), max_size=40)


def shown(*chunks: str) -> str:
    terminal = TerminalText()
    for chunk in chunks:
        terminal.feed(chunk)
    assert len(terminal) == len(str(terminal))
    return str(terminal)


def by_a_simple_terminal(text: str) -> str:
    """One character after the other, nothing remembered but the line and the cursor."""
    settled, column, waiting = "", 0, ""
    line: list[str] = []
    while text:
        sequence = re.match("\x1b(\\[[0-9;]*[A-Za-z]|\\][^\x07]*\x07)", text)
        piece = sequence.group() if sequence else text[0]
        text = text[len(piece) :]
        if piece == "\n":
            settled, line, column, waiting = settled + "".join(line) + waiting + "\n", [], 0, ""
        elif piece == "\r":
            column = 0
        elif piece == "\b":
            column -= column > 0
        elif piece in ("\x1b[K", "\x1b[0K"):
            line = line[:column]
        elif piece == "\x1b[1K":
            line = [" " if i <= column else cell for i, cell in enumerate(line)]
        elif piece == "\x1b[2K":
            line = []
        elif sequence:
            waiting += piece
        else:
            while len(line) <= column:
                line.append(" ")
            line[column] = waiting + piece
            column, waiting = column + 1, ""
    return settled + "".join(line) + waiting


@pytest.mark.parametrize(("text", "on_screen"), SHOWN)
def test_text_is_shown_as_a_terminal_shows_it(text: str, on_screen: str) -> None:
    assert shown(text) == on_screen


@pytest.mark.parametrize(("text", "on_screen"), SHOWN)
def test_one_character_at_a_time_makes_no_difference(text: str, on_screen: str) -> None:
    assert shown(*text) == on_screen


def test_a_newline_may_be_parted_between_chunks() -> None:
    assert shown("one\r", "\ntwo\r", "\n") == "one\ntwo\n"


@BOUNDED
@given(TEXTS)
def test_it_shows_what_a_simple_terminal_shows(text: str) -> None:
    assert shown(text) == by_a_simple_terminal(text)


@BOUNDED
@given(st.one_of(TEXTS, ANY_TEXT), st.lists(st.integers(0, 80), max_size=8))
@example("ab\x1b[Kcd\rX", [7])
@example("a\r\x1b[31mb", [3])
@example("abc\x1b[Kd\r\n", [8])
def test_chunks_make_no_difference(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(text)]
    assert shown(*(text[a:b] for a, b in zip(edges, edges[1:]))) == shown(text)


@BOUNDED
@given(st.lists(st.text(st.characters(blacklist_characters="\r\b\x1b")), max_size=10))
def test_text_without_controls_comes_back_exactly(chunks: list[str]) -> None:
    assert shown(*chunks) == "".join(chunks)


@pytest.mark.pitfall(17)
def test_a_wide_bar_over_many_chunks_is_shown_once() -> None:
    bars = [f"\r{i:3}%|{'#' * i}{' ' * (100 - i)}| {i}/100" for i in range(101)]
    assert shown("begin\n", *bars, "\n", "end") == f"begin\n100%|{'#' * 100}| 100/100\nend"


def test_the_cursor_reaches_back_one_width_of_the_terminal() -> None:
    far = 2 * WIDTH
    assert shown("x" * 3 * WIDTH, "\rAB") == "x" * far + "AB" + "x" * (WIDTH - 2)
    assert shown("\r", "x" * 3 * WIDTH, "\rAB\n") == "x" * far + "AB" + "x" * (WIDTH - 2) + "\n"


# Each of these takes minutes if a chunk costs what the line or the text before it is long.
@pytest.mark.parametrize(
    ("chunks", "on_screen"),
    [
        (["a\rb\n" * 100_000], "b\n" * 100_000),
        (["x"] * 200_000, "x" * 200_000),
        (["ab\r", "c\n"] * 50_000, "cb\n" * 50_000),
        (["x" * 2 * WIDTH, *["\b."] * 20_000], "x" * (2 * WIDTH - 1) + "."),
        (["x" * 2 * WIDTH, *["\b.|"] * 20_000], "x" * (2 * WIDTH - 1) + "." * 20_000 + "|"),
        (["x" * 2 * WIDTH, *["\x1b[0m."] * 20_000], "x" * 2 * WIDTH + "\x1b[0m." * 20_000),
    ],
    ids=["lines in one chunk", "tiny", "tiny lines", "spinner", "growing spinner", "colours"],
)
def test_long_lines_and_tiny_chunks_cost_what_they_are_long(
    chunks: list[str], on_screen: str
) -> None:
    assert shown(*chunks) == on_screen


def test_escape_sequences_without_end_do_not_pile_up() -> None:
    terminal = TerminalText()
    terminal.feed("ab\r")
    for _ in range(50_000):
        terminal.feed("\x1b[31m")
    assert len(terminal) < 100_000
    terminal.feed("\x1b[32mc")
    assert strip_ansi(str(terminal)) == "cb"


def test_a_title_without_end_does_not_hold_back_what_follows() -> None:
    terminal = TerminalText()
    terminal.feed("\x1b]0;" + "t" * 5000)
    terminal.feed("\rX")
    assert str(terminal) == "X0;" + "t" * 5000


@pytest.mark.parametrize(
    "text", ["abcdef\nghi", "ab\rcdefghijk", "abcde\x1b[31mfg\rX", "ab\r\x1b[3"]
)
@pytest.mark.parametrize("size", [0, 1, 4, 7, 100])
def test_what_is_dropped_on_the_left_is_counted(text: str, size: int) -> None:
    terminal = TerminalText()
    terminal.feed(text)
    before = str(terminal)
    dropped = terminal.drop_left(size)
    assert dropped == min(size, len(before))
    assert str(terminal) == before[dropped:]
    assert len(terminal) == len(before) - dropped


def test_the_cursor_stays_where_it_was_when_the_left_is_dropped() -> None:
    terminal = TerminalText()
    terminal.feed("abcdef\b\b")
    terminal.drop_left(3)
    terminal.feed("X")
    assert str(terminal) == "dXf"


@pytest.mark.parametrize("text", ["abc\b\bX", "abc\rX\x1b[31m", "one\nabc\rX\x1b[3", "", "abc"])
def test_a_line_that_is_taken_as_it_stands_looks_the_same(text: str) -> None:
    terminal = TerminalText()
    terminal.feed(text)
    before, size = str(terminal), len(terminal)
    terminal.settle()
    assert (str(terminal), len(terminal)) == (before, size)
    assert str(terminal.take_left(size)) == before


def test_what_is_taken_on_the_left_is_the_settled_text() -> None:
    terminal = TerminalText("one\ntwo\n")
    terminal.feed("ab\rc")
    assert str(terminal.take_left(5)) == "one\nt"
    terminal.feed("d")
    assert str(terminal) == "wo\ncd"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;5;28mx\x1b[39m", "x"),
        ("\x1b[38:2::1:2:3mx", "x"),
        ("\x1b[?25lx\x1b[2 q", "x"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b(Bx\x1bcy", "xy"),
        ("no [31m here", "no [31m here"),
        ("cut \x1b[3", "cut \x1b[3"),
    ],
)
def test_plain_text_has_no_escape_sequences(text: str, plain: str) -> None:
    assert strip_ansi(text) == plain


@BOUNDED
@given(ANY_TEXT)
def test_only_escape_sequences_are_stripped(text: str) -> None:
    pieces = iter(text)
    assert all(character in pieces for character in strip_ansi(text))
    assert strip_ansi(text.replace("\x1b", "")) == text.replace("\x1b", "")
