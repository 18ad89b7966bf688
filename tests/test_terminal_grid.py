"""The cursor of a terminal: rarer movements, and where it cannot go."""

from __future__ import annotations

from tables import rows

from jkg_client.protocol.terminal import condensed, picture

# A thousand lines are on the screen. Those above them have left it.
LINES = [str(i) for i in range(1500)]
GONE, SCREEN = LINES[:501], LINES[501:]


# Repeated movements add up. Erasing twice has the effect of erasing once.
@rows(
    ("text", "shown"),
    [
        # A repeated code moves or erases twice.
        ("ab\x1b[E\x1b[Ec", "ab\n\nc"),
        ("a\x1bD\x1bDb", "a\n\n b"),
        ("a\nb\n\x1bM\x1bMx", "x\nb\n"),
        ("\x1b[3B\x1b[3Bx", "\n" * 6 + "x"),
        ("a\x1b[2C\x1b[2Cx", "a    x"),
        ("abcd\x1b[D\x1b[DX", "abXd"),
        ("abcd\b\b\x1b[1K\x1b[1K", "   d"),
        ("abc\r\x1b[X\x1b[Xd", "dbc"),
        # Below and after the text, nothing is erased, and no blanks are inserted.
        ("ab\x1b[5@c", "abc"),
        ("a\x1b[B\x1b[5@b", "a\n b"),
        ("a\x1b[2B\x1b[5@b", "a\n\n b"),
        ("ab\x1b[X", "ab"),
        ("abc\b\x1b[9X", "ab "),
        ("a\x1b[B\x1b[X", "a"),
        ("a\x1b[B\x1b[K", "a"),
        ("a\x1b[B\x1b[1K", "a"),
        ("a\x1b[B\n", "a\n\n"),
        # The cursor goes a thousand columns to the right at most.
        ("ab\rc\x1b[8Cd", "cb       d"),
        ("\x1b[1000C\x1b[Cx", " " * 1000 + "x"),
        ("x" * 1000 + "\x1b[Cy", "x" * 1000 + "y"),
        # In a longer line, it goes to the end. It never goes back.
        ("x" * 2000 + "\r\x1b[1500Cy", "x" * 1500 + "y" + "x" * 499),
        ("x" * 2000 + "\x1b[2K\x1b[Cy", " " * 2000 + "y"),
    ],
)
def test_codes_move_and_erase_as_on_a_terminal(text: str, shown: str) -> None:
    assert picture(text) == shown


# After 1500 lines, the cursor is in an empty line, the last one of the screen.
@rows(
    ("codes", "screen"),
    [
        ("\x1b[Hx", ["x01", *SCREEN[1:], ""]),
        ("\x1b[9999A\x1b[Ax", ["x01", *SCREEN[1:], ""]),
        ("\x1b[1J", [""] * 1000),
        ("\x1b[A\x1b[1J", [""] * 998 + [" 499", ""]),
        ("\x1b[10A\x1b[J", [*SCREEN[:-10], ""]),
        ("\x1b[2J", [""]),
        ("\x1b[2Jx", [""] * 999 + ["x"]),
        # A program that clears the screen again and again does not change other lines.
        ("\x1b[2J\x1b[Hx\n" * 3, ["x", ""]),
        ("\x1bcx", ["x"]),
        # There are a thousand lines more below.
        ("\x1b[9999Bx", [*SCREEN, *[""] * 1001, "x"]),
        ("\x1b[9999;1Hx", [*SCREEN, *[""] * 1001, "x"]),
    ],
)
def test_lines_above_the_screen_are_kept(codes: str, screen: list[str]) -> None:
    text = "\n".join([*LINES, codes])
    assert picture(text) == "\n".join([*GONE, *screen])


# More lines than one piece of text has, in which the cursor is followed.
@rows(
    ("before", "after", "found"),
    [(1500, 1000, 1502), (1900, 600, 1900), (0, 2500, 1502), (0, 2185, 1187)],
)
def test_a_saved_cursor_position_moves_with_its_line(before: int, after: int, found: int) -> None:
    line = "c" * 29 + "\n"
    text = line * before + "\x1b[C\x1b7\n" + line * after + "\x1b8X"
    lines = picture(text).split("\n")
    assert len(lines) == before + after + 2
    assert [i for i, line in enumerate(lines) if "X" in line] == [found]
    assert lines[found][:2] == (" X" if found == before else "cX")


