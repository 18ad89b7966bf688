"""Reads large JSON texts in steps, between which other threads can run.

A kernel sends all text that a cell prints at once as one string, which may have megabytes. It sends
all points of a chart as one array. The decoder of ``json`` reads each of them in one call of C,
during which all other threads wait.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Union

_LARGE = 2**20
"""A text with at least this number of characters is read in steps."""

_STEP = 2**16
"""Number of characters that are read at once."""

_LONGEST_ESCAPE = 6
# Two escape sequences can be one character.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u....|.)", re.DOTALL)

_WHITE = " \t\n\r"
_SPACE = re.compile(rf"[{_WHITE}]*")

_ITEM_ENDS = [",", "],", "},", '",']
"""Texts whose last character may be a comma between two items.

The last comma of all may be within an item. A comma after a bracket or a quotation mark is more
often between two items.
"""

Items = Union[list[Any], dict[str, Any]]
"""The content of an array or of an object."""

_DECODER = json.JSONDecoder()
# The published types of the module lack the functions that a decoder consists of.
_PARTS: Any = json
_scan_string: Callable[[str, int, bool], tuple[str, int]] = _PARTS.decoder.scanstring
_scan: Callable[[str, int], tuple[Any, int]] = vars(_DECODER)["scan_once"]


class SteppingDecoder:
    """A decoder that reads long strings, arrays and objects in steps.

    It returns the same values as ``json.JSONDecoder``, but its error messages are different.

    Args:
        step: Characters that are read at once, at least 12.
    """

    def __init__(self, step: int = _STEP) -> None:
        self._step = step

    def raw_decode(self, text: str) -> tuple[Any, int]:
        """The value at the start of ``text`` and its end.

        Raises:
            ValueError: The JSON is invalid.
            RecursionError: The value is nested too deeply.
        """
        try:
            return self._value(text, 0)
        except StopIteration as stop:
            raise ValueError(f"No value at {stop.value}") from None

    def _value(self, text: str, at: int) -> tuple[Any, int]:
        """The value that begins at this place, and its end."""
        if text.startswith('"', at):
            return self._string(text, at + 1)
        if text.startswith("[", at):
            return self._container(text, at + 1, "[]")
        if text.startswith("{", at):
            return self._container(text, at + 1, "{}")
        return _scan(text, at)

    def _string(self, text: str, start: int) -> tuple[str, int]:
        """The string whose first character is at ``start``, and the end of its quotation mark."""
        if text.find("\\", start, text.find('"', start)) < 0:
            # If there are no escapes, as in an image, this is quick, and needs no second copy.
            return _scan_string(text, start, True)
        parts: list[str] = []
        while len(text) - start > self._step:
            cut = _cut(text, start, start + self._step)
            piece = text[start:cut] + '"'
            part, end = _scan_string(piece, 0, True)
            parts.append(part)
            if end < len(piece):
                return "".join(parts), start + end
            start = cut
        part, end = _scan_string(text, start, True)
        return "".join([*parts, part]), end

    def _container(self, text: str, at: int, brackets: str) -> tuple[Items, int]:
        """The array or object whose first item is at this place, and the end of its bracket."""
        items = _no_items(brackets)
        at = _after_space(text, at)
        if text.startswith(brackets[1], at):
            return items, at + 1
        closed = False
        while not closed:
            window = text[at : at + self._step]
            some, end, closed = _all_at_once(window, brackets) or _one_by_one(window, brackets)
            at += end
            if not some:
                # This item is longer than the window, or invalid.
                some, at, closed = _item(text, at, brackets, self._value)
            _add(items, some)
        return items, at


def loads(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: The JSON is invalid.
        RecursionError: The value is nested too deeply.
    """
    if len(text) < _LARGE:
        try:
            value, end = _scan(text, 0)
        except (ValueError, StopIteration, RecursionError):
            pass  # the code below raises an error that says more
        else:
            if end == len(text):
                return value
    text = text.strip(_WHITE)
    value, end = raw_decode(text)
    if end < len(text):
        raise ValueError("there is text after the JSON document")
    return value


def raw_decode(text: str) -> tuple[Any, int]:
    """The value at the start of ``text`` and its end, as ``json.JSONDecoder.raw_decode``.

    Raises:
        ValueError: The JSON is invalid.
        RecursionError: The value is nested too deeply.
    """
    try:
        return _STEPPING.raw_decode(text) if len(text) >= _LARGE else _scan(text, 0)
    except (ValueError, StopIteration, RecursionError):
        return _DECODER.raw_decode(text)  # this works for messages of the usual depth


def _all_at_once(window: str, brackets: str) -> tuple[Items, int, bool] | None:
    """Read the items before one of the last commas at once.

    Returns:
        The items, the place after the comma, and False. If the closing bracket comes before the
        comma: the items, the place after the bracket, and True. None if these commas are within
        items.
    """
    for item_end in _ITEM_ENDS:
        comma = window.rfind(item_end) + len(item_end) - 1
        if comma <= 0:
            continue
        piece = f"{brackets[0]}{window[:comma]}{brackets[1]}"
        try:
            items, end = _scan(piece, 0)
        except (ValueError, StopIteration, RecursionError):
            continue
        if items:
            return (items, comma + 1, False) if end == len(piece) else (items, end - 1, True)
    return None


def _one_by_one(window: str, brackets: str) -> tuple[Items, int, bool]:
    """The items that are complete in the window, their end, and whether a bracket ends them."""
    items = _no_items(brackets)
    at, closed = 0, False
    try:
        while not closed:
            item, at, closed = _item(window, at, brackets, _scan)
            _add(items, item)
    except (ValueError, StopIteration, RecursionError):
        pass
    return items, at, closed


def _item(
    text: str, at: int, brackets: str, value_at: Callable[[str, int], tuple[Any, int]]
) -> tuple[Items, int, bool]:
    """The item at this place, the place after its comma or bracket, and whether it is a bracket."""
    key = None
    if brackets == "{}":
        key, at = value_at(text, _after_space(text, at))
        at = _after_space(text, at)
        if not (isinstance(key, str) and text.startswith(":", at)):
            raise ValueError(f"No key and colon before {at}")
        at += 1
    value, at = value_at(text, _after_space(text, at))
    at = _after_space(text, at)
    closed = text.startswith(brackets[1], at)
    if not closed and not text.startswith(",", at):
        raise ValueError(f"No comma at {at}")
    return ([value] if key is None else {key: value}), at + 1, closed


def _no_items(brackets: str) -> Items:
    return [] if brackets == "[]" else {}


def _add(items: Items, some: Any) -> None:
    if isinstance(items, list):
        items += some
    else:
        items.update(some)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _cut(text: str, start: int, near: int) -> int:
    """A place that is not within an escape sequence, at most twelve characters after ``near``."""
    last = text.rfind("\\", near - _LONGEST_ESCAPE, near)
    before = text[start : last + 1]
    if last < 0 or (len(before) - len(before.rstrip("\\"))) % 2 == 0:
        return near  # an escaped backslash ends before this place
    found = _ESCAPE.match(text, last)
    return max(near, found.end()) if found else near


_STEPPING = SteppingDecoder()
