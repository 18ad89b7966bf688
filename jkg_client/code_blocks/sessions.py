"""Extracts the typed code from a session with prompts and outputs."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

from ..protocol.stepwise import join

_SHELL_PROMPT = re.compile(r"[ \t]*(?:[\w.-]+@[\w.-]+:[\w~/.-]*)?\$ ")
_PYTHON_PROMPT = re.compile(r"(?P<indent>[ \t]*)(?:>>>|In \[\d*\]:)(?: |\r?$)", re.MULTILINE)
_MORE = re.compile(r"[ \t]*(?:\.\.\.:?)(?: |$)")


def shell_commands(session: str) -> str:
    """The commands after the prompts of a shell. All of ``session`` if it has no prompt."""
    typed: list[str] = []
    goes_on = False
    for line in _lines(session):
        prompt = _SHELL_PROMPT.match(line)
        if prompt or goes_on:
            typed.append(line[prompt.end() :] if prompt else line)
            goes_on = line.endswith("\\")
    return join(typed, "\n") if typed else session


def is_python_session(code: str) -> bool:
    """Whether ``code`` begins with a Python prompt."""
    return bool(_PYTHON_PROMPT.match(code.lstrip("\r\n")))


def python_statements(session: str) -> str:
    """The code after the Python prompts. All of ``session`` if it has no prompt."""
    session = session.replace("\r\n", "\n")
    has_prompt = any(_PYTHON_PROMPT.match(line) for line in _lines(session))
    return join(_typed(_lines(session)), "\n") if has_prompt else session


def _lines(text: str) -> Iterator[str]:
    """The lines one by one: to split megabytes at once would stop all other threads."""
    for line in io.StringIO(text, newline="\n"):
        yield line.rstrip("\n")
    if text.endswith("\n"):
        yield ""


def _typed(lines: Iterable[str]) -> Iterator[str]:
    goes_on = False
    for line in lines:
        prompt = _PYTHON_PROMPT.match(line) or (_MORE.match(line) if goes_on else None)
        goes_on = prompt is not None
        if prompt:
            yield line[prompt.end() :]
