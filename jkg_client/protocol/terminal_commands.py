"""Patterns of escape sequences, and the effects of sequences that move the cursor or erase.

The sequences come from ECMA-48, and a few that programs use come from xterm:
https://ecma-international.org/publications-and-standards/standards/ecma-48/
https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from .stepwise import slices

# A sequence without an end is a match, too. So no pattern has to go back and try again, and all of
# them take linear time.
_CONTROL_SEQUENCE = r"\x1b\[[0-?]*[ -/]*[@-~]?"
_COMMAND = r"\x1b\][^\x00-\x1f]*(?:\x07|\x1b\\)?"  # a title, a link
_DEVICE_STRING = r"\x1b[PX^_](?:[^\x1b]*\x1b\\|[^\x00-\x1f]*)"
_OTHER = r"\x1b[ -/]*[0-~]?"
_SEQUENCE = f"(?:{_CONTROL_SEQUENCE}|{_COMMAND}|{_DEVICE_STRING}|{_OTHER})"
_MOVE = r"\x1b(?:\[[0-9;]*[@A-HJKPXadefsu`]|[78cDEM])"

SEQUENCE = re.compile(_SEQUENCE)
"""Any escape sequence."""

STILL = re.compile(f"(?!{_MOVE}){_SEQUENCE}")
"""A sequence that neither moves the cursor nor erases: colours, titles, links, modes."""

_ALTERNATE = r"\x1b\[\?(?:1049|1047|47)([hl])"

ALTERNATE = re.compile(_ALTERNATE)
"""Begins (``h``) or ends (``l``) the use of the alternate screen of pagers and editors."""

MOVE = re.compile(rf"\r(?!\n)|\x08|{_MOVE}|{_ALTERNATE}")
"""A control code that moves the cursor back, erases, or changes the screen."""

CONTROL = re.compile(rf"(\n|\r+|\x08+|({_MOVE})\2*|(?:(?!{_MOVE}){_SEQUENCE})+)")
"""Splits a text: a control code, and the command in it, which may be repeated."""

WHOLE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x00-\x1f]*(?:\x07|\x1b\\))")
"""A colour, a mode, a title or a link with its end."""

BEGUN = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*|\][^\x00-\x1f]*\x1b?|[PX^_][^\x1b]*\x1b?|[ -/]*)?\Z|\r\Z"
)
"""An unfinished control code at the end of a text. More text may complete it."""

# Codes of one character, and their usual form of two characters.
_C1 = {"\x90": "\x1bP", "\x9b": "\x1b[", "\x9c": "\x1b\\", "\x9d": "\x1b]"}

SIGNS = ("\x1b", "\r", "\b", *_C1)
"""A text without any of these characters has no control codes."""


def in_two(text: str) -> str:
    """``text`` with codes of one character replaced by their form of two characters."""
    if text.isascii() or not any(code in text for code in _C1):
        return text
    return "".join(map(_replaced, slices(text)))


def _replaced(text: str) -> str:
    for code, form in _C1.items():
        text = text.replace(code, form)
    return text


@frozen
class Command:
    """The effect of a sequence: a movement by a distance, a movement to a place, or an action."""

    down: int = 0
    right: int = 0
    row: int | None = None
    column: int | None = None
    letter: str = ""
    number: int = 0


def command(sequence: str) -> Command:
    """The effect of ``sequence``, which moves the cursor or erases."""
    letter = sequence[-1]
    if sequence[1] != "[":
        return _SHORT[letter]
    # More digits have no meaning, and would take long to convert.
    numbers = [int(number[:9] or 0) for number in sequence[2:-1].split(";", 2)[:2]]
    number, count = numbers[0], max(numbers[0], 1)
    if letter in _ACTIONS:
        return Command(letter=letter, number=count if letter in "@P" else number)
    if letter in "Hf":
        column = max(numbers[-1], 1) if len(numbers) > 1 else 1
        return Command(row=count - 1, column=column - 1)
    if letter in "AB":
        return Command(down=-count if letter == "A" else count)
    if letter in "EF":
        return Command(down=-count if letter == "F" else count, column=0)
    if letter in "Cae":
        return Command(down=count) if letter == "e" else Command(right=count)
    if letter == "D":
        return Command(right=-count)
    return Command(row=count - 1) if letter == "d" else Command(column=count - 1)


def way_between(start: tuple[int, int], end: tuple[int, int]) -> str:
    """The sequences that move the cursor from one line and column to another."""
    if start == end:
        return ""
    down, column = end[0] - start[0], end[1]
    vertical = f"\x1b[{abs(down)}{'B' if down > 0 else 'A'}" if down else ""
    return f"{vertical}\r" + (f"\x1b[{column}C" if column else "")


_ACTIONS = "@JKPXsu"

_SHORT: Mapping[str, Command] = {
    "7": Command(letter="s"),
    "8": Command(letter="u"),
    "c": Command(letter="c"),
    "D": Command(down=1),
    "E": Command(down=1, column=0),
    "M": Command(down=-1),
}
