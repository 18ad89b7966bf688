from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import BOUNDED
from tables import rows

from jkg_client.protocol.terminal import Screen, condensed, moves, picture, strip_ansi
from jkg_client.protocol.terminal_commands import Command, command, in_two
from jkg_client.protocol.terminal_pieces import overwritten, pieces, without_idle_codes

# One row for each rule of terminals.
SHOWN = [
    ("one\ntwo", "one\ntwo"),
    ("", ""),
    ("10%\r20%\r30%\n", "30%\n"),
    ("long line\rshort\n", "shortline\n"),
    ("hi\r\nthere\r\n", "hi\nthere\n"),
    ("a\r\r\nb", "a\nb"),
    ("line\nab\rc", "line\ncb"),
    ("a\tb\rc", "c\tb"),
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
    ("\x1b[31mred\x1b[0m\n", "red\n"),
    ("\x1b[31m10%\x1b[0m\r\x1b[32m20%\x1b[0m", "20%"),
    ("ab\r\x1b]8;;http://x\x1b\\cd\x1b]8;;\x1b\\", "cd"),
    ("\x1b]0;title\x07x", "x"),
    ("ab\r\x1b[38:2::1:2:3mc", "cb"),
    ("ab\r\x1b(Bc", "cb"),
    ("ab\r\x1b", "ab"),
    ("ab\r\x1b\nc", "ab\nc"),
    ("ab\x1b]no end\nc", "ab\nc"),
    ("ab\x1b[31", "ab"),
    ("\x1b[?25l\x1b[?1049hx\x1b[?25h", "x"),
    ("\x1bPq#0;2;0;0;0~-\n~\x1b\\x", "x"),
    ("\x1b_G a=T;AAAA\x1b\\x\x1b^p\x1b\\y", "xy"),
    ("\x9b31mred\x9b0m\x9d0;t\x9cx", "redx"),
    ("one\ntwo\x1b[A\rX", "Xne\ntwo"),
    ("one\ntwo\n\x1b[2A\x1b[2Kthree\x1b[B", "three\ntwo\n"),
    ("one\x1b[99A\rX", "Xne"),
    ("a\nb\n\x1bMX", "a\nX\n"),
    ("a\x1b[3Cb\x1b[2DX", "a  Xb"),
    ("abc\x1b[GX\x1b[3GZ", "XbZ"),
    ("a\nb\nc\x1b[2FX", "X\nb\nc"),
    ("a\x1b[Ebc", "a\nbc"),
    ("a\nb\nc\x1b[1;1HX\x1b[2;2HY", "X\nbY\nc"),
    ("many\nlines\n\x1b[2J\x1b[Hnew", "new"),
    ("many\nlines\n\x1b[H\x1b[Jnew", "new"),
    ("many\nlines\n\x1b[H\x1b[2J\x1b[3Jnew", "new"),
    ("old\x1bcnew", "new"),
    ("ab\x1b7cd\nef\x1b8X", "abXd\nef"),
    ("ab\x1b[scd\nef\x1b[uX", "abXd\nef"),
    ("abcdef\r\x1b[2XX", "X cdef"),
    ("a\nbc\x1b[1J", "\n  "),
]

