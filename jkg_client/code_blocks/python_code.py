"""Cells of Python: where their lines are commands, ``pip install`` is made quiet."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .shell_code import quiet_pip

# Magics that run their body as Python may stand one on the other; the last one decides.
_CELL_MAGIC = re.compile(
    r"(?:\s*%%(?:capture|prun|timeit|time)\b[^\n]*)*"
    r"(?:\s*%%(?:script[ \t]+(?:-\S+[ \t]+)*)?(?P<name>\w+)[^\n]*)?"
)
_LINE = r"(?:[^\\\n]|\\\r?\n|\\.)*"
_ANYWHERE = r"""\"""(?:\\[\s\S]|[^\\])*?(?:\"""|\Z) | \'\'\'(?:\\[\s\S]|[^\\])*?(?:\'\'\'|\Z)
    | "(?:\\[\s\S]|[^"\\\n])*"? | '(?:\\[\s\S]|[^'\\\n])*'? | \#[^\n]*
    | =[ \t]*[!%][^\n]* | \\\r?\n[ \t]*[!%]* | (?P<bracket>[()\[\]{}])"""
# Where IPython looks for commands: at the start of a logical line. ``pip install`` alone is one
# too, thanks to its automagic.
_AT_START = (
    rf"^[ \t]*(?:!!?|%(?=pip[ \t])|(?=pip[ \t]+install[ \t]))(?P<command>{_LINE}) | ^[ \t]*%{_LINE}"
)
_IN_BRACKETS = re.compile(_ANYWHERE, re.VERBOSE)
_OUTSIDE = re.compile(f"{_AT_START} | {_ANYWHERE}", re.MULTILINE | re.VERBOSE)


def quiet_cell(code: str) -> str:
    """``code`` with ``-qq`` for each ``pip install`` that says nothing of how much to print."""
    magic = _CELL_MAGIC.match(code)
    if "pip" not in code or magic is None:
        return code
    body = code[magic.end() :]
    if magic["name"] is None:
        return magic[0] + "".join(_quiet_lines(body))
    return magic[0] + quiet_pip(body) if magic["name"] in ("bash", "sh") else code


def _quiet_lines(code: str) -> Iterator[str]:
    at = depth = 0
    while found := (_IN_BRACKETS if depth else _OUTSIDE).search(code, at):
        if found.lastgroup == "command":
            yield code[at : found.start("command")] + quiet_pip(found["command"])
        else:
            yield code[at : found.end()]
        if found.lastgroup == "bracket":
            depth = max(0, depth + (1 if found[0] in "([{" else -1))
        at = found.end()
    yield code[at:]
