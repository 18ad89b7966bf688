"""Fences: the lines that begin and end a code block.

These are the fences of CommonMark (https://spec.commonmark.org/0.31.2/#fenced-code-blocks), and the
fences that language models write: after text, in quotes and lists, at any indentation.

Every regular expression here is matched at a known place, and reads each character only once.
"""

from __future__ import annotations

import re
from typing import Literal

from attrs import frozen

from .caching import cached
from .languages import canonical, is_known

EndKind = Literal["bare", "labelled", "prose", "reopening", "behind code"]
"""The kinds of lines with a fence inside a block: a closing fence without text after it, with a
label, with a sentence, with a sentence and the fence of another block, or a fence at the end of a
line of code."""

# Byte order marks, marks of the direction of text, and all spaces of Unicode.
_UNSEEN = "".join(
    map(chr, (0xFEFF, 0xA0, 0xAD, *range(0x2000, 0x2010), *range(0x202A, 0x2030)))
) + "".join(map(chr, (*range(0x205F, 0x206A), 0x3000)))
_BLANK = f" \t{_UNSEEN}"
_QUOTE = re.compile(rf"[{_UNSEEN}]*(?: {{0,3}}>)+ ?")
_DEEPEST_QUOTE = 16
_MARKER = re.compile(r"(?:[-*+•]|\d{1,9}[.)])[ \t]+")
_RUN = re.compile(r"`+|~+")
_BACKTICKS = re.compile(r"`+")
# MyST writes ``{code-cell} python``.
_DIRECTIVE = re.compile(r"[\s{]*(?:code-cell|code-block|code|sourcecode|jupyter-execute)\}")
# ``python output``
_PRINTED = re.compile(
    r"[\s*]*[\w.+-]+[ \t]+(?i:errors?|error message|logs?|outputs?|results?|trace|traceback)\s*\Z"
)
# ``12:15:src/app.py``: lines of a file that exists.
_CITED = re.compile(r"\s*\d{1,7}:\d{1,7}:\S")
# ``title="x"`` is an attribute; ``{.python}``, ``{#id .python}`` and ``{python}`` are languages.
_LABEL = re.compile(r"[\s{.]*(?:#[\w-]*[\s.]+)*(?P<label>[\w+][\w+#./-]*)(?P<value>[ \t]*=)?")
_ONE_LABEL = re.compile(r"\s*(?:[\w+#./-]+|\{[^{}]*\}[ \t]*[\w+#.-]*)\s*")
_PLAIN_WORD = re.compile(r"[(\"']?[A-Za-z][A-Za-z'\u2019-]*[.,;:!?)\"']*")


@frozen
class Fence:
    """A fence that begins a block.

    Attributes:
        mark: A backtick or a tilde.
        length: Number of these characters.
        info: The text after it.
        indent: Columns before it, including list markers.
        quote: Number of block quotes around the fence.
        behind_text: Whether its line has text before it.
    """

    mark: str
    length: int
    info: str
    indent: int
    quote: int = 0
    behind_text: bool = False

    @property
    def label(self) -> str:
        """The language in lower case. ``""`` if there is none."""
        return label_of(self.info)


@frozen
class Ending:
    """A fence inside a block, which may end it.

    Attributes:
        mark: A backtick or a tilde.
        length: Number of these characters.
        kind: Possible meaning of the fence.
        is_language: Whether a language follows it.
        indent: Columns before it.
        rest: The text after it, if another block begins there.
    """

    mark: str
    length: int
    kind: EndKind
    is_language: bool = False
    indent: int = 0
    rest: str = ""

    def fits(self, fence: Fence) -> bool:
        """Whether it can end a block that ``fence`` has begun."""
        if self.kind == "behind code":
            return self.mark == fence.mark and self.length == fence.length
        return self.mark == fence.mark and self.length >= fence.length


@cached
def opening(line: str) -> Fence | None:
    """The fence that begins a block in this line. None if there is none."""
    quote, start, at = _prefix(line)
    indent = columns(line[start:at])
    run = _RUN.match(line, at)
    if run and len(run[0]) >= 3:
        info = line[run.end() :]
        # With more backticks in the line, this would be inline code.
        if run[0][0] == "~" or "`" not in info:
            return Fence(run[0][0], len(run[0]), info, indent, quote)
    return _behind_text(line, indent, quote)


def is_labelled(line: str) -> bool:
    """Whether a language directly follows the fence at the beginning of the line."""
    fence = opening(line)
    is_direct = fence is not None and fence.info[:1] not in _BLANK
    return is_direct and fence is not None and names_language(fence.info)