SHOWN += [
    ("abcdef\x1b[4D\x1b[2P", "abef"),
    ("abcdef\x1b[4D\x1b[P\x1b[P", "abef"),
    ("abc\x1b[9P\x1b[B\x1b[P", "abc"),
    ("abc\b\b\x1b[2@X", "aX bc"),
    ("abc\b\b\x1b[@\x1b[@", "a  bc"),
    ("abc\x1b[@d", "abcd"),
    # A pager leaves nothing behind. If it was ended by force, its screen is still there.
    ("one\n\x1b[?1049h\x1b[2J\x1b[Htop\nx\x1b[?1049ltwo", "one\ntwo"),
    ("one\x1b[?47hvi\x1b[?47l two", "one two"),
    ("ab\rc\x1b[?1047h\x1b[5;5Hvi\x1b[?1047ld", "cd"),
    ("one\x1b[?1049htop", "one\ntop"),
    ("one\n\x1b[?1049h\x1b[?1049htop", "one\ntop"),
    ("one\x1b[?1049l two", "one two"),
    ("\x1b[?1049ha\x1b[?1049l\x1b[?1049hb", "b"),
    # The cursor moves beyond the text, up to column 1000.
    ("\x1b[2000Cx", " " * 1000 + "x"),
    ("\x1b[1002Gx", " " * 1000 + "x"),
    ("\x1b[1000Gx", " " * 999 + "x"),
    ("ab\x1b[3aX", "ab   X"),
    ("abc\x1b[2`X", "aXc"),
    ("a\x1b[3dX", "a\n\n X"),
    ("a\nb\x1b[1dX", "aX\nb"),
    ("a\x1b[2eX", "a\n\n X"),
    ("a\x1bDX", "a\n X"),
    ("a\x1bEX", "a\nX"),
    ("\x1b[2;3HX", "\n  X"),
    ("\x1b[2;2fX", "\n X"),
    # Nothing was saved: the cursor goes to the beginning.
    ("ab\x1b[uX", "Xb"),
    ("abc\r\x1b[X", " bc"),
    ("abc\r\x1b[9X", "   "),
    ("abc\x1b[2D\x1b[1K", "  c"),
    ("a\nbcd\x1b[2D\x1b[1J", "\n  d"),
    ("a\nb\x1bcX", "X"),
]

# The effects of sequences. Default counts are 1, and places are counted from 1.
COMMANDS = [
    ("\x1b7", Command(letter="s")),
    ("\x1b8", Command(letter="u")),
    ("\x1bc", Command(letter="c")),
    ("\x1bD", Command(down=1)),
    ("\x1bE", Command(down=1, column=0)),
    ("\x1bM", Command(down=-1)),
    ("\x1b[s", Command(letter="s")),
    ("\x1b[u", Command(letter="u")),
    ("\x1b[K", Command(letter="K")),
    ("\x1b[4;9K", Command(letter="K", number=4)),
    ("\x1b[2J", Command(letter="J", number=2)),
    ("\x1b[P", Command(letter="P", number=1)),
    ("\x1b[3@", Command(letter="@", number=3)),
    ("\x1b[3X", Command(letter="X", number=3)),
    ("\x1b[H", Command(row=0, column=0)),
    ("\x1b[5H", Command(row=4, column=0)),
    ("\x1b[5;H", Command(row=4, column=0)),
    ("\x1b[;7H", Command(row=0, column=6)),
    ("\x1b[2;3;4f", Command(row=1, column=2)),
    ("\x1b[2;3;4;5f", Command(row=1, column=2)),
    ("\x1b[A", Command(down=-1)),
    ("\x1b[3A", Command(down=-3)),
    ("\x1b[0B", Command(down=1)),
    ("\x1b[3B", Command(down=3)),
    ("\x1b[E", Command(down=1, column=0)),
    ("\x1b[2F", Command(down=-2, column=0)),
    ("\x1b[C", Command(right=1)),
    ("\x1b[4a", Command(right=4)),
    ("\x1b[2e", Command(down=2)),
    ("\x1b[D", Command(right=-1)),
    ("\x1b[3D", Command(right=-3)),
    ("\x1b[d", Command(row=0)),
    ("\x1b[4d", Command(row=3)),
    ("\x1b[G", Command(column=0)),
    ("\x1b[9G", Command(column=8)),
    ("\x1b[5`", Command(column=4)),
    # Nine digits of a number are read.
    ("\x1b[1234567890123A", Command(down=-123456789)),
]


@rows(("sequence", "does"), COMMANDS)
def test_a_sequence_is_read_as_its_standard_says(sequence: str, does: Command) -> None:
    assert command(sequence) == does


