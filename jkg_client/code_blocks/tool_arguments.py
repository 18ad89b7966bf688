"""Extracts the code from the argument that a model passes to a tool."""

from __future__ import annotations

import re

from .block import CodeBlock
from .escaped_code import unescaped
from .extractor import MarkdownCodeExtractor
from .languages import SHELLS, canonical, is_data, is_known
from .open_strings import HereDocuments, Insides, TripleQuoted
from .pages import MARKS

_INLINE = re.compile(r"(?P<ticks>`+)(?P<code>[^`\n]+)(?P<end>`+)")
_FIRST_LINE = re.compile(r"\s*(?i:i?python3?|py|tool_code)[ \t]*\r?\n")
_LAST_FENCE = re.compile(r"\n[ \t]*(?:```|~~~)\s*\Z")
_LABELLED = re.compile(r"(?P<label>[\w+#.-]+)[ \t]+(?P<code>\S.*)")

_LONGEST_END = 200
"""A closing fence is searched only in this number of characters at the end of the code."""


def unfenced(code: str, language: str = "") -> CodeBlock:
    """The block that a tool should run, from the argument ``code`` of a model.

    Some models put the code between fences, sometimes with text around them. Then only the code
    between the fences is used. Code that contains fences, for example in a string, is not changed.
    Code that is escaped once too often, as in JSON, is unescaped.

    Args:
        code: The argument.
        language: The language, from the model or the tool. ``""`` for the kernel's own language.
    """
    is_python = canonical(language) in ("", "python")
    code = unescaped(code.lstrip(MARKS), is_python=is_python)
    # The fence is missing, but its label is there.
    label = _FIRST_LINE.match(code) if is_python else None
    given = CodeBlock(code[label.end() :], language) if label else CodeBlock(code, language)
    if "`" not in code and "~~~" not in code:
        return given
    inline = _INLINE.fullmatch(code.strip())
    if inline and inline["ticks"] == inline["end"]:
        return _inline(inline["code"], language)
    if is_data(language) or _is_code(code, language):
        return given
    found = MarkdownCodeExtractor(default_language=language).extract_code_blocks(code)
    runnable = [block for block in found if not is_data(block.language)] or found
    if len(runnable) == 1 and runnable[0].language == "json":
        # The arguments of the tool, once more.
        inner = unescaped(runnable[0].code, is_python=False)
        return CodeBlock(inner, language) if inner != runnable[0].code else runnable[0]
    if not runnable:
        return CodeBlock(_without_last_fence(given.code), language)
    if len({canonical(block.language) for block in runnable}) > 1:
        return given
    return CodeBlock("\n\n".join(block.code for block in runnable), runnable[0].language)


def _without_last_fence(code: str) -> str:
    """The code without a closing fence that has no opening fence."""
    last = _LAST_FENCE.search(code, max(0, len(code) - _LONGEST_END))
    is_only_one = last is not None and code.count("```") + code.count("~~~") == 1
    return code[: last.start()] if last and is_only_one else code


def _inline(code: str, language: str) -> CodeBlock:
    labelled = _LABELLED.fullmatch(code)
    if labelled and is_known(labelled["label"]):
        return CodeBlock(labelled["code"], labelled["label"].lower())
    return CodeBlock(code, language)


def _is_code(text: str, language: str) -> bool:
    """Whether the first fence is inside of a string or comment, or the text is a cell magic."""
    if text.lstrip().startswith("%%"):
        return True
    is_shell = canonical(language) in SHELLS
    insides: Insides = HereDocuments() if is_shell else TripleQuoted()
    for line in text.split("\n"):
        if "```" in line or "~~~" in line:
            return insides.is_open or line.lstrip().startswith("#") or _is_in_string(line)
        insides.feed(line)
    return False


def _is_in_string(line: str) -> bool:
    """Whether this line has quotes before and after the fence."""
    start = min(place for place in (line.find("```"), line.find("~~~")) if place >= 0)
    before, after = line[:start], line[start + 3 :]
    return any(before.count(quote) % 2 and quote in after for quote in "'\"")
