"""Works on long texts in steps, between which other threads can run.

A call of C on megabytes, such as a search with a regular expression, stops all other threads until
it ends. It even stops the event loop of a program that waits for the call in another thread.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterable, Iterator

STEP = 2**16
"""Number of characters of a step."""

_LONGEST = 1024
"""Largest number of characters in a match and in the text after it that the pattern looks at."""

_PARTS = 2**14
"""Number of parts of a text that are joined at once."""

_LINE_END = re.compile("\n")


def search(pattern: re.Pattern[str], text: str, at: int = 0) -> re.Match[str] | None:
    """The first match of a ``pattern`` from ``at`` on. Its matches must be short."""
    for start in range(at, len(text), STEP):
        found = pattern.search(text, start, start + STEP + _LONGEST)
        # A match that begins behind the step may be incomplete.
        if found and found.start() < start + STEP:
            return found
    return None


def matches(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """All matches of ``pattern``. Its matches must be short, and not empty."""
    at = 0
    for start in range(0, len(text), STEP):
        for found in pattern.finditer(text, max(at, start), start + STEP + _LONGEST):
            if found.start() >= start + STEP:
                break  # the next step finds it again, with all of the text behind it
            at = found.end()
            yield found


def end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    """The end of the matches of ``pattern`` that follow each other without a gap from ``at`` on."""
    while (found := pattern.match(text, at)) and found.end() > at:
        at = found.end()
    return at


def pieces(text: str, cut: re.Pattern[str] = _LINE_END) -> Iterator[str]:
    """``text`` in pieces that end with a match of ``cut``, by default with a line end."""
    start = 0
    while len(text) - start > STEP:
        found = search(cut, text, start + STEP)
        if found is None:
            break
        yield text[start : found.end()]
        start = found.end()
    yield text[start:]


def lines_of(text: str) -> list[str]:
    """The lines of ``text``. After a newline at its end there is an empty line."""
    lines: list[str] = []
    for piece in pieces(text):
        if lines:
            lines.pop()  # the empty line after the newline at the end of a piece
        lines += piece.split("\n")
    return lines


def between(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    """The parts of ``text`` between spans, each of which is a start and an end."""
    at = 0
    for start, end in spans:
        yield text[at:start]
        at = end
    yield text[at:]


def slices(text: str) -> Iterator[str]:
    """``text`` in pieces of the same length."""
    return (text[at : at + STEP] for at in range(0, len(text), STEP))


def join(parts: Iterable[str], between: str = "") -> str:
    """``between.join(parts)``."""
    rest = iter(parts)
    joined: list[str] = []
    while some := list(itertools.islice(rest, _PARTS)):
        joined.append(between.join(some))
    return between.join(joined)


def decoded(data: bytes | bytearray | memoryview, step: int = 2**24) -> str:
    """UTF-8 as text, of which ``step`` bytes are decoded at once.

    Bytes that are not UTF-8 become U+FFFD.
    """
    if len(data) <= step:
        return str(data, "utf-8", "replace")
    try:
        return str(data, "ascii")  # for an image, this is quick, and needs no second copy
    except UnicodeDecodeError:
        pass
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    texts = [decoder.decode(data[at : at + step]) for at in range(0, len(data), step)]
    return "".join([*texts, decoder.decode(b"", final=True)])
