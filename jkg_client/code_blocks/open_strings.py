"""Finds out whether a line of code is inside a string, where a fence is part of the code.

Code is only *scanned*, to find strings and here-documents of several lines.
"""

from __future__ import annotations

import re
from typing import Literal, Protocol

from attrs import define, field

from .fences import EndKind

_TRIPLES = ('"""', "'''")
_OUTSIDE = re.compile(
    r"\"\"\"|'''|\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|#.*"  # strings of a line, comments
)
_INSIDE = {triple: re.compile(rf"\\.|{triple}") for triple in _TRIPLES}
# The start of a here-document, with the word that ends it. ``<<<`` does not begin one.
HEREDOC = re.compile(r"<<(?P<tabs>-?)[ \t]*['\"\\]?(?P<end>[A-Za-z_]\w*)['\"]?")

_MOST_STRINGS = 500_000
"""Largest number of strings and comments of a block that are read, in lines with triple quotes."""


class Insides(Protocol):
    """Finds the lines of a block that are inside of a text that may contain fences."""

    @property
    def is_open(self) -> bool:
        """Whether the next line is inside of such a text."""
        ...

    @property
    def needs_every_line(self) -> bool:
        """Whether ``feed`` needs all lines now, not only notable ones."""
        ...

    def feed(self, line: str) -> None:
        """Take in the next line of the code."""


@define
class TripleQuoted:
    """Python strings in triple quotes."""

    needs_every_line: bool = field(default=False, init=False)
    _quotes: str = field(default="", init=False)
    _left: int = field(default=_MOST_STRINGS, init=False)

    @property
    def is_open(self) -> bool:
        """Whether the next line begins inside of one."""
        return bool(self._quotes)

    def feed(self, line: str) -> None:
        """Take in the next line of the code."""
        if '"""' not in line and "'''" not in line:
            return
        at = 0
        while at < len(line) and self._left:
            self._left -= 1
            expression = _INSIDE[self._quotes] if self._quotes else _OUTSIDE
            found = expression.search(line, at)
            if found is None:
                return
            at = found.end()
            if found[0] == self._quotes:
                self._quotes = ""
            elif not self._quotes and found[0] in _TRIPLES:
                self._quotes = found[0]


@define
class HereDocuments:
    """Here-documents of a shell."""

    _ends: list[tuple[str, bool]] = field(factory=list, init=False)

    @property
    def is_open(self) -> bool:
        """Whether the next line begins inside of one."""
        return bool(self._ends)

    @property
    def needs_every_line(self) -> bool:
        """True for an open here-document, because any line can end it."""
        return self.is_open

    def feed(self, line: str) -> None:
        """Take in the next line of the code."""
        if self._ends:
            end, tabs = self._ends[-1]
            if (line.lstrip("\t") if tabs else line).rstrip("\r") == end:
                self._ends.pop()
        elif "<<" in line:
            self._ends = [
                (found["end"], bool(found["tabs"]))
                for found in HEREDOC.finditer(line)
                if found.start() == 0 or line[found.start() - 1] != "<"
            ][::-1]


@define
class Nowhere:
    """No part of the block can contain a fence."""

    is_open: bool = False
    needs_every_line: bool = False

    def feed(self, line: str) -> None:
        """Ignore the line."""


@define
class Throughout:
    """The whole block may contain fences: it is a page, or a cell that writes a page to a file."""

    is_open: bool = True
    needs_every_line: bool = False

    def feed(self, line: str) -> None:
        """Ignore the line."""


Held = Literal["all", "pairs", "labelled"]
"""Which fences inside a block are part of its code: all of them, pairs whose second fence has no
label, or all that have a label."""


@define
class Nesting:
    """Decides which fences inside a block are part of its code.

    Attributes:
        insides: The lines where fences can be part of the code.
        held: Which of these fences are part of the code.
        is_broken: Whether the assumption is wrong, because an inner block ends without a beginning.
    """

    insides: Insides
    held: Held
    is_broken: bool = field(default=False, init=False)
    _began: EndKind | None = field(default=None, init=False)
    _is_odd: bool = field(default=False, init=False)

    def may_be_cut(self) -> bool:
        """Whether the page may end here. False if a fence or string must be closed first."""
        if isinstance(self.insides, Throughout):
            return self.held != "pairs"
        if self.held == "all":
            return not (self.insides.is_open or self._is_odd or self._began == "bare")
        return True

    def holds(self, end: EndKind) -> bool:
        """Whether a line with this fence is part of the code."""
        if not self.insides.is_open:
            self._is_odd |= self._began == "bare"
            self._began = None
            return False
        if self.held == "labelled":
            return end != "bare"
        if end == "labelled":
            self.is_broken |= self._began == "bare"
            self._began = end
        elif end == "bare":
            began, self._began = self._began, None if self._began else end
            return self.held == "all" or began is not None
        return True
