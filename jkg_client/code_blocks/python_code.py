"""Python cells: adds an option to ``pip install`` commands that makes them quiet.

Each step reads up to the next special character, so other threads can run between two steps.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from ..protocol.stepwise import end_of, search
from .shell_code import MOST_HIDDEN, MOST_INSTALLS, quiet_pip

# Several magics that run their body as Python may follow each other. The last magic decides.
_CELL_MAGIC = re.compile(
    r"(?:\s*%%(?:capture|prun|timeit|time)\b[^\n]*)*"
    r"(?:\s*%%(?:script[ \t]+(?:-\S+[ \t]+)*)?(?P<name>\w+)[^\n]*)?"
)
# IPython looks for commands at the start of a logical line. Because of its automagic, ``pip
# install`` is a command, too.
_COMMAND = re.compile(
    r"[ \t]{0,400}(?:(?P<shell>!!?|%(?=pip[ \t])|(?=pip[ \t]{1,400}install[ \t]))|%)"
)
_LINE = re.compile(r"(?:[^\\\n]{1,4096}|\\\r?\n|\\.){1,64}")
# Text that may end or hide a logical line. A newline or ``=`` counts if a command may follow.
_NEXT = re.compile(
    r"[\"'#]|[()\[\]{}](?:[^\"'#\\!%]{0,400}[()\[\]{}])?"
    r"|=(?=[ \t]{0,400}[!%])|\\(?=\r?\n)|\n(?=[ \t]{0,400}(?:[!%]|pip[ \t]))"
)
_STRING_OF_LINE = {
    '"': re.compile(r'(?:[^"\\\n]{1,4096}|\\[\s\S]){1,64}'),
    "'": re.compile(r"(?:[^'\\\n]{1,4096}|\\[\s\S]){1,64}"),
}
_BRACKETS = "()[]{}"
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
    for _ in range(MOST_HIDDEN):
        command = _COMMAND.match(code, at) if is_start else None
        if command:
            at = end_of(_LINE, code, command.end())
            if command["shell"] is not None:
                yield command.end("shell"), at
        found = search(_NEXT, code, at)
        if found is None:
            return
        char, at = found[0][0], found.end()
        if char in _BRACKETS:
            # A command may begin between these brackets.
            run = char if "pip" in found[0] else found[0]
            at = found.start() + len(run)
            depth = _depth(depth, run)
        elif char != "\n":
            at = _behind(code, found.start())
        is_start = char == "\n" and not depth


def _depth(depth: int, text: str) -> int:
    """Number of open brackets after ``text``, of which ``depth`` were open before it."""
    for char in text:
        if char in _BRACKETS:
            depth = depth + 1 if char in "([{" else max(0, depth - 1)
    return depth


def _behind(code: str, at: int) -> int:
    """The end of the string, comment, assigned command or line continuation at ``at``."""
    char = code[at]
    if char == "#":
        end = code.find("\n", at)
        return len(code) if end < 0 else end
    if char in "\"'":
        if code.startswith(char * 3, at):
            return _behind_triple(code, char * 3, at + 3)
        end = end_of(_STRING_OF_LINE[char], code, at + 1)
        return end + 1 if code.startswith(char, end) else end
    found = (_ASSIGNED_COMMAND if char == "=" else _JOINT).match(code, at)
    return found.end() if found else at + 1


def _behind_triple(code: str, quotes: str, at: int) -> int:
    while (end := code.find(quotes, at)) >= 0:
        escapes = end - len(code[at:end].rstrip("\\")) - at
        if escapes % 2 == 0:
            return end + 3
        at = end + 1
    return len(code)
