r"""Code that a model has escaped once too often, as in JSON: ``x = 1\nprint(x)`` in one line."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

# In Python, a backslash before "n" is an error, except in strings and comments.
_TOKEN = re.compile(
    r"(?P<quote>\\\")|\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?"
    r"|(?P<comment>#(?:[^\\]|\\(?!n))*)|(?P<newline>(?:\\r)?\\n(?:\\t)*)"
)
_MAGICS = ("!", "%", "?")
_LONGEST = 2**20
"""Longer code is not changed. No model writes a megabyte in one line."""


def unescaped(code: str, *, is_python: bool) -> str:
    r"""``code`` with newlines instead of ``\n``, if ``\n`` can have no other meaning.

    Args:
        code: The argument of a tool.
        is_python: Whether it is Python code. In other languages, only JSON is changed.
    """
    if len(code) > _LONGEST:
        return code
    text = code.strip()
    if text[:1] in ('"', "{") and text[-1:] in ('"', "}"):
        return _from_json(text) or code
    is_one_line = "\n" not in text and "\\n" in text and not text.startswith(_MAGICS)
    return _lines(text) or code if is_one_line and is_python else code


def _from_json(text: str) -> str:
    """The code in a JSON string of several lines, or in an object with the key ``code``."""
    found = _loaded(text)
    inner = found.get("arguments") if isinstance(found, dict) else None
    found = inner if isinstance(inner, dict) else found
    code = found.get("code") if isinstance(found, dict) else found
    is_whole = isinstance(found, dict) or "\\n" in text
    return code if isinstance(code, str) and is_whole else ""


def _lines(text: str) -> str:
    found = (token.lastgroup for token in _TOKEN.finditer(text))
    # In a comment, a backslash has no meaning.
    kinds = set(itertools.takewhile(lambda kind: kind != "comment", found))
    if "newline" not in kinds:
        return ""
    if "quote" in kinds:
        # The quotes are escaped, too.
        code = _loaded(f'"{text}"')
        return code if isinstance(code, str) else ""
    return _TOKEN.sub(lambda found: _newline(found) if found["newline"] else found[0], text)


def _newline(found: re.Match[str]) -> str:
    return "\n" + "\t" * found[0].count("\\t")


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
