"""Finds the thoughts of a model: ``<think>`` to ``</think>``, or all text before ``</think>``.

HTML comments are ignored in the same way, because a reader does not see them either.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from attrs import define, field, frozen

from ..protocol.stepwise import matches

_NAMES = (
    "think|thinking|thoughts?|reasoning|reflection|rationale|(?:reasoning_)?scratch_?pad|antthinking"
    "|(?:internal|inner)_(?:monologue|thoughts?)|chain_of_thoughts?|cot"
    "|(?:think|thinking|thought|reasoning)_process"
)
# Only the names of tags ignore case. So the search can go from one possible first character to the
# next.
TAG = (
    rf"<(?:(?P<end>/?)(?i:(?:antml:|seed:)?(?:{_NAMES}))(?:[ \t][^<>\n]{{0,200}})?>"
    r"|(?P<comment>!--)"
    r"|\|(?:(?i:begin_of_thought|start_thinking|think(?:ing)?)"
    r"|(?P<end4>(?i:end_of_thought|end_thinking|/think(?:ing)?)))\|>"
    r"|\|channel\|>(?:analysis|(?P<end5>final|commentary))[^<\n]{0,100}"
    r"(?:<\|constrain\|>\w{1,20})?<\|message\|>"
    r"|\|channel>thought|(?P<end6>channel\|>))"
    r"|\[(?P<end2>/?)(?i:THINK)\]|◁(?P<end3>/?)(?i:think)▷"
    r"|(?P<comment_end>-->)"
)
"""Regular expression for a tag."""

_TAG = re.compile(TAG)
_CLOSING = ("end", "end2", "end3", "end4", "end5", "end6", "comment_end")
_QUOTES = "`'\""
_FENCE = re.compile(r"`{3,}[ \t]*[\w{}.+#-]+\s*\Z")
_MOST = 10_000
"""Number of tags that are read in one line, at most. Further tags are treated as text."""


@frozen
class Tag:
    """A tag that begins or ends a section that a reader does not see.

    Attributes:
        line: Number of its line.
        start: First column of the tag.
        end: The column after it.
        closes: Whether it ends a section.
        is_comment: Whether it belongs to an HTML comment.
        at_edge: Whether it is at the start or at the end of its line.
        at_start: Whether it is at the start of its line.
    """

    line: int
    start: int
    end: int
    closes: bool
    is_comment: bool
    at_edge: bool
    at_start: bool


@define
class Thoughts:
    """The tags of a text.

    Attributes:
        lines: Lines of the text.
        numbers: Numbers of the lines that may have tags.
        by_line: The first tag of each line that has one.
    """

    lines: Sequence[str]
    numbers: Iterable[int]
    _tags: list[Tag] = field(init=False)
    _next: int = field(default=0, init=False)
    by_line: dict[int, Tag] = field(init=False)
    _closing: list[Tag | None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tags = [tag for number in self.numbers for tag in _tags(number, self.lines[number])]
        self.by_line = {tag.line: tag for tag in reversed(self._tags)}
        self._closing = _closing(self._tags)

    def after(self, line: int) -> tuple[int, int, bool]:
        """Where visible text begins, at ``line`` or later. ``line`` is not inside a code block.

        Returns:
            Line and column, and whether all text before was a thought.
        """
        column, forget = 0, False
        if line not in self.by_line:
            return line, column, forget
        while self._next < len(self._tags) and self._tags[self._next].line <= line:
            tag, closing = self._tags[self._next], self._closing[self._next]
            self._next += 1
            if (tag.line, tag.start) < (line, column):
                continue
            if tag.closes and not tag.is_comment:
                column, forget = tag.end, True
            elif not tag.closes and closing is not None:
                line, column = closing.line, closing.end
            elif not tag.closes and tag.at_start and not tag.is_comment:
                # The answer was cut off before the thought ended.
                return len(self.lines), 0, forget
        return line, column, forget


def _tags(number: int, line: str) -> Iterator[Tag]:
    found = list(itertools.islice(matches(_TAG, line), _MOST))
    if not found:
        return
    blank, rest = not line[: found[0].start()].strip(" \t>\ufeff"), line[found[-1].end() :]
    for match in found:
        at_start = match is found[0] and blank
        at_edge = at_start or (match is found[-1] and not rest.strip())
        if at_edge or not _is_mentioned(line, match):
            closes = any(match[name] for name in _CLOSING)
            is_comment = bool(match["comment"] or match["comment_end"])
            if at_start or closes or not is_comment:
                start, end = match.span()
                yield Tag(number, start, end, closes, is_comment, at_edge, at_start)


def _is_mentioned(line: str, tag: re.Match[str]) -> bool:
    """Whether the text only mentions the tag: in quotes, or as a word in a sentence."""
    before, after = line[tag.start() - 1 : tag.start()], line[tag.end() : tag.end() + 1]
    if after == "`" and _FENCE.match(line, tag.end()):
        return False  # a block begins
    is_quoted = before != "" and after != "" and before in _QUOTES and after in _QUOTES
    return is_quoted or (before.isspace() and after.isspace())


def _closing(tags: Sequence[Tag]) -> list[Tag | None]:
    """For each tag, the next tag of its kind that ends a section."""
    closing: list[Tag | None] = []
    last: dict[bool, Tag] = {}
    for tag in reversed(tags):
        closing.append(last.get(tag.is_comment))
        if tag.closes:
            last[tag.is_comment] = tag
    return closing[::-1]
