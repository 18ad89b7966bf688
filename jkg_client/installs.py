"""Whether a cell has installed what it should have.

A command of ``!`` or ``%pip`` never fails a cell of IPython: the cell goes on, and is ``ok``, which
users of AutoGen rely on. But a reader must know that nothing was installed. IPython keeps the
exit status of the last command in ``_exit_code``. It is asked for that when an installation is the
last thing that a cell does; of earlier ones only the text tells.
"""

from __future__ import annotations

import re

from attrs import evolve

from .protocol.outputs import Stream, plain_text
from .protocol.result import ExecutionResult
from .protocol.terminal import strip_ansi

STATUS = {"_exit_code": "_exit_code"}
"""User expressions of such a cell."""

_LONGEST = 500
_INSTALL = re.compile(
    r"[%!]?[ \t]*(?:sudo[ \t]+)?(?:\S{1,200}[ \t]+-m[ \t]+)?(?:uv[ \t]+)?"
    r"(?:pip[\d.]{0,9}|conda|mamba|micromamba)[ \t]+(?:-\S{1,200}[ \t]+){0,9}install[ \t]"
)
_STATUS = re.compile(r"-?\d{1,9}")


def install_command(cell: str) -> str | None:
    """The command with which a cell of a Python kernel ends, if that installs something."""
    last = cell.rstrip()[-_LONGEST:].replace("\\\n", " ").rpartition("\n")[2]
    return last if "install" in last and _INSTALL.match(last) else None


def with_status(result: ExecutionResult, command: str) -> ExecutionResult:
    """``result`` of a cell that ends with ``command``: it says so if that has failed."""
    answer = result.user_expressions.get("_exit_code")
    data = answer.get("data") if isinstance(answer, dict) else None
    said = data.get("text/plain") if isinstance(data, dict) else None
    outputs = result.outputs
    if result.is_ok and isinstance(said, str) and _STATUS.fullmatch(said) and int(said):
        before = strip_ansi(plain_text(outputs[-1:]))
        fresh = "" if not before or before.endswith("\n") else "\n"
        note = f"{fresh}Note: {command!r} failed with exit status {said}.\n"
        outputs = (*outputs, Stream("stderr", note))
    return evolve(result, outputs=outputs, user_expressions={})
