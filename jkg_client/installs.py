"""Whether a cell has installed what it should have.

``%pip install`` and ``!pip install`` of IPython end well even if pip does not: the cell is ``ok``.
IPython keeps the exit status of the last command in ``_exit_code``. It is asked for that when an
installation is the last thing that a cell does; of earlier ones only the text tells.
"""

from __future__ import annotations

import re

from attrs import evolve

from .protocol.outputs import Failure
from .protocol.result import ExecutionResult

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
    return last if _INSTALL.match(last) else None


def with_status(result: ExecutionResult, command: str) -> ExecutionResult:
    """``result`` of a cell that ends with ``command``: an error if that has failed."""
    answer = result.user_expressions.get("_exit_code")
    data = answer.get("data") if isinstance(answer, dict) else None
    said = data.get("text/plain") if isinstance(data, dict) else None
    if not (result.is_ok and isinstance(said, str) and _STATUS.fullmatch(said) and int(said)):
        return evolve(result, user_expressions={})
    failure = Failure(
        "CalledProcessError", f"Command {command!r} returned non-zero exit status {said}."
    )
    return evolve(
        result,
        status="error",
        outputs=(*result.outputs, failure),
        failure=failure,
        exit_code=int(said) & 0xFF or 1,
        user_expressions={},
    )