PLAIN = ["a", "bc", "def", "é"]
MOVES = [
    "\r",
    "\n",
    "\r\n",
    "\b",
    "\x1b[A",
    "\x1b[2A",
    "\x1b[B",
    "\x1b[3C",
    "\x1b[D",
    "\x1b[4G",
    "\x1b[H",
]
ERASERS = [
    "\x1b[K",
    "\x1b[0K",
    "\x1b[1K",
    "\x1b[2K",
    "\x1b[J",
    "\x1b[1J",
    "\x1b[2J",
    "\x1b7",
    "\x1b8",
]
STILL = ["\x1b[31m", "\x1b]0;t\x07", "\x1b[?25l"]
TEXTS = st.lists(st.sampled_from([*PLAIN, *PLAIN, *MOVES, *ERASERS, *STILL]), max_size=40).map(
    "".join
)
SCREENS = st.lists(
    st.sampled_from(
        [
            *PLAIN,
            *MOVES,
            *ERASERS,
            "\x1b[?1049h",
            "\x1b[?1049l",
            "\x1b[?47",
            "l",
            "\x1b[P",
            "\x1b[2@",
        ]
    ),
    max_size=40,
).map("".join)
ANY_TEXT = st.text(st.sampled_from("ab1;[]KAmB(P\\ \x07\x1b\r\n\b\x9b"), max_size=40)


def by_a_simple_terminal(text: str) -> str:  # noqa: C901 - one branch for each code
    """A simple model of a terminal: it processes one code after the other, without limits."""
    sheet: dict[tuple[int, int], str] = {}
    row = column = last = 0
    saved = (0, 0)
    for code in re.findall("\x1b(?:\\[[0-9?]*[A-Za-z]|\\][^\x07]*\x07|[78])|[^\x1b]", text):
        count = int(re.sub("[^0-9]", "", code[2:]) or 0) if len(code) > 2 else 0
        if code == "\n":
            row, column, last = row + 1, 0, max(last, row + 1)
        elif code == "\r":
            column = 0
        elif len(code) == 1 and code != "\b":
            last = max(last, row)
            sheet.update({(row, at): " " for at in range(column) if (row, at) not in sheet})
            sheet[row, column] = code
            column += 1
        elif code == "\x1b7":
            saved = row, column
        elif code == "\x1b8":
            row, column = saved
        elif code[-1] in "AB":
            row = max(0, row + max(count, 1) * (1 if code[-1] == "B" else -1))
        elif code == "\b" or code[-1] in "CD":
            column = max(0, column + max(count, 1) * (1 if code[-1] == "C" else -1))
        elif code[-1] == "G":
            column = count - 1
        elif code[-1] == "H":
            row = column = 0
        elif code[-1] in "JK":
            here = [place for place in sheet if place[0] == row or code[-1] == "J"]
            before = [place for place in here if place <= (row, column)]
            after = [place for place in here if place >= (row, column)]
            for place in (after, before, here)[count]:
                if count == 1 and place[0] == row:
                    sheet[place] = " "
                else:
                    del sheet[place]
            if code[-1] == "J":
                last = (min(last, row), last, 0)[count]
    lines = []
    for at in range(last + 1):
        columns = [place[1] for place in sheet if place[0] == at]
        lines.append("".join(sheet[at, i] for i in range(max(columns, default=-1) + 1)))
    return "\n".join(lines)


@pytest.mark.field("B5")
@rows(("text", "on_screen"), SHOWN)
def test_text_is_shown_as_a_terminal_shows_it(text: str, on_screen: str) -> None:
    assert picture(text) == on_screen


@BOUNDED
@given(TEXTS)
@example("a\x1b[2J\nb")
@example("\x1b[3Ca\b\x1b[K")
def test_picture_shows_the_text_of_a_simple_terminal(text: str) -> None:
    assert picture(text) == by_a_simple_terminal(text)


@BOUNDED
@given(st.text(st.characters(blacklist_characters="\r\b\x1b\x90\x9b\x9c\x9d")))
def test_text_without_codes_comes_back_exactly(text: str) -> None:
    assert picture(text) == strip_ansi(text) == text
    assert not moves(text)


@rows(
    ("text", "does"),
    [
        ("a\n", False),
        ("a\r\nb\r\n", False),
        ("a\rb", True),
        ("a\r\nb\r", True),
        ("a\bb", True),
        ("\x1b[31ma\r\n", False),
        ("\x1b[31ma\rb", True),
        ("\x1b[Aa", True),
        ("\x9bAa", True),
        ("\x9b1ma", False),
    ],
)
def test_text_moves_if_it_goes_back_or_erases(text: str, does: bool) -> None:
    assert moves(text) is does


