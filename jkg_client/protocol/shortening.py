"""Shortens texts and values that are too large. Their beginning and their end are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .stepwise import join, lines_of
from .terminal import strip_ansi

_DROPPED = re.compile(r"\n\[([0-9]{1,15}) characters of output dropped here\]\n")

_READABLE = ("text/plain", "text/markdown", "text/latex")
"""MIME types that can be shortened. Half an image, page or JSON document is broken."""

_MOST_NAMED = 5
_MOST_FORMS = 20
_LONGEST_NAME = 80

ITEM = 16
"""Number of characters that each item of a list or an object counts in addition to its text."""


def dropped_here(characters: int) -> str:
    """The line that replaces this number of characters."""
    return f"\n[{characters} characters of output dropped here]\n"


def is_dropped_here(text: str) -> bool:
    """Whether ``text`` is a line of ``dropped_here``."""
    return _DROPPED.fullmatch(text) is not None


def shortened(text: str, most: int) -> str:
    """``text`` with at most this many characters of it, and a line in place of its middle."""
    if len(text) <= most:
        return text
    head, tail = text[: most - most // 2], text[len(text) - most // 2 :]
    return f"{head}\n[{len(text) - most} characters are left out here]\n{tail}"


def cut(text: str, most: int, *, head: int | None = None) -> tuple[str, int]:
    """Shorten a text. Even a text that was shortened before has only one gap.

    Args:
        text: The text.
        most: Number of characters to keep.
        head: How many of these are from the beginning. None for half.

    Returns:
        The text with a line that says how much is missing, and its length without that line.
    """
    found = _DROPPED.search(text)
    start, end = found.span() if found else (len(text), len(text))
    before, after, missing = text[:start], text[end:], int(found.group(1)) if found else 0
    size = len(before) + len(after)
    if size <= most:
        return text, size
    first = before[: most // 2 if head is None else min(head, most)]
    rest = after if found else text[len(first) :]
    last = rest[max(0, len(rest) - (most - len(first))) :]
    kept = len(first) + len(last)
    return f"{first}{dropped_here(missing + size - kept)}{last}", kept


def cut_forms(data: Mapping[str, Any], most: int) -> tuple[dict[str, Any], int]:
    """Shorten the forms of one object: text is shortened, other forms are dropped if too large.

    Returns:
        The forms that fit into ``most`` characters, and their number of characters. A line in the
        plain text names the dropped forms.
    """
    sizes = {name: weight(form) for name, form in data.items()}
    readable = [name for name in data if name in _READABLE and _joined(data[name]) is not None]
    room = most - min(sum(sizes[name] for name in readable), most // 2)
    kept: dict[str, Any] = {}
    for name, form in data.items():
        if name in readable:
            kept[name] = form  # keeps its place; it is shortened below
        elif sizes[name] <= room and len(name) <= _LONGEST_NAME and len(kept) < _MOST_FORMS:
            kept[name] = form
            room -= sizes[name]
    size = sum(sizes[name] for name in kept if name not in readable)
    for left, name in zip(range(len(readable), 0, -1), readable):
        text = strip_ansi(_joined(data[name]) or "")
        kept[name], characters = cut(text, (most - size) // left)
        size += characters
    told = [name for name in data if name not in kept]
    if told:
        plain = _joined(kept.get("text/plain"))
        kept["text/plain"] = "\n".join(filter(None, [plain, _left_out(told, sizes)]))
    return kept, size


def cut_traceback(lines: Sequence[str], most: int) -> tuple[tuple[str, ...], int]:
    """Shorten the lines of a traceback. The end gets most of the room."""
    text, size = cut(strip_ansi(join(lines, "\n")), most, head=most // 4)
    return tuple(lines_of(text)) if text else (), size


def weight(value: Any) -> int:
    """Number of characters in a JSON value, plus some for each list, object and number in it."""
    total = 0
    waiting: list[Iterable[Any]] = [(value,)]
    while waiting:
        for one in waiting.pop():
            if isinstance(one, str):
                total += len(one)
            elif isinstance(one, (list, dict)):
                total += ITEM * len(one)
                waiting.append(one)
                if isinstance(one, dict):
                    waiting.append(one.values())
    return total


def _left_out(names: Sequence[str], sizes: Mapping[str, int]) -> str:
    some = ", ".join(
        f"{name[:_LONGEST_NAME]} ({sizes[name]} characters)" for name in names[:_MOST_NAMED]
    )
    return f"[dropped, larger than may be kept: {some}]"


def _joined(form: Any) -> str | None:
    if isinstance(form, list) and all(isinstance(line, str) for line in form):
        return "".join(form)
    return form if isinstance(form, str) else None
