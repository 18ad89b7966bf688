"""Reads one block to its end.

There may be several readings. The first assumes that strings of several lines end, so that fences
in them are part of the code. If a string does not end, the next reading takes the first fence as
the end of the block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import define, evolve, field, frozen

from ..protocol.stepwise import STEP
from .fences import Ending, Fence, ending, unquoted
from .languages import PROSE, SHELLS, canonical, is_data
from .notable_lines import NotableLines
from .open_strings import Held, HereDocuments, Insides, Nesting, Nowhere, Throughout, TripleQuoted
from .think_tags import Tag

_DEEPER = 3
"""Number of columns by which a closing fence may be indented more than the opening one."""

_STRINGS = frozenset({"", "elixir", "java", "julia", "kotlin", "python", "scala", "swift", "toml"})
"""Languages with strings in triple quotes."""

_WRITES_FILE = re.compile(r"\s*%%(?:writefile|file|markdown|html|latex|svg)\b")
_SHELL_CELL = re.compile(r"\s*%%(?:bash|sh)\b")


@frozen
class End:
    """The end of a block.

    Attributes:
        code: Lines of the block.
        line: The line at which reading of the page continues.
        is_sure: Whether the assumptions of the reading were right.
        is_closed: Whether the block ends with a fence, and not with the page, a quote or a thought.
        looked: Number of characters that were read after the end.
        rest: The part of ``line`` that is not yet read. None for the whole line.
    """

    code: Sequence[str]
    line: int
    is_sure: bool = True
    is_closed: bool = True
    looked: int = 0
    rest: str | None = None


def nestings(fence: Fence, first_line: str, *, may_look: bool) -> Iterator[Nesting]:
    """The assumptions to try, in order, about fences that are part of the code.

    The last assumption is always possible.

    Args:
        fence: Fence that begins the block.
        first_line: First line of its code.
        may_look: Whether there is time for several assumptions.
    """
    language = canonical(fence.label)
    first: Held = "all"
    last: Held = "pairs"
    inside: Callable[[], Insides] = TripleQuoted
    if language in PROSE or _WRITES_FILE.match(first_line):
        inside, first, last = Throughout, "pairs", "labelled"
    elif language in SHELLS or _SHELL_CELL.match(first_line):
        inside = HereDocuments
    elif language not in _STRINGS:
        inside = Nowhere
    if may_look:
        yield Nesting(inside(), first)
    yield Nesting(inside(), last)


@define
class Reading:
    """Reads one block with one assumption about the fences that are part of its code.

    Attributes:
        lines: Lines of the page.
        notable: The lines that must be read.
        tags: The first tag of each line that has one.
        fence: Fence that begins the block.
        nesting: The assumption.
        may_look: Whether to read further than the first possible end.
    """

    lines: Sequence[str]
    notable: NotableLines
    tags: Mapping[int, Tag]
    fence: Fence
    nesting: Nesting
    may_look: bool
    _code: list[str] = field(factory=list, init=False)
    _read: int = field(default=0, init=False)
    _possible: End | None = field(default=None, init=False)
    _thinks: bool = field(default=False, init=False)

    def end(self, start: int) -> End:
        """The end of the block whose code begins at line ``start``."""
        quote = self.fence.quote
        number = self._passed(start)
        while number < len(self.lines):
            line = self.lines[number]
            self._read += len(line) + 1
            if quote:
                inner = unquoted(line, quote)
                if inner is None:
                    return self._cut(number)
                line = inner
            if number in self.tags and self._ends_thought(self.tags[number]):
                return self._cut(number)
            if "```" in line or "~~~" in line:
                end = self._at(number, line)
                if end is not None:
                    return end
            self._code.append(line)
            self.nesting.insides.feed(line[1:] if quote and line[:1] == " " else line)
            number = self._passed(number + 1)
        return self._cut(len(self.lines))

    def _passed(self, number: int) -> int:
        """The next line to check. The lines before it are part of the code."""
        if self.fence.quote or self.nesting.insides.needs_every_line:
            return number
        after = self.notable.first_from(number, len(self.lines))
        for start in range(number, after, STEP):
            passed = self.lines[start : min(after, start + STEP)]
            self._code += passed
            self._read += sum(map(len, passed)) + len(passed)
        return after

    def _at(self, number: int, line: str) -> End | None:
        """The end of the block, if this line has it."""
        found = ending(line)
        if found and found.kind == "bare" and not found.fits(self.fence):
            self._note_other_fence(number)
        if found is None or not found.fits(self.fence) or self.nesting.holds(found.kind):
            # If the assumption is wrong, the block is read again with another assumption.
            return self._cut(number) if self.nesting.is_broken else None
        return self._decided(found, number, line)

    def _note_other_fence(self, number: int) -> None:
        """Store a shorter fence, or one of the other kind, as a possible end.

        It ends the block if no fitting fence does.
        """
        may_end = self.may_look and self._possible is None and not self.nesting.insides.is_open
        if may_end and any(map(str.strip, self._code)):
            self._possible = End([*self._code], number + 1, looked=-self._read)

    def _decided(self, found: Ending, number: int, line: str) -> End | None:
        """The end, if it is certain now. Otherwise, it is stored as a possible end."""
        near = found.indent <= self.fence.indent + _DEEPER
        if found.kind == "prose" or (found.kind == "bare" and near):
            return End(self._code, number + 1)
        if found.kind == "reopening":
            return self._possibly(End(self._code, number, rest=found.rest))
        if found.kind == "labelled" and near and found.is_language:
            # Another block begins, so the closing fence of this one is missing.
            return self._possibly(End(_without_words(self._code), number))
        if self._possible is None:
            last = [line.rstrip()[: -self.fence.length]] if found.kind == "behind code" else []
            code = [*self._code, *last]
            self._possible = End(code, number + 1, looked=-self._read)
            return None if self.may_look else self._possibly(self._possible)
        return None

    def _cut(self, number: int) -> End:
        """The end of a block without closing fence: the end of the page, a quote or a thought."""
        at_end = number == len(self.lines)
        if self.nesting.is_broken or (at_end and not self.nesting.may_be_cut()):
            return End(self._code, number, is_sure=False, looked=self._read)
        if at_end:
            self._drop_rest()
        return self._possibly(End(self._code, number, is_closed=False))

    def _drop_rest(self) -> None:
        """Drop the newline at the end of the page, and an incomplete closing fence."""
        if self._code and not self._code[-1]:
            self._code.pop()
        if self._code and self._code[-1] and not self._code[-1].strip(self.fence.mark):
            self._code.pop()

    def _possibly(self, end: End) -> End:
        """The first possible end, if there was one before ``end``."""
        if self._possible is None:
            return end
        return evolve(self._possible, looked=self._possible.looked + self._read)

    def _ends_thought(self, tag: Tag) -> bool:
        """Whether ``tag`` ends a thought around this block.

        Such a block is a draft without closing fence.
        """
        if tag.is_comment or self.nesting.insides.is_open:
            return False
        self._thinks |= not tag.closes
        return tag.closes and tag.at_start and not self._thinks and not is_data(self.fence.label)


def _without_words(code: Sequence[str]) -> Sequence[str]:
    """Lines of a block without the words that introduce the next block, such as ``Then run:``.

    They are the last paragraph of the block, which ends with a colon. Complete code does not end
    with a colon.
    """
    end = len(code)
    while end and not code[end - 1].strip():
        end -= 1
    last = code[end - 1].rstrip() if end else ""
    if last[:1].isspace() or not last.endswith((":", "\uff1a")):
        return code
    start = end
    while start and code[start - 1].strip():
        start -= 1
    return code[: start - 1] if start else code