@cached
def ending(line: str) -> Ending | None:
    """The fence in ``line`` that may end a block, if it is as long as the fence that began it."""
    inner = line.strip(_BLANK)
    run = _RUN.match(inner)
    if run and len(run[0]) >= 3:
        mark, length, info = run[0][0], len(run[0]), inner[run.end() :]
        if mark == "`" and "`" in info:
            # This is inline code, unless another block begins after some words.
            begins = info[0] != "`" and _behind_text(info, 0, 0)
            return Ending(mark, length, "reopening", rest=info) if begins else None
        kind: EndKind = "bare" if not info else "prose" if _is_prose(info) else "labelled"
        indent = columns(line[: len(line) - len(line.lstrip(_BLANK))])
        return Ending(mark, length, kind, is_language=names_language(info), indent=indent)
    if inner.endswith("```"):
        runs = _BACKTICKS.findall(inner)
        # If the number of backtick runs is even, they are inline code, as in a comment.
        return Ending("`", len(runs[-1]), "behind code") if len(runs) % 2 else None
    return None


@cached
def names_language(info: str) -> bool:
    """Whether the text after a fence names a common language."""
    return is_known(label_of(info))


def unquoted(line: str, quote: int) -> str | None:
    """``line`` without ``quote`` quote marks. None if there are fewer.

    The blank after the last quote mark is kept, because other lines may not have it.
    """
    at = 0
    for _ in range(quote):
        # A quote in a list is indented.
        mark = line.find(">", at, at + (5 if at else _DEEPEST_QUOTE))
        if mark < 0 or line[at:mark].strip(_BLANK):
            return None
        at = mark + 1
    return line[at:]


def columns(indent: str) -> int:
    """Number of columns of ``indent``."""
    return len(indent.translate(_NO_UNSEEN).expandtabs(4))


_NO_UNSEEN = dict.fromkeys(map(ord, _UNSEEN))


def _prefix(line: str) -> tuple[int, int, int]:
    """Number of quote marks, their end, and the end of indentation and list markers."""
    quote: re.Match[str] | None = None
    start = at = 0
    while True:
        while at < len(line) and line[at] in _BLANK:
            at += 1
        if quote is None and (quote := _QUOTE.match(line, at)):
            start = at = quote.end()
            continue
        marker = _MARKER.match(line, at)
        if marker is None:
            return (quote[0].count(">") if quote else 0), start, at
        at = marker.end()


def _behind_text(line: str, indent: int, quote: int) -> Fence | None:
    start = max(line.rfind("```"), line.rfind("~~~"))
    if start < 0:
        return None
    mark = line[start]
    begin = len(line[:start].rstrip(mark))
    info = line[start + 3 :]
    if mark == "`" and _ends_in_inline_code(line):
        return None
    # Tildes also have other uses, so a known language is needed.
    if names_language(info) if mark == "~" else _is_label(info):
        return Fence(mark, start + 3 - begin, info, indent, quote, behind_text=True)
    return None


def _ends_in_inline_code(line: str) -> bool:
    """Whether the last run of backticks ends inline code."""
    runs = [len(run[0]) for run in _BACKTICKS.finditer(line)]
    last = {length: number for number, length in enumerate(runs)}
    number = 0
    while number < len(runs) - 1:
        length = runs[number]
        if last[length] > number:
            # Text between two runs of the same length is inline code.
            number = runs.index(length, number + 1)
        number += 1
    return number == len(runs)


def _is_label(info: str) -> bool:
    return not info.strip(_BLANK) or bool(_ONE_LABEL.fullmatch(info)) or names_language(info)


def _is_prose(info: str) -> bool:
    """Whether the text after a fence is a sentence, and not a label with attributes."""
    words = info.split(maxsplit=20)[:20]
    plain = sum(1 for word in words if _PLAIN_WORD.fullmatch(word))
    ends = info.rstrip()[-1:] in set(".!?:;")
    return plain >= 3 or (ends and (plain >= 2 or not is_known(label_of(info))))


@cached
def label_of(info: str) -> str:
    if _PRINTED.match(info):
        return "output"
    if _CITED.match(info):
        return "file"
    directive = _DIRECTIVE.match(info)
    if directive:
        info = info[directive.end() :]
    found = _LABEL.match(info.lstrip(_BLANK))
    if found is None:
        return ""
    label = found["label"].lower().rstrip("./-")
    # On some sites, ``python=`` means numbered lines.
    if found["value"] and not is_known(label):
        return ""
    return label if canonical(label) or not directive else ""