@BOUNDED
@given(st.one_of(TEXTS, ANY_TEXT, SCREENS), st.one_of(TEXTS, ANY_TEXT, SCREENS))
@example("\x9b\r1", "")
@example("ab\x1b[3", "1mc")
@example("ab\x1b]0;ti", "tle\x07c")
@example("ab\r", "\nc")
@example("ab\r\x1b[?1049hcd\x1b[2D", "e")
@example("ab\r\x1b[?1049hcd\r", "\x1b[?1049le")
def test_more_text_after_condensed_text_looks_the_same(text: str, more: str) -> None:
    folded = condensed(text)
    assert picture(folded.above + folded.rest + more) == picture(text + more)


def test_condensed_text_keeps_its_colours() -> None:
    text = "\x1b[31mone\x1b[0m\r\x1b[32mtwo\x1b[0m\n\x1b]8;;x\x07link\x1b[A"
    folded = condensed(text)
    assert folded.above == ""
    assert folded.rest == "\x1b[0m\x1b[32mtwo\x1b[0m\n\x1b]8;;x\x07link\x1b[1A\r\x1b[4C"


def test_condensed_text_keeps_the_colours_of_the_alternate_screen() -> None:
    text = "\x1b[31ma\x1b[?1049h\x1b[32mb"
    assert condensed(text).rest == text


def test_changes_of_the_screen_are_counted_as_movements() -> None:
    assert condensed("a\x1b[?1049hb\x1b[?1049l\x1b[?1049hc").followed == 3


@BOUNDED
@given(ANY_TEXT)
@pytest.mark.field("B4")
def test_no_escape_code_reaches_a_reader(text: str) -> None:
    assert not set("\x1b\x9b\r\b") & set(picture(text))
    assert not set("\x1b\x9b") & set(strip_ansi(text))
    pieces = iter(text)
    assert all(character in pieces for character in strip_ansi(text))


@pytest.mark.pitfall(17)
def test_a_wide_bar_is_shown_once() -> None:
    bars = [f"\r{i:3}%|{'#' * i}{' ' * (100 - i)}| {i}/100" for i in range(101)]
    assert picture("".join(["begin\n", *bars, "\nend"])) == f"begin\n100%|{'#' * 100}| 100/100\nend"


@pytest.mark.field("B5")
def test_nested_bars_end_as_they_look() -> None:
    inner = [f"\r\x1b[32minner {i}/9\x1b[0m" for i in range(10)]
    outer = [f"\router {i}/3\n{''.join(inner)}\x1b[A" for i in range(4)]
    assert picture("".join(outer) + "\n\n") == "outer 3/3\ninner 9/9\n"


@rows(
    ("text", "most"),
    [
        ("\x1b[1000000000Cx", 2000),
        ("\x1b[1000000000Bx", 2000),
        ("\x1b[999999999;999999999Hx", 4000),
        (f"\x1b[{'9' * 100_000}Cx", 2000),
        ("\x1b[999Cx\n" * 1000, 20_000),
        ("\x1b[9Bx" * 1000, 20_000),
    ],
)
def test_movements_add_only_a_limited_number_of_blanks(text: str, most: int) -> None:
    assert len(picture(text)) <= most
    assert picture(text).rstrip().endswith("x")


def test_the_cursor_cannot_reach_lines_more_than_a_thousand_lines_above() -> None:
    assert picture("a\n" * 5000 + "\x1b[9999A\rX") == "a\n" * 4001 + "X\n" + "a\n" * 998


@rows(
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
        ("cut \x1b[3", "cut "),
        ("kept \r\b\t\0\x07", "kept \r\b\t\0\x07"),
    ],
)
@pytest.mark.field("B4")
def test_plain_text_has_no_escape_sequences(text: str, plain: str) -> None:
    assert strip_ansi(text) == plain


# A piece has 65536 characters, and then continues to a place outside of a sequence.
PIECES = [
    ("", [""]),
    ("a" * 65536, ["a" * 65536]),
    ("a" * 65537, ["a" * 65537]),
    ("a" * 65536 + "bc\nd", ["a" * 65536 + "bc\n", "d"]),
    ("a" * 65536 + "bc\bd", ["a" * 65536 + "bc\b", "d"]),
    ("\n" + "a" * 65536 + "bc", ["\n" + "a" * 65536 + "bc"]),
    ("\n" * 65537, ["\n" * 65537, ""]),
    ("\n" * 65538, ["\n" * 65537, "\n"]),
    ("\n" * 131075, ["\n" * 65537, "\n" * 65537, "\n"]),
    ("a" * 65536 + "b\bc\x1b[Ad", ["a" * 65536 + "b\bc", "\x1b[Ad"]),
    ("\x1b]0;" + "a" * 65536 + "\x1b\\b\nc", ["\x1b]0;" + "a" * 65536 + "\x1b\\b\n", "c"]),
]


