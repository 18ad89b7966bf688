"""What of a text for a terminal is told without moving a cursor: the quick part of the work."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECE = 2**16

# A character that the next one overwrites, and the way back to it.
_OVERWRITTEN = re.compile(r"[^\n\r\x08\x1b]\x08(?=[^\n\r\x08\x1b])")
# The rest of a line erased several times: the first time leaves nothing for the others.
_ERASE = r"\x1b\[0?K"
_ERASED_AGAIN = re.compile(rf"{_ERASE}(?:[^\n\r\x08\x1b]*{_ERASE})+")


def pieces(text: str) -> Iterator[str]:
    """``text`` in pieces that end with a line, each but the last."""
    start = 0
    while len(text) - start > _PIECE:
        end = text.find("\n", start + _PIECE) + 1
        if not end:
            break
        yield text[start:end]
        start = end
    yield text[start:]


def without_idle_codes(text: str) -> str:
    """``text`` without control codes that change nothing, as far as they are quickly found."""
    if "\x1b" not in text:
        # Else the character could be the end of an escape sequence.
        return _OVERWRITTEN.sub("", text)
    return _ERASED_AGAIN.sub(_erased_once, text)


def overwritten(line: str) -> str:
    """A line of which carriage returns have parts overwritten by the parts that follow."""
    parts = line.split("\r")
    shown, size = [parts[-1]], len(parts[-1])
    for part in reversed(parts):
        if len(part) > size:
            shown.append(part[size:])
            size = len(part)
    return "".join(shown)


def _erased_once(found: re.Match[str]) -> str:
    return "\x1b[K" + found[0].replace("\x1b[K", "").replace("\x1b[0K", "")
