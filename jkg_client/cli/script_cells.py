"""Cells that run a script as ``python`` would, in any Python kernel."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence


def script_cell(argv: Sequence[str], file: str, text: str) -> str:
    """The cell that runs a script. It does not show the value of the last line."""
    return _call("script", list(argv), file, text)


def module_cell(argv: Sequence[str], name: str) -> str:
    """The cell that runs a module, as ``python -m`` would."""
    return _call("module", list(argv), name)


def begin_cell(argv: Sequence[str], file: str | None) -> str:
    """The cell that sets ``sys.argv`` and ``exit`` before other code runs."""
    return _call("begin", list(argv), file, "")


def end_cell() -> str:
    """The cell that undoes the changes of the other cells, for a kernel that keeps running."""
    return _call("end")


def _call(function: str, *arguments: object) -> str:
    data = pkgutil.get_data(__package__ or "", "script_runner.py")
    if data is None:
        raise FileNotFoundError("script_runner.py")
    # One expression with the value None, so that the kernel shows nothing.
    words = "".join(f", {argument!r}" for argument in arguments)
    program = f"compile({data.decode('utf-8')!r}, '<jkg run>', 'exec')"
    return (
        f"(lambda scope: [exec({program}, scope), scope[{function!r}](globals(){words})][1])"
        "({'__name__': '_jkg_run'})"
    )
