"""Extracts the typed code from a session with prompts and outputs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_SHELL_PROMPT = re.compile(r"[ \t]*(?:[\w.-]+@[\w.-]+:[\w~/.-]*)?\$ ")
_PYTHON_PROMPT = re.compile(r"(?P<indent>[ \t]*)(?:>>>|In \[\d*\]:)(?: |\r?$)", re.MULTILINE)
_MORE = re.compile(r"[ \t]*(?:\.\.\.:?)(?: |$)")


def shell_commands(session: str) -> str:
    """The commands after the prompts of a shell. All of ``session`` if it has no prompt."""
    typed: list[str] = []
    goes_on = False
    for line in session.split("\n"):
        prompt = _SHELL_PROMPT.match(line)
        if prompt or goes_on:
            typed.append(line[prompt.end() :] if prompt else line)
            goes_on = line.endswith("\\")
    return "\n".join(typed) if typed else session


def is_python_session(code: str) -> bool:
    """Whether ``code`` begins with a Python prompt."""
    return bool(_PYTHON_PROMPT.match(code.lstrip("\r\n")))


def python_statements(session: str) -> str:
    """The code after the Python prompts. All of ``session`` if it has no prompt."""
    lines = session.replace("\r\n", "\n").split("\n")
    return "\n".join(_typed(lines)) if any(map(_PYTHON_PROMPT.match, lines)) else session


def _typed(lines: Iterable[str]) -> Iterator[str]:
    goes_on = False
    for line in lines:
        prompt = _PYTHON_PROMPT.match(line) or (_MORE.match(line) if goes_on else None)
        goes_on = prompt is not None
        if prompt:
            yield line[prompt.end() :]
