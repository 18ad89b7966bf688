"""The code in what a model passes to a tool."""

from __future__ import annotations

import re

from .block import CodeBlock
from .extractor import MarkdownCodeExtractor
from .languages import SHELLS, canonical, is_data, is_known
from .open_strings import HereDocuments, Insides, TripleQuoted

_INLINE = re.compile(r"(?P<ticks>`+)(?P<code>[^`\n]+)(?P<end>`+)")
_LABELLED = re.compile(r"(?P<label>[\w+#.-]+)[ \t]+(?P<code>\S.*)")


def unfenced(code: str, language: str = "") -> CodeBlock:
    """The block that a tool is meant to run, of which a model has passed ``code``.

    Models put the code between fences, sometimes with words around them. Then the code between
    the fences is meant. Code that only shows fences, in a string for example, stays as it is.

    Args:
        code: What the model passed.
        language: What it, or the tool, says of the language; ``""`` for the kernel's own.
    """
    given = CodeBlock(code, language)
    if "`" not in code and "~~~" not in code:
        return given
    inline = _INLINE.fullmatch(code.strip())
    if inline and inline["ticks"] == inline["end"]:
        return _inline(inline["code"], language)
    if is_data(language) or _is_code(code, language):
        return given
    found = MarkdownCodeExtractor(default_language=language).extract_code_blocks(code)
    runnable = [block for block in found if not is_data(block.language)] or found
    if not runnable or len({canonical(block.language) for block in runnable}) > 1:
        return given
    return CodeBlock("\n\n".join(block.code for block in runnable), runnable[0].language)


def _inline(code: str, language: str) -> CodeBlock:
    labelled = _LABELLED.fullmatch(code)
    if labelled and is_known(labelled["label"]):
        return CodeBlock(labelled["code"], labelled["label"].lower())
    return CodeBlock(code, language)


def _is_code(text: str, language: str) -> bool:
    """Whether the first fence stands inside of a string or comment, or the text is a cell magic."""
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
    """Whether a quote stands before and behind the fence in this line."""
    start = min(place for place in (line.find("```"), line.find("~~~")) if place >= 0)
    before, after = line[:start], line[start + 3 :]
    return any(before.count(quote) % 2 and quote in after for quote in "'\"")
