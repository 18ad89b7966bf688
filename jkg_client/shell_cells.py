"""Turns shell cells into Python cells that end with the shell, and stop with all its programs."""

from __future__ import annotations

import ast
import functools
import pkgutil
import re

from .protocol.stepwise import search

_SHELL_CELL = re.compile(r"%%(?P<shell>bash|sh)[ \t]*\n(?P<script>.*)", re.DOTALL)
_SURROGATE = re.compile(r"[\ud800-\udfff]")

# The script comes first, because logs show the beginning of a cell.
_BEGIN = (
    "(lambda script, shell, source:"
    " exec(compile(source, '<jkg shell>', 'exec'), {'script': script, 'shell': shell}))"
)


def python_cell(cell: str) -> str:
    """Turn a shell cell into a Python cell; ``shell_runner`` says why. Others stay as they are.

    What a background process prints after the end of the shell is lost, unless it goes to a file.
    """
    start = cell.lstrip()
    found = _SHELL_CELL.fullmatch(start) if start.startswith("%%") else None
    if found is None or (not cell.isascii() and search(_SURROGATE, cell)):
        return cell  # ``repr`` would turn halves of characters into escape sequences
    return f"{_BEGIN}{(found['script'], found['shell'], _source())!r}"


def shell_cell(cell: str) -> str:
    """Undo ``python_cell``. Other cells stay as they are."""
    if not cell.startswith(_BEGIN) or not cell.endswith(f", {_source()!r})"):
        return cell
    script, shell, _ = ast.literal_eval(cell[len(_BEGIN) :])
    return f"%%{shell}\n{script}"


@functools.lru_cache(maxsize=1)
def _source() -> str:
    data = pkgutil.get_data(__package__ or "", "shell_runner.py")
    if data is None:
        raise FileNotFoundError("shell_runner.py")
    return f"{data.decode('utf-8')}\nrun(shell, script)\n"