@rows(("text", "parts"), PIECES)
def test_a_long_text_is_split_into_pieces_without_splitting_a_code(
    text: str, parts: list[str]
) -> None:
    assert list(pieces(text)) == parts


@rows(
    ("text", "without"),
    [
        ("plain", "plain"),
        ("a\bb\bc", "c"),
        ("a\b\nb", "a\b\nb"),
        ("a\bb\x1b[m", "a\bb\x1b[m"),
        ("\x1b[Kab\x1b[Kc\x1b[0Kd\x1b[1K", "\x1b[Kabcd\x1b[1K"),
        ("\x1b[0Kab\x1b[K", "\x1b[Kab"),
        ("\x1b[Ka\n\x1b[K", "\x1b[Ka\n\x1b[K"),
    ],
)
def test_codes_without_effect_are_left_out(text: str, without: str) -> None:
    assert without_idle_codes(text) == without


@rows(
    ("line", "shown"),
    [("", ""), ("\rab", "ab"), ("ab\r", "ab"), ("abcd\rx\ryz", "yzcd"), ("a\rbc\rd", "dc")],
)
def test_later_parts_of_a_line_overwrite_earlier_parts(line: str, shown: str) -> None:
    assert overwritten(line) == shown


@rows(
    ("text", "two"),
    [
        ("\x90q\x9b31mx\x9d0;t\x9c\x91", "\x1bPq\x1b[31mx\x1b]0;t\x1b\\\x91"),
        ("\x9bm", "\x1b[m"),
        ("\x9bm" + "é" * 100_000, "\x1b[m" + "é" * 100_000),
        ("é", "é"),
    ],
)
def test_codes_of_one_character_are_read_as_two(text: str, two: str) -> None:
    assert in_two(text) == two


@rows(
    ("most", "shown", "followed"),
    [(1, "ab\n{0}\n\nonetwo\n{0}\nend", 1), (2, "ab\n{0}\nontwo\n{0}\n\nend", 3)],
)
def test_movements_beyond_the_limit_are_not_followed(most: int, shown: str, followed: int) -> None:
    wide = "c" * 70_000
    folded = condensed(f"\x1b[Aab\n{wide}\none\x1b[1m\btwo\n{wide}\nend", most)
    assert strip_ansi(folded.above + folded.rest) == shown.format(wide)
    assert folded.followed == followed


@rows(
    ("parts", "shown"),
    [
        (["ab\x1b[3", "1mc"], "abc"),
        (["ab\x1b", "[2", "Dx"], "xb"),
        (["ab\r", "\nc"], "ab\nc"),
        (["a\x9b", "31mb"], "ab"),
        (["one\n", "two\x1b[A", "\rX"], "Xne\ntwo"),
        (["", "a", ""], "a"),
        # Each part begins at the cursor.
        (["ab\x1b[2D", "X"], "Xb"),
        (["ab\n\x1b[A", "X"], "Xb\n"),
        (["\x1b[2B", "X"], "\n\nX"),
        (["\x1b[2C", "X"], "  X"),
    ],
)
def test_a_screen_shows_text_whose_codes_come_in_parts(parts: list[str], shown: str) -> None:
    screen = Screen(100)
    for part in parts:
        screen.write(part)
    assert str(screen) == shown


def test_after_too_many_movements_carriage_returns_become_line_ends() -> None:
    screen = Screen(100, 1)
    for part in ("a\x1b[Db", "\x1b[1mc\bd\r\ne\rf", "g\x1b[K"):
        screen.write(part)
    assert str(screen) == "b\ncd\ne\nfg"
    assert screen.rest == "\ncd\r\ne\rfg"


