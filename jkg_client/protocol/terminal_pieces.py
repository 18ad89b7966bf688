"""Fast preparation of a text for a terminal, without moving a cursor."""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import stepwise
from .terminal_commands import STILL

# A sequence contains no other escape except the one that ends it.
_CUT = re.compile(r"\n|(?=\x1b(?!\\))")
_CUT_WITHOUT_ESCAPES = re.compile(r"[\n\x08]")

# A character, a backspace, and the character that overwrites it.
_OVERWRITTEN = re.compile(r"[^\n\r\x08\x1b]\x08(?=[^\n\r\x08\x1b])")
# Erases the rest of a line. Only the first of several such codes has an effect.
_ERASE = r"\x1b\[0?K"
_ERASED_AGAIN = re.compile(rf"{_ERASE}(?:[^\n\r\x08\x1b]*{_ERASE})+")


def pieces(text: str) -> Iterator[str]:
    """``text`` in pieces. No piece ends within an escape sequence."""
    return stepwise.pieces(text, _CUT if "\x1b" in text else _CUT_WITHOUT_ESCAPES)


def without_still(text: str) -> str:
    """``text`` without the sequences that neither move the cursor nor erase."""
    return STILL.sub("", text) if "\x1b" in text else text


def without_idle_codes(text: str) -> str:
    """``text`` without the useless control codes that are easy to find."""
    if "\x1b" not in text:
        # Otherwise, the character could be the end of an escape sequence.
        return _OVERWRITTEN.sub("", text)
    return _ERASED_AGAIN.sub(_erased_once, text)


def row_text(row: str | list[str]) -> str:
    """The text of a line, which may be a list of its cells."""
    return row if isinstance(row, str) else "".join(row)


def erased(row: str, column: int, number: int) -> str:
    """A line that is erased after ``column`` (0), before it (1) or completely (2)."""
    if number == 1:
        end = min(column + 1, len(row))
        return " " * end + row[end:]
    return "" if number == 2 else row[:column]


def overwritten(line: str) -> str:
    """A line after its carriage returns: later parts have overwritten earlier parts."""
    shown: list[str] = []
    size, end = 0, len(line)
    while end >= 0:
        start = line.rfind("\r", 0, end) + 1
        if end - start > size:
            shown.append(line[start + size : end])
            size = end - start
        end = start - 1
    return "".join(shown)


def _erased_once(found: re.Match[str]) -> str:
    return "\x1b[K" + found[0].replace("\x1b[K", "").replace("\x1b[0K", "")
