"""What of a text for a terminal is told without moving a cursor: the quick part of the work."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECE = 2**16
"""Characters of a piece: an expression on a text of megabytes would stop all other threads."""

# No sequence has an escape in it, but for the one that ends it.
_CUT = re.compile(r"\n|(?=\x1b(?!\\))")
_CUT_WITHOUT_ESCAPES = re.compile(r"[\n\x08]")

# A character that the next one overwrites, and the way back to it.
_OVERWRITTEN = re.compile(r"[^\n\r\x08\x1b]\x08(?=[^\n\r\x08\x1b])")
# The rest of a line erased several times: the first time leaves nothing for the others.
_ERASE = r"\x1b\[0?K"
_ERASED_AGAIN = re.compile(rf"{_ERASE}(?:[^\n\r\x08\x1b]*{_ERASE})+")


def pieces(text: str) -> Iterator[str]:
    """``text`` in pieces, none of which ends within an escape sequence."""
    cut = _CUT if "\x1b" in text else _CUT_WITHOUT_ESCAPES
    start = 0
    while len(text) - start > _PIECE:
        found = cut.search(text, start + _PIECE)
        if found is None:
            break
        yield text[start : found.end()]
        start = found.end()
    yield text[start:]


def without_idle_codes(text: str) -> str:
    """``text`` without control codes that change nothing, as far as they are quickly found."""
    if "\x1b" not in text:
        # Else the character could be the end of an escape sequence.
        return _OVERWRITTEN.sub("", text)
    return _ERASED_AGAIN.sub(_erased_once, text)


def overwritten(line: str) -> str:
    """A line of which carriage returns have parts overwritten by the parts that follow."""
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
