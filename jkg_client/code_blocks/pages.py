"""Finds the code blocks of a page of Markdown, line by line.

A block ends at its closing fence. Models forget the fence, put text after it, or show fences inside
of strings. Then later lines decide which end a person would choose. The number of characters that
are read ahead is limited to several times the length of the page. Beyond this limit, the first
possible end is taken. So the time grows only linearly with the length of the page.

If a page has more than 20,000 lines with fences or tags, only the part with these lines is read. A
block of prose at the end says so. Executors do not run it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from attrs import define, evolve, field, frozen

from ..protocol.stepwise import join, lines_of, pieces
from .fences import (
    Fence,
    columns,
    is_labelled,
    names_language,
    opening,
    unquoted,
)
from .languages import canonical
from .notable_lines import MOST, NotableLines, first_from
from .open_strings import Nesting, TripleQuoted
from .readings import End, Reading, nestings
from .think_tags import Thoughts

_LOOKS = 2
_MOST_AHEAD = 2**22
"""Limits for reading ahead: a multiple of the length of the page, and a number of characters."""

# A heading above the output of a program, or above a tree of files.
_OUTPUT = re.compile(
    r"(?:(?:here is |here's |i (?:got|get) |you (?:got|get) )?(?:the|this) )?"
    r"(?:expected |sample |example |console |terminal |program )?"
    r"(?:output|result|observation|stdout|stderr|traceback|error(?: message)?)s?"
    r"(?: example)?(?: of (?:the|this)(?: above)? (?:code|script|program|command)(?: above)?)?"
    r"(?: (?:is|was|(?:will|would|should) (?:be|look)|looks)(?: like(?: this)?)?)?"
    r"|(?:given )?(?:the |an? )?(?:sample|example|test) inputs?(?: data| file)?|given the input"
    r"|(?:project|directory|folder|file) (?:structure|layout|tree)"
    r"|(?:die )?ausgabe(?: ist)?|(?:das )?ergebnis(?: ist)?|(?:la )?sortie|(?:le )?r\u00e9sultat"
    r"|(?:la )?salida|(?:el |o )?resultado|(?:a )?sa\u00edda"
    r"|\ucd9c\ub825|(?:\uc2e4\ud589 )?\uacb0\uacfc"
    # Chinese and Japanese: expected, run, program; output, result; as follows
    r"|(?:\u9884\u671f|\u8fd0\u884c|\u57f7\u884c|\u6267\u884c|\u5b9f\u884c|\u7a0b\u5e8f)?(?:\u7684)?"
    r"(?:\u8f93\u51fa|\u8f38\u51fa|\u7ed3\u679c|\u51fa\u529b|\u7d50\u679c|\u8f93\u51fa\u7ed3\u679c|\u51fa\u529b\u7d50\u679c)(?:\u5982\u4e0b|\u4e3a)?"
    r"|\u0432\u044b\u0432\u043e\u0434|\u0440\u0435\u0437\u0443\u043b\u044c\u0442\u0430\u0442"
)
# A heading between code and its output has only these words.
_PRINTED = frozenset(
    {
        *("display", "displays", "error", "get", "give", "gives", "got", "output", "outputs"),
        *("print", "prints", "produce", "produces", "result", "results", "return", "returns"),
        *("see", "show", "shows", "stderr", "stdout", "traceback"),
    }
)
_ABOUT_PRINTED = frozenset(
    {
        *("a", "above", "after", "an", "and", "as", "be", "code", "command", "console", "example"),
        *("executing", "expected", "following", "follows", "if", "in", "is", "it", "like"),
        *("look", "looks", "now", "of", "on", "our", "program", "running", "script", "should"),
        *("something", "terminal", "that", "the", "then", "this", "was", "when", "which", "will"),
        *("would", "you", "you'll", "your"),
    }
)
_IS_RUN = re.compile(r"(?:when|if|after) you (?:run|execute)|similar to|(?:we|i) (?=get|got|see)")
# What the code below the heading should do.
_DEMANDS = re.compile(
    r"(?:(?:and|then|now) )*(?:(?:display|get|print|return|see|show)\b|output (?:it|the|this)\b)"
)
_INLINE_CODE = re.compile(r"`[^`]*`")
_LONGEST_HEADING = 100
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_INDENTS = re.compile(r"^[ \t]{0,400}(?=\S)", re.MULTILINE)
MARKS = "\ufeff\u200b\u2060"
"""Invisible marks that may stand before code."""

_NO_BREAK = "\u00a0"
_NO_BREAKS = re.compile(r"^[ \t\u00a0]+")
_OPTION = re.compile(r":[\w-]+:(?:\s|$)")


@frozen
class Found:
    """A code block in a page.

    Attributes:
        label: Language of the block in lower case. ``""`` for none.
        code: Code of the block, without the indentation of the fence.
    """

    label: str
    code: str


_NOT_READ = Found("note", f"Code blocks after the first {MOST} lines with fences were not read.")


def blocks(text: str) -> list[Found]:
    """The code blocks of ``text`` in order, without the blocks in thoughts and comments."""
    text = text.replace("\r\n", "\n")
    if "\n" not in text.rstrip("\n"):
        text = text.replace("\r", "\n")
    notable = NotableLines.of(text)
    page = _Page(lines_of(text[: notable.cut]), len(text), notable)
    return page.blocks() if notable.numbers else []


@define
class _Page:
    lines: list[str]
    length: int
    notable: NotableLines
    thoughts: Thoughts = field(init=False)
    _spent: int = field(default=0, init=False)
    _marked: list[int] = field(init=False)
    _first: list[int] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.thoughts = Thoughts(self.lines, self.notable.numbers)
        self._marked = [n for n in self.notable.numbers if _may_have_fence(self.lines[n])]

    def blocks(self) -> list[Found]:
        found: list[Found] = []
        is_cut = self.notable.cut is not None
        at = text_from = 0
        while (at := self.notable.first_from(at, len(self.lines))) < len(self.lines):
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
                if is_cut and end.line >= len(self.lines):
                    break  # an incomplete block must not run
                if not end.is_closed and not fence.label and text_from == at - 1 > 0:
                    continue  # one fence too many after a block; text follows
                label = fence.label or self._meant(text_from, at - 1, end.code)
                found.append(Found(label, _code(end.code, fence)))
                at = text_from = end.line
                if end.rest is not None:
                    self.lines[at] = end.rest
        return [*found, _NOT_READ] if is_cut else found

    def _is_followed(self, fence: Fence, at: int) -> bool:
        """Whether a fence after text begins a block, and is not only mentioned in the text."""
        if self._first is None:
            self._first = [n for n in self._marked if _begins_with_fence(self.lines[n])]
        end = len(self.lines)
        mark, first = first_from(self._marked, at, end), first_from(self._first, at, end)
        if first == end:
            # No closing fence: the answer may have been cut off.
            return mark == end and names_language(fence.info)
        if first == self._first[-1] or not is_labelled(self.lines[first]):
            return True
        # Another block begins later. This fence begins a block only if code follows, but no inline
        # code.
        has_code = any(self.lines[n].strip() for n in range(at, mark))
        return has_code and mark == first and names_language(fence.info)

    def _meant(self, start: int, at: int, code: Sequence[str]) -> str:
        """The label that a block without label should have, from its code and the text above."""
        mark = first_from(self._marked, at + 1, len(self.lines))
        has_fence = mark <= at + len(code) and any(map(_begins_with_fence, code))
        if has_fence and not any(_in_strings(code)):
            return "markdown"
        for number in range(at, max(start, at - 4) - 1, -1):
            # A fence may come after its heading in one line.
            line = self.lines[number].partition("```")[0] if number == at else self.lines[number]
            if line.strip(" \t>-*+"):
                return "output" if _is_above_output(line, after_block=start > 0) else ""
        return ""

    def _end(self, fence: Fence, start: int) -> End:
        """The end of the block whose code begins at ``start``."""
        first = self.lines[start] if start < len(self.lines) else ""
        if fence.quote and first.strip() and unquoted(first, fence.quote) is None:
            fence = evolve(fence, quote=0)  # not a quote, but a character before the fence
        may_look = self._spent <= min(_LOOKS * self.length, _MOST_AHEAD)
        for nesting in nestings(fence, unquoted(first, fence.quote) or "", may_look=may_look):
            end = self._reading(fence, nesting, may_look=may_look).end(start)
            self._spent += end.looked
            if end.is_sure:
                break
        return end

    def _reading(self, fence: Fence, nesting: Nesting, *, may_look: bool) -> Reading:
        tags = self.thoughts.by_line
        return Reading(self.lines, self.notable, tags, fence, nesting, may_look)


def _is_above_output(line: str, *, after_block: bool) -> bool:
    """Whether ``line`` introduces the output of a program."""
    text = _INLINE_CODE.sub("", line[:_LONGEST_HEADING]).lower().replace("\u2019", "'")
    heading = " ".join(_WORD.findall(text))
    if _OUTPUT.fullmatch(heading):
        return True
    is_marked = line.lstrip(" \t>")[:1] in ("*", "_", "#")
    is_heading = is_marked or line.rstrip("*_ ").endswith((":", "\uff1a"))
    if not after_block or not is_heading or _DEMANDS.match(heading):
        return False
    words = _WORD.findall(_IS_RUN.sub("", heading))
    is_printed = not _PRINTED.isdisjoint(words)
    return is_printed and _PRINTED.union(_ABOUT_PRINTED).issuperset(words)


def _may_have_fence(line: str) -> bool:
    return "```" in line or "~~~" in line


def _begins_with_fence(line: str) -> bool:
    fence = opening(line) if _may_have_fence(line) else None
    return fence is not None and not fence.behind_text


def _code(lines: Sequence[str], fence: Fence) -> str:
    """The lines without the indentation of their fence, as far as all lines have it.

    Code that is indented less than its fence keeps its own indentation.
    """
    if "{code-cell}" in fence.info:
        lines = list(itertools.dropwhile(_OPTION.match, lines))
    code = join(lines, "\n").lstrip(MARKS)
    is_python = canonical(fence.label) in ("", "python")
    if is_python and _NO_BREAK in code:
        lines = _with_blanks(code.split("\n"))
        code = join(lines, "\n")
    most = fence.indent + bool(fence.quote)
    if not most:
        return code
    has_strings = '"""' in code or "'''" in code
    if has_strings and is_python:
        fixed = zip(lines, _in_strings(lines))
        indents = {_indent(line) for line, inside in fixed if line.strip() and not inside}
    else:
        indents = {indent for piece in pieces(code) for indent in set(_INDENTS.findall(piece))}
    shared = min((most, *map(columns, indents)))
    if not shared:
        return code
    if "\t" not in code:
        indent = re.compile(rf"^ {{1,{shared}}}", re.MULTILINE)
        return join(indent.sub("", piece) for piece in pieces(code))
    return join((_outdented(line, shared) for line in lines), "\n")


def _in_strings(lines: Sequence[str]) -> Iterator[bool]:
    """Whether each line begins inside of a string."""
    strings = TripleQuoted()
    for line in lines:
        yield strings.is_open
        strings.feed(line)


def _with_blanks(lines: Sequence[str]) -> list[str]:
    """Lines of Python, indented by blanks instead of no-break spaces, which are errors."""
    fixed = zip(lines, _in_strings(lines))
    return [line if inside else _NO_BREAKS.sub(_blanks, line) for line, inside in fixed]


def _blanks(indent: re.Match[str]) -> str:
    return indent[0].replace(_NO_BREAK, " ")


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _outdented(line: str, shared: int) -> str:
    column = 0
    for position, char in enumerate(line):
        if column >= shared or char not in " \t":
            return " " * (column - shared) + line[position:]
        column += 4 - column % 4 if char == "\t" else 1
    return " " * (column - shared)
