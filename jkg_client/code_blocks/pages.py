"""Finds the code blocks of a page of Markdown, line by line.

A block ends at its closing fence. Models forget it, put text behind it, and show fences inside
of strings; then lines further down decide what a person would take for the end. Such looks ahead
are counted: when they have cost several times the length of the page, the first possible end is
taken. So the time is linear in the length of the page, whatever it holds.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterator, Sequence

from attrs import define, evolve, field, frozen

from .fences import (
    Fence,
    columns,
    is_labelled,
    names_language,
    opening,
    unquoted,
)
from .languages import canonical
from .open_strings import TripleQuoted
from .readings import End, Reading, nestings
from .thoughts import Thoughts

_LOOKS = 2
"""How many times the length of a page may be looked ahead in all."""

# A heading above what a program prints.
_OUTPUT = re.compile(
    r"(?:the )?(?:expected |sample |example |console |terminal |program )?(?:output|result)s?"
    r"(?: (?:is|will be|would be|should be|looks like(?: this)?))?"
)
_OPTION = re.compile(r":[\w-]+:(?:\s|$)")


@frozen
class Found:
    """A code block as it stands in a page.

    Attributes:
        label: The language it names, in lower case; ``""`` for none.
        code: Without the indentation of its fence.
    """

    label: str
    code: str


def blocks(text: str) -> list[Found]:
    """The code blocks of ``text`` in order, without those in thoughts and comments."""
    return _Page(text.replace("\r\n", "\n").split("\n"), len(text)).blocks()


@define
class _Page:
    lines: list[str]
    length: int
    thoughts: Thoughts = field(init=False)
    _spent: int = field(default=0, init=False)
    _marked: list[int] = field(init=False)
    _first: list[int] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.thoughts = Thoughts(self.lines)
        self._marked = [n for n, line in enumerate(self.lines) if _may_have_fence(line)]

    def blocks(self) -> list[Found]:
        found: list[Found] = []
        at = text_from = 0
        while at < len(self.lines):
            at, column, forget = self.thoughts.after(at)
            if forget:
                found.clear()
            if at >= len(self.lines):
                break
            line = self.lines[at][column:] if column else self.lines[at]
            fence = opening(line) if _may_have_fence(line) else None
            at += 1
            if fence and (not fence.behind_text or self._is_followed(fence, at)):
                end = self._end(fence, at)
                if not end.is_closed and not fence.label and text_from == at - 1 > 0:
                    continue  # one fence too many behind a block; text follows
                label = fence.label or self._meant(text_from, at - 1, end.code)
                found.append(Found(label, _code(end.code, fence)))
                at = text_from = end.line
                if end.rest is not None:
                    self.lines[at] = end.rest
        return found

    def _is_followed(self, fence: Fence, at: int) -> bool:
        """Whether a fence behind text is one, and not only spoken of: a block follows."""
        if self._first is None:
            self._first = [n for n in self._marked if _begins_with_fence(self.lines[n])]
        mark, first = _at_or_after(self._marked, at), _at_or_after(self._first, at)
        if first is None:
            # No fence closes it: the answer may have been cut off.
            return mark is None and names_language(fence.info)
        if first == self._first[-1] or not is_labelled(self.lines[first]):
            return True
        # Another block begins: here is one only if there is code, and no inline code.
        has_code = any(self.lines[n].strip() for n in range(at, mark or at))
        return has_code and mark == first and names_language(fence.info)

    def _meant(self, start: int, at: int, code: Sequence[str]) -> str:
        """The label that a block should have, from what stands in it and above it."""
        if any(map(_begins_with_fence, code)) and not any(inside for inside in _in_strings(code)):
            return "markdown"
        for number in range(at - 1, max(start, at - 4) - 1, -1):
            line = self.lines[number].strip(" \t>")
            if line:
                heading = line[:80].strip("*_#: ").lower()
                is_heading = line[0] in "*_#" or line.rstrip("*_ ").endswith(":")
                return "output" if is_heading and _OUTPUT.fullmatch(heading) else ""
        return ""

    def _end(self, fence: Fence, start: int) -> End:
        """The end of the block whose code begins at ``start``."""
        first = self.lines[start] if start < len(self.lines) else ""
        if fence.quote and first.strip() and unquoted(first, fence.quote) is None:
            fence = evolve(fence, quote=0)  # no quote, but a sign before the fence
        may_look = self._spent <= _LOOKS * self.length
        for nesting in nestings(fence, unquoted(first, fence.quote) or "", may_look=may_look):
            end = Reading(self.lines, self.thoughts.by_line, fence, nesting, may_look).end(start)
            self._spent += end.looked
            if end.is_sure:
                break
        return end


def _may_have_fence(line: str) -> bool:
    return "```" in line or "~~~" in line


def _begins_with_fence(line: str) -> bool:
    fence = opening(line) if _may_have_fence(line) else None
    return fence is not None and not fence.behind_text


def _at_or_after(numbers: Sequence[int], at: int) -> int | None:
    place = bisect.bisect_left(numbers, at)
    return numbers[place] if place < len(numbers) else None


def _code(lines: Sequence[str], fence: Fence) -> str:
    """The lines without the indentation of their fence, as far as all of them have it.

    Code that is indented less than its fence keeps its own indentation.
    """
    if "{code-cell}" in fence.info:
        lines = list(itertools.dropwhile(_OPTION.match, lines))
    most = fence.indent + bool(fence.quote)
    if not most:
        return "\n".join(lines)
    inside = (
        _in_strings(lines) if canonical(fence.label) in ("", "python") else itertools.repeat(False)
    )
    moved = [line for line, fixed in zip(lines, inside) if line.strip() and not fixed]
    shared = min((most, *(columns(_indent(line)) for line in moved)))
    return "\n".join(_outdented(line, shared) for line in lines)


def _in_strings(lines: Sequence[str]) -> Iterator[bool]:
    """For each line, whether it begins inside of a string."""
    strings = TripleQuoted()
    for line in lines:
        yield strings.is_open
        strings.feed(line)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _outdented(line: str, shared: int) -> str:
    column = 0
    for position, char in enumerate(line):
        if column >= shared or char not in " \t":
            return " " * (column - shared) + line[position:]
        column += 4 - column % 4 if char == "\t" else 1
    return " " * (column - shared)
