"""Exceptions of cells, told as IPython tells them: with colours, one string a frame."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

RED, GREEN, CYAN, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[39m"

CELL = "<ipython-input-"
"""How the file names of cells begin."""

_HERE = str(Path(__file__).parent)


def error_content(exc: BaseException) -> dict[str, Any]:
    """Content of the ``error`` message for ``exc``."""
    if isinstance(exc, SystemExit):
        lines = ["An exception has occurred, use %tb to see the full traceback.\n", _last(exc)]
    elif isinstance(exc, SyntaxError) and not _in_a_cell(exc.__traceback__):
        lines = [_unparsed(exc)]
    else:
        lines = _chain(exc, set())
    return {"ename": type(exc).__name__, "evalue": _evalue(exc), "traceback": lines}


def _chain(exc: BaseException, seen: set[int]) -> list[str]:
    seen.add(id(exc))
    before, sentence = (
        exc.__cause__,
        "The above exception was the direct cause of the following exception:",
    )
    if before is None and not exc.__suppress_context__:
        before, sentence = (
            exc.__context__,
            "During handling of the above exception, another exception occurred:",
        )
    lines = []
    if before is not None and id(before) not in seen:
        lines = [*_chain(before, seen), f"\n{sentence}\n"]
    name = type(exc).__name__
    head = f"{RED}{name}{PLAIN}{'Traceback (most recent call last)':>{max(75 - len(name), 34)}}"
    return [*lines, f"{RED}{'-' * 75}{PLAIN}", head, *_frames(exc.__traceback__), _last(exc)]


def _in_a_cell(trace: TracebackType | None) -> bool:
    frames = traceback.walk_tb(trace)
    return any(frame.f_code.co_filename.startswith(CELL) for frame, _ in frames)


def _unparsed(exc: SyntaxError) -> str:
    text = "".join(traceback.format_exception_only(type(exc), exc))
    return text.replace(f'File "{exc.filename}"', f"{CYAN}{_place(str(exc.filename))}{PLAIN}", 1)


def _frames(trace: TracebackType | None) -> list[str]:
    frames: list[str] = []
    # Some instructions belong to no line.
    for frame, lineno in ((frame, lineno or 1) for frame, lineno in traceback.walk_tb(trace)):
        file = frame.f_code.co_filename
        # What runs the cell, or a magic in it, is no part of it.
        if not file.startswith(_HERE):
            frames.append(_frame(file, lineno, frame.f_code.co_name))
    return frames


def _frame(file: str, lineno: int, function: str) -> str:
    called = "" if function == "<module>" else f", in {function}()"
    lines = [f"{CYAN}{_place(file)}{PLAIN}{GREEN}, line {lineno}{PLAIN}{called}"]
    for number in range(max(lineno - 2, 1), lineno + 3):
        text = linecache.getline(file, number).rstrip("\n")
        if text or number == lineno:
            arrow = f"----> {number}" if number == lineno else f"{number:>7}"
            lines.append(f"{GREEN}{arrow}{PLAIN} {text}")
    return "\n".join(lines) + "\n"


def _place(file: str) -> str:
    return f"Cell In[{file[len(CELL) :].partition('-')[0]}]" if file.startswith(CELL) else file


def _last(exc: BaseException) -> str:
    return f"{RED}{type(exc).__name__}{PLAIN}: {_evalue(exc)}"


def _evalue(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception as broken:  # noqa: BLE001 - a cell's own __str__
        return f"<unprintable: {broken!r}>"
