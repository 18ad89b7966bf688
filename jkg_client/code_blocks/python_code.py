"""Python cells: adds an option to ``pip install`` commands that makes them quiet.

Each step reads up to the next special character, so other threads can run between two steps.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from .shell_code import MOST_INSTALLS, quiet_pip
from ..protocol.stepwise import search

# Several magics that run their body as Python may follow each other. The last one decides.
_CELL_MAGIC = re.compile(
    r"(?:\s*%%(?:capture|prun|timeit|time)\b[^\n]*)*"
    r"(?:\s*%%(?:script[ \t]+(?:-\S+[ \t]+)*)?(?P<name>\w+)[^\n]*)?"
)
_LINE = r"(?:[^\\\n]|\\\r?\n|\\.)*"
# IPython looks for commands at the start of a logical line. Because of its automagic, ``pip
# install`` is a command, too.
_COMMAND = re.compile(
    rf"[ \t]*(?:(?:!!?|%(?=pip[ \t])|(?=pip[ \t]+install[ \t]))(?P<command>{_LINE})|%{_LINE})"
)
# What may end or hide a logical line. A newline counts if a command may follow.
_NEXT = re.compile(r"[\"'#=()\[\]{}]|\\(?=\r?\n)|\n(?=[ \t]{0,400}(?:[!%]|pip[ \t]))")
_STRING_OF_LINE = {
    '"': re.compile(r'"(?:\\[\s\S]|[^"\\\n])*"?'),
    "'": re.compile(r"'(?:\\[\s\S]|[^'\\\n])*'?"),
}
_ASSIGNED_COMMAND = re.compile(r"=[ \t]*[!%][^\n]*")
_JOINT = re.compile(r"\\\r?\n[ \t]*")


def quiet_cell(code: str) -> str:
    """``code`` with ``-qq`` for each ``pip install`` without an option for its verbosity."""
    if "pip" not in code or "install" not in code:
        return code
    # A regular expression would read megabytes of blanks several times.
    if not code.lstrip().startswith("%%"):
        return "".join(_quiet_lines(code))
    magic = _CELL_MAGIC.match(code)
    if magic is None:
        return code
    body = code[magic.end() :]
    if magic["name"] is None:
        return magic[0] + "".join(_quiet_lines(body))
    return magic[0] + quiet_pip(body) if magic["name"] in ("bash", "sh") else code


def _quiet_lines(code: str) -> Iterator[str]:
    done = 0
    for start, end in itertools.islice(_commands(code), MOST_INSTALLS):
        yield code[done:start]
        yield quiet_pip(code[start:end])
        done = end
    yield code[done:]


def _commands(code: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each shell command."""
    at = depth = 0
    is_start = True
    while True:
        command = _COMMAND.match(code, at) if is_start else None
        if command:
            at = command.end()
            if command["command"] is not None:
                yield command.span("command")
        found = search(_NEXT, code, at)
        if found is None:
            return
        char = found[0]
        depth = max(0, depth + (char in "([{") - (char in ")]}"))
        at = found.end() if char in "()[]{}\n" else _behind(code, found.start())
        is_start = char == "\n" and not depth


def _behind(code: str, at: int) -> int:
    """The end of the string, comment, assigned command or line continuation at ``at``."""
    char = code[at]
    if char == "#":
        end = code.find("\n", at)
        return len(code) if end < 0 else end
    if char in "\"'":
        if code.startswith(char * 3, at):
            return _behind_triple(code, char * 3, at + 3)
        found = _STRING_OF_LINE[char].match(code, at)
    else:
        found = (_ASSIGNED_COMMAND if char == "=" else _JOINT).match(code, at)
    return found.end() if found else at + 1


def _behind_triple(code: str, quotes: str, at: int) -> int:
    while (end := code.find(quotes, at)) >= 0:
        escapes = end - len(code[at:end].rstrip("\\")) - at
        if escapes % 2 == 0:
            return end + 3
        at = end + 1
    return len(code)
