"""Reads large JSON texts in steps, between which other threads can run.

A kernel sends everything that a cell prints at once as one string, which may have megabytes. The
decoder of ``json`` reads it in one call of C, during which all other threads wait.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable

_LARGE = 2**20
"""Characters from which on a text is read in steps."""

_STEP = 2**16
"""Characters of a string that are read at once."""

_LONGEST_ESCAPE = 6
# Two escape sequences can be one character.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u....|.)", re.DOTALL)

_STRINGS = 256
"""A text with more than one string in so many characters is read at once. To read many short
strings in steps would take ten times as long."""

_SAMPLES = 64
_SAMPLE = 1024
"""Number of places at which strings are counted, and characters of each."""

# The published types of the module lack the functions that a decoder consists of.
_PARTS: Any = json
_scan_string: Callable[[str, int, bool], tuple[str, int]] = _PARTS.decoder.scanstring
_scan_array: Callable[..., tuple[Any, int]] = _PARTS.decoder.JSONArray

_DECODER = json.JSONDecoder()
_scan: Callable[[str, int], tuple[Any, int]] = vars(_DECODER)["scan_once"]


class SteppingDecoder(json.JSONDecoder):
    """A decoder that reads long strings in steps.

    It gives the values of ``json.JSONDecoder``, but may have other words for errors.

    Args:
        step: Characters of a string that are read at once, at least 12.
    """

    def __init__(self, step: int = _STEP) -> None:
        super().__init__()
        self._step = step
        self.parse_string: Callable[[str, int, bool], tuple[str, int]] = self._string
        self.parse_array = _array
        # The scanner in C does not use other functions.
        self.scan_once: Any = _PARTS.scanner.py_make_scanner(self)

    def _string(self, text: str, start: int, strict: bool) -> tuple[str, int]:
        """The string whose first character is at ``start``, and the end of its quotation mark."""
        if text.find("\\", start, text.find('"', start)) < 0:
            # Without escapes, as in an image, this is quick, and needs no second copy.
            return _scan_string(text, start, strict)
        parts: list[str] = []
        while len(text) - start > self._step:
            cut = _cut(text, start, start + self._step)
            piece = text[start:cut] + '"'
            part, end = _scan_string(piece, 0, strict)
            parts.append(part)
            if end < len(piece):
                return "".join(parts), start + end
            start = cut
        part, end = _scan_string(text, start, strict)
        return "".join([*parts, part]), end


def raw_decode(text: str) -> tuple[Any, int]:
    """The value at the start of ``text`` and its end, as ``json.JSONDecoder.raw_decode``.

    Raises:
        ValueError: The JSON is invalid.
        RecursionError: The value is nested too deeply.
    """
    if len(text) >= _LARGE and _has_few_strings(text):
        try:
            return _STEPPING.raw_decode(text)
        except (ValueError, RecursionError):
            pass  # read it again, for the usual message and the usual depth
    return _DECODER.raw_decode(text)


def _has_few_strings(text: str) -> bool:
    starts = range(0, len(text), len(text) // _SAMPLES)
    sample = "".join([text[at : at + _SAMPLE] for at in starts])
    # Quotation marks inside of a string are escaped.
    return sample.count('"') - sample.count('\\"') <= 2 * len(sample) // _STRINGS


def _array(begun: tuple[str, int], scan: Callable[..., Any]) -> tuple[Any, int]:
    """The array whose first item begins at this place of the text, and its end."""
    text, at = begun
    if text.startswith(('"', '{"'), at):
        return _scan_array(begun, scan)
    # Numbers, of which there may be millions.
    return _scan(text, at - 1)


def _cut(text: str, start: int, near: int) -> int:
    """A place that is not within an escape sequence, at most twelve characters after ``near``."""
    last = text.rfind("\\", near - _LONGEST_ESCAPE, near)
    before = text[start : last + 1]
    if last < 0 or (len(before) - len(before.rstrip("\\"))) % 2 == 0:
        return near  # an escaped backslash ends before this place
    found = _ESCAPE.match(text, last)
    return max(near, found.end()) if found else near


_STEPPING = SteppingDecoder()