# Blanks up to column 1000 are looked at.
@rows(
    ("text", "height"),
    [
        ("", 0),
        ("a", 1),
        ("a\n", 1),
        ("\n\n", 2),
        ("a\nb", 2),
        ("a\n  ", 1),
        ("a\n" + " " * 1000, 1),
        ("a\n" + " " * 1001, 2),
        ("a\n 50%\r    ", 1),
        ("a\n 50%\r\x1b[K", 1),
        ("a\nb\n\x1b[2J\x1b[H", 0),
        ("a\n" * 5000, 5000),
        ("a\n" * 5000 + "\x1b[2J\x1b[H", 4001),
        ("a\n" * 100_000 + "\x1b[A\n", 100_000),
        ("a\nb\n\x1b[?1049hc\n", 3),
    ],
)
def test_the_height_of_a_screen_is_its_number_of_lines(text: str, height: int) -> None:
    screen = Screen(len(text))
    screen.write(text)
    assert screen.height == height


# These are repeated many times. If each code took time for the whole text, it would take minutes.
HOSTILE = {
    "erase": "\x1b[1K",
    "erase and write": "\x1b[1Kx",
    "erase, far": "\rx\x1b[999C\x1b[1K",
    "erase to the end": "x\x1b[K\n",
    "characters": "x\x1b[99X\b",
    "display": "\x1b[1J\n",
    "clear": "\x1b[2J\x1b[Hx\n",
    "returns": "x\r",
    "lines": "a\rb\n",
    "Windows lines": "a\r\n",
    "backspaces": "\bx",
    "lone escapes": "\x1b",
    "up": "\x1b[A",
    "up and down": "\x1b[A\x1b[B",
    "up and write": "\x1b[Ax",
    "staircase": "\x1b[Bx",
    "far right": "\x1b[999999999Cx\n",
    "save": "\x1b7x\x1b8",
    "colours": "\x1b[0mx",
    "parameters": "\x1b[1;",
    "commands": "\x1b]",
    "titles": "\x1b]0;t\x07x",
    "device strings": "\x1bP",
    "C1": "\x9b1A",
    "nested bars": "\r 10%|####|\n\r 20%|###|\x1b[A",
}
# These occur once, before very much text.
LONG = {
    "parameters": ("\x1b[", "1;"),
    "title": ("\x1b]0;", "t"),
    "device string": ("\x1bP", "q"),
    "line": ("x" * 50_000, "\x1b[1K"),
    "spinner": ("x" * 50_000, "\b."),
    "growing": ("x" * 50_000, "\b.|"),
    "columns": ("x" * 50_000, "\r\x1b[3Cab"),
    "two lines": ("x" * 50_000 + "\n", "\x1b[Ay\x1b[By"),
}


def seconds(of: Callable[[str], object], text: str) -> float:
    begun = time.thread_time()
    of(text)
    return time.thread_time() - begun


def is_linear(of: Callable[[str], object], *texts: str) -> bool:
    small, middle, large = texts
    seconds_of_large = seconds(of, large)
    if seconds_of_large < 0.05:
        return True  # too short to measure, and shorter than any quadratic time
    least = max(seconds(of, small), 0.01)
    return seconds(of, middle) < 5 * least and seconds_of_large < 10 * least


@pytest.mark.field("B14")
def test_after_too_many_movements_all_text_is_shown_without_control_codes() -> None:
    # This is far more than a program needs, and each movement takes time.
    text = "\x1b[1K\x1b[H" * 80_000 + "one\x1b[1m\btwo\n\x1b[2Athree\rfour\r\nfive"
    assert picture(text).strip() == "onetwo\nthree\nfour\nfive"
    # More text can be appended to the condensed text.
    folded = condensed(text)
    assert (folded.above + folded.rest).strip() == "onetwo\nthree\rfour\r\nfive"


@pytest.mark.field("B14")
@rows("of", [picture, strip_ansi, condensed])
@rows(("start", "part"), [*(("", part) for part in HOSTILE.values()), *LONG.values()])
def test_four_times_the_text_takes_no_more_than_ten_times_as_long(
    of: Callable[[str], object], start: str, part: str
) -> None:
    texts = [start * times + part * (times * 5_000 // len(part)) for times in (1, 2, 4)]
    # Other work of the machine makes one measurement wrong, but not three.
    assert any(is_linear(of, *texts) for _ in range(3))
