"""Finds the code blocks of a chat message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Union

from attrs import Attribute, field, frozen

from ..protocol.stepwise import pieces
from .block import CodeBlock
from .pages import Found, blocks

MessageContent = Union[str, Sequence[Union[Mapping[str, Any], str]], None]
"""The content of a chat message: text, OpenAI's list of parts, or None."""

_THOUGHTS = frozenset(
    {
        *("reasoning", "reasoning_content", "reasoning_text", "redacted_thinking"),
        *("summary_text", "thinking", "thought"),
    }
)
"""Types of parts with the thoughts of a model."""

_PROGRAM = re.compile(r"\s*#! ?/\S{0,80}?(?:/| |env )(?P<name>python|bash|sh|zsh|dash)[\d. \n]")
# Two words in a row are not Python, except for its operators.
_SHELL_LINE = re.compile(
    r"(?:pip3?|python3?|\$) (?!=)"
    # JavaScript exports names, too. Alone, "cd" is a magic of IPython that keeps the folder.
    r"|export [A-Z_]{1,50}=|cd [^\n&]{1,200}&&"
    r"|(?:apk|apt|apt-get|brew|cargo|chmod|conda|curl|dnf|docker|git|kubectl|mamba|mkdir"
    r"|npm|npx|pipx|pnpm|poetry|source|sudo|tar|unzip|uv|wget|yarn|yum) "
    r"(?!(?:and|else|for|if|in|is|not|or)\b)(?:[A-Za-z~/]|-{1,2}[A-Za-z][\w=-]{0,50} +[\w.~/'\"])"
)
# A label that is not behind the fence, but in the next line. Alone in a line, these words are not
# code.
_LABEL_LINE = re.compile(r"[ \t]*(?P<label>(?i:python3?|py|bash|shell))[ \t]*\n(?=[\s]*\S)")
# Data that no program begins with.
_DATA = re.compile(
    r"(?P<traceback>Traceback \(most recent call last\):|[A-Z]\w{0,80}(?:Error|Exception): )"
    r"|(?P<html><[A-Za-z!?])|(?P<diff>diff --git |@@ -|--- \S[^\n]{0,1000}\r?\n\+\+\+ \S)"
)
_TREE_LINE = re.compile(r"^[ \t]{0,400}(?:[\u2500-\u257f]|[|`+]-- )", re.MULTILINE)
_LONGEST_JSON = 2**20
_PYTHON_LINE = re.compile(
    r"^(?:import [\w.]+(?:, *[\w.]+)*(?: as \w+)?|from [\w.]+ import .+|print\(.*"
    r"|(?:async )?def \w+\(.*|class \w+(?:\(.*\))?:)[ \t]*(?:#.*)?$",
    re.MULTILINE,
)


def _check_language(_: object, __: Attribute[Any], language: object) -> None:
    if language is not None and not isinstance(language, str):
        kind = type(language).__name__
        raise ValueError(f"default_language must be a string or None, not {kind}")


@frozen(kw_only=True)
class MarkdownCodeExtractor:
    r"""Finds the fenced code blocks in a message of a model.

    Example::

        blocks = MarkdownCodeExtractor().extract_code_blocks("Try this:\n```python\nprint(1)\n```")
        assert blocks == [CodeBlock("print(1)", "python")]

    Attributes:
        default_language: Language of blocks without a label. If None, it is guessed as in AutoGen:
            ``sh`` for a line that begins with ``pip``, ``python`` or ``$``; ``python`` for code
            that is almost certainly Python; data for a traceback, a tree of files,
            a patch, HTML or a JSON object; otherwise
            ``""``, the kernel's own language.
    """

    default_language: str | None = field(default=None, validator=_check_language)

    def extract_code_blocks(self, message: MessageContent) -> list[CodeBlock]:
        """The code blocks of ``message`` in order. Blank blocks are left out.

        Blocks of data and prose are included; executors do not run them. Thoughts of the model,
        such as ``<think>…</think>``, are ignored.

        Code stays as it is written, except for Windows newlines and the indentation of its fence.
        The last fence need not be closed, because answers are sometimes cut off.

        Args:
            message: Text, a list of parts in the format of OpenAI's API, or None.

        Raises:
            ValueError: ``message`` has a different type.
        """
        if not (message is None or isinstance(message, (str, list, tuple))):
            kind = type(message).__name__
            raise ValueError(f"message must be a text or a list of parts, not {kind}")
        texts = [message] if isinstance(message, str) else _texts(message or ())
        found = [block for text in texts for block in blocks(text)]
        return [self._labelled(block) for block in found if block.code.strip()]

    def _labelled(self, block: Found) -> CodeBlock:
        if block.label:
            return CodeBlock(block.code, block.label)
        first = _LABEL_LINE.match(block.code)
        if first:
            return CodeBlock(block.code[first.end() :], first["label"].lower())
        language = self.default_language
        return CodeBlock(block.code, _guess(block.code) if language is None else language)


def _texts(parts: Sequence[Mapping[str, Any] | str]) -> Iterator[str]:
    """The texts of a message. Adjacent text parts, between two images, are joined to one text."""
    whole: list[str] = []
    for number, part in enumerate(parts):
        if not isinstance(part, (str, Mapping)):
            kind = type(part).__name__
            raise ValueError(f"message[{number}] must be a mapping, not {kind}")  # noqa: TRY004
        text, kind = (part, "text") if isinstance(part, str) else _content(part)
        if isinstance(text, str) and kind not in _THOUGHTS:
            # The next part must not become the label of a fence at the end of this part.
            ends = bool(whole) and whole[-1].endswith(("```", "~~~"))
            begins = bool(whole) and text.startswith(("```", "~~~"))
            whole.append(f"\n{text}" if ends or begins else text)
        elif kind not in _THOUGHTS:
            yield "".join(whole)
            whole = []
    yield "".join(whole)


def _content(part: Mapping[str, Any]) -> tuple[Any, Any]:
    """The text of a part and its type."""
    text = part.get("text")
    # OpenAI's Assistants API writes an object, and Gemini a flag.
    text = text.get("value") if isinstance(text, Mapping) else text
    return text, "thought" if part.get("thought") is True else part.get("type")


def _guess(code: str) -> str:
    program = _PROGRAM.match(code)
    if program:
        return "python" if program["name"].startswith("python") else "bash"
    if _SHELL_LINE.match(code.lstrip()):
        return "sh"
    data = _DATA.match(code.lstrip())
    if data:
        return data.lastgroup or ""
    if _is_json(code):
        return "json"
    if any(map(_TREE_LINE.search, pieces(code))):
        return "tree"
    return "python" if any(map(_PYTHON_LINE.search, pieces(code))) else ""


def _is_json(code: str) -> bool:
    """Whether ``code`` is a JSON object or a list of them, which Python cannot always run."""
    if not code.lstrip().startswith(("{", "[")) or len(code) > _LONGEST_JSON:
        return False
    try:
        found = json.loads(code)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) or any(isinstance(item, dict) for item in found)
