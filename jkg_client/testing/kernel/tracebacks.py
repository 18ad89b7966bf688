"""Tracebacks of exceptions in cells, in the same format as Python's own."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

_HERE = str(Path(__file__).parent)


def error_content(exc: BaseException) -> dict[str, Any]:
    """Content of the ``error`` message for ``exc``."""
    told = traceback.TracebackException(type(exc), exc, exc.__traceback__)
    # Leave out the frames of the code that runs the cell.
    frames = [frame for frame in told.stack if not frame.filename.startswith(_HERE)]
    told.stack = traceback.StackSummary.from_list(frames)
    name, value = type(exc).__name__, _evalue(exc)
    if frames and not isinstance(exc, SystemExit):
        lines = "".join(told.format()).splitlines()
    elif isinstance(exc, SyntaxError):
        lines = "".join(told.format_exception_only()).splitlines()
    else:
        # Show no lines of code: an exit is not a fault, and this package's errors have other
        # causes.
        lines = [f"{name}: {value}"]
    return {"ename": name, "evalue": value, "traceback": lines}


def _evalue(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception as broken:  # noqa: BLE001 - the cell may define __str__
        return f"<unprintable: {broken!r}>"
