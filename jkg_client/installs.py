"""Finds out whether an installation at the end of a cell has failed.

In IPython, a failed ``!`` or ``%pip`` command does not fail the cell: the cell continues, and its
status is ``ok``. Users of AutoGen rely on this, but they must learn that nothing was installed.
IPython keeps the exit status of the last command in ``_exit_code``. So this status is read if the
last command of a cell is an installation. For earlier commands, only the output shows a failure.
"""

from __future__ import annotations

import re

from attrs import evolve

from .protocol.outputs import Stream, plain_text
from .protocol.result import ExecutionResult
from .protocol.terminal import strip_ansi

STATUS = {"_exit_code": "{}[_exit_code] if _exit_code else None"}
"""User expressions of a cell that ends with an installation.

If the status is not 0, the expression raises a KeyError, whose message is the status.
A value would not always be sent: if the code uses rich, rich prints the value instead.
"""

_LONGEST = 500
_INSTALL = re.compile(
    r"[%!]?[ \t]*(?:sudo[ \t]+)?(?:\S{1,200}[ \t]+-m[ \t]+)?(?:uv[ \t]+)?"
    r"(?:pip[\d.]{0,9}|conda|mamba|micromamba)[ \t]+(?:-\S{1,200}[ \t]+){0,9}install[ \t]"
)
_STATUS = re.compile(r"-?\d{1,9}")


def install_command(cell: str, typed: str | None = None) -> str | None:
    """The last command of a Python cell, if it is an installation. Else None.

    Args:
        cell: The cell. Its command may have a ``-qq`` that this package has added.
        typed: The code of the user, without this option. None if this code is the cell itself.
    """
    if "install" not in cell:
        return None
    last = _last_command(cell)
    if not _INSTALL.match(last):
        return None
    is_typed = typed is None or _last_command(typed).endswith(last)
    return last if is_typed else last.replace(" -qq", "", 1)


def _last_command(code: str) -> str:
    return code.rstrip()[-_LONGEST:].replace("\\\n", " ").rpartition("\n")[2]


def with_status(result: ExecutionResult, command: str) -> ExecutionResult:
    """``result`` with a note if the installation ``command`` at the end of the cell has failed."""
    answer = result.user_expressions.get("_exit_code")
    error = answer if isinstance(answer, dict) and answer.get("ename") == "KeyError" else {}
    said = error.get("evalue")
    outputs = result.outputs
    if result.is_ok and isinstance(said, str) and _STATUS.fullmatch(said):
        before = strip_ansi(plain_text(outputs[-1:]))
        fresh = "" if not before or before.endswith("\n") else "\n"
        note = f"{fresh}Note: {command!r} failed with exit status {said}.\n"
        outputs = (*outputs, Stream("stderr", note))
    return evolve(result, outputs=outputs, user_expressions={})
