"""Reads large JSON texts in steps, between which other threads can run.

A kernel sends everything that a cell prints at once as one string, which may have megabytes. The
decoder of ``json`` reads it in one call of C, during which all other threads wait.
"""

from __future__ import annotations

import json
import re
from json import decoder, scanner
from typing import Any, Callable

LARGE = 2**20
"""Characters from which on a text is read in steps."""

STEP = 2**17
"""Characters of a string that are read at once."""

_STRINGS = 256
"""A text with more than one string in so many characters is read at once. To read many short
strings in steps would take ten times as long."""

_LONGEST_ESCAPE = 6
# Two escape sequences can be one character.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u....|.)", re.DOTALL)


def raw_decode(text: str) -> tuple[Any, int]:
    """The value at the start of ``text`` and its end, as ``json.JSONDecoder.raw_decode``.

    Raises:
        ValueError: The JSON is invalid.
        RecursionError: The value is nested too deeply.
    """
    if len(text) >= LARGE and _has_few_strings(text):
        try:
            return _STEPPING.raw_decode(text)
        except (ValueError, RecursionError):
            pass  # read it again, for the usual message and the usual depth
    return _DECODER.raw_decode(text)


def _has_few_strings(text: str) -> bool:
    most = 2 * len(text) // _STRINGS
    quotes = sum(text.count('"', at, at + LARGE) for at in range(0, len(text), LARGE))
    # Quotation marks inside of a string are escaped.
    return quotes <= most or quotes - text.count('\\"') <= most


class _SteppingDecoder(json.JSONDecoder):
    """A decoder that reads long strings in steps."""

    def __init__(self) -> None:
        super().__init__()
        self.parse_string = _string
        self.parse_array = _array
        # The scanner in C does not use other functions.
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]


def _array(begun: tuple[str, int], scan: Callable[..., Any]) -> tuple[Any, int]:
    """The array whose first item begins at this place of the text, and its end."""
    text, at = begun
    if text.startswith('"', at):
        return decoder.JSONArray(begun, scan)  # type: ignore[attr-defined,no-any-return]
    # Numbers: there may be millions.
    return _DECODER.scan_once(text, at - 1)  # type: ignore[no-any-return]


def _string(text: str, start: int, strict: bool) -> tuple[str, int]:  # noqa: FBT001 - as in json
    """The string whose first character is at ``start``, and the end of its quotation mark."""
    parts: list[str] = []
    while len(text) - start > STEP:
        cut = _cut(text, start + STEP)
        piece = text[start:cut] + '"'
        part, end = decoder.scanstring(piece, 0, strict)
        parts.append(part)
        if end < len(piece):
            return "".join(parts), start + end
        start = cut
    part, end = decoder.scanstring(text, start, strict)
    return "".join([*parts, part]), end


def _cut(text: str, near: int) -> int:
    """A place that is not within an escape sequence, at most twelve characters after ``near``."""
    last = text.rfind("\\", near - _LONGEST_ESCAPE, near)
    before = text[near - STEP : last + 1]
    if last < 0 or (len(before) - len(before.rstrip("\\"))) % 2 == 0:
        return near  # an escaped backslash ends before this place
    found = _ESCAPE.match(text, last)
    return max(near, found.end()) if found else near


_DECODER = json.JSONDecoder()
_STEPPING = _SteppingDecoder()