@rows("end", ["\n", "\r\n"])
def test_lines_of_a_long_text_without_movements_are_all_there(end: str) -> None:
    lines = ["one", "two\rT", "c" * 70_000, "three", "four\rF", "five"]
    shown = ["one", "Two", "c" * 70_000, "three", "Four", "five"]
    assert picture(end.join(lines)) == "\n".join(shown)


def test_in_an_endless_line_the_cursor_goes_back_a_million_columns() -> None:
    # Of more than 2097152 characters, the last 1048576 can be reached.
    line = "x" * 2_097_153
    codes = "\x1b[GZ\b\bY\x1b[2C" + "y" * 2_097_152 + "\b\bW\rV"
    shown = "x" * 1_048_577 + "Yxx" + "y" * 1_048_576 + "V" + "y" * 1_048_573 + "Wy"
    assert picture(line + codes) == shown
    assert picture(line + "\b\bY") == "x" * 2_097_151 + "Yx"


def test_each_printed_character_allows_one_more_blank() -> None:
    lines = ["x" * 10_000, *["\x1b[999Cx"] * 8]
    assert picture("\n".join(lines)) == "\n".join([lines[0], *[" " * 999 + "x"] * 8])


def test_after_too_many_blanks_movements_add_no_more() -> None:
    lines = picture("\n".join(["\x1b[999Cx"] * 10)).split("\n")
    assert lines[:4] + lines[5:] == [" " * 999 + "x"] * 4 + ["x"] * 5


@rows("size", [5, 15, 16, 17, 40])
def test_a_long_line_is_erased_as_a_short_one(size: int) -> None:
    line = "x" * size
    assert picture(f"{line}\x1b[2Ky") == " " * size + "y"
    assert picture(f"{line}\b\b\x1b[2Ky") == " " * (size - 2) + "y"
    assert picture(f"{line}\b\b\x1b[1K") == " " * (size - 1) + "x"
    assert picture(f"{line}\b\b\x1b[K") == line[2:]


def test_a_line_is_erased_again_when_it_has_grown() -> None:
    assert picture("x" * 100 + "\x1b[1K" + "y" * 400 + "\x1b[1K!") == " " * 500 + "!"


@rows(("times", "left"), [(80, 0), (130, 49_984)])
def test_the_last_of_very_many_erasures_erase_little(times: int, left: int) -> None:
    # Each of them takes time for the whole line.
    text = "x" * 50_000 + "\x1b[1K\x1b[D\x1b[C" * times + "\r" + "y" * 50_000 + "\x1b[1K!"
    assert picture(text) == "y" * left + " " * (50_000 - left) + "!"


# The rest of the text, and the movement to the cursor, where more text continues.
@rows(
    ("text", "rest"),
    [
        ("ab\n\x1b7cd\nef", "ab\ncd\nef\x1b[1A\r\x1b7\x1b[1B\r\x1b[2C"),
        ("a\x1b7\nb\nc\nd\x1b[A", "a\nb\nc\nd\x1b[3A\r\x1b[1C\x1b7\x1b[2B\r\x1b[1C"),
        ("a\x1b[31m\x1b[1mb\rc", "c\x1b[31m\x1b[1mb\r\x1b[1C"),
        ("a\r\x1b[1m\nb", "a\n\x1b[1mb"),
        # More text may complete the unfinished code.
        ("ab\r", "ab\r"),
        ("ab\x1b[3", "ab\x1b[3"),
        # Of very many colours in one place, the last one is kept.
        ("ab\r" + "\x1b[31m" * 51 + "x", "\x1b[31m" * 51 + "xb\r\x1b[1C"),
        ("ab\r" + "\x1b[31m" * 59 + "\x1b[1mx", "\x1b[1mxb\r\x1b[1C"),
    ],
)
def test_condensed_text_ends_with_the_movement_to_the_cursor(text: str, rest: str) -> None:
    folded = condensed(text)
    assert (folded.above, folded.rest) == ("", rest)
    assert picture(folded.rest + "\x1b8X\nY") == picture(text + "\x1b8X\nY")
