"""Runs a script in a kernel as ``python script.py`` would. It is sent to the kernel as text.

It needs nothing but the standard library, and leaves nothing among the variables of the script.
"""

from __future__ import annotations

import linecache
import runpy
import sys
import threading
import tokenize
import traceback
from pathlib import Path
from typing import Any, Callable

_STATE = "_jkg_run"
_HIDDEN = ("<jkg run>", "<frozen runpy>", "runpy.py", "/ipykernel/kernelbase.py")
"""Ends of names of files whose frames a traceback does not show. This code has the first."""


class _Before:
    """What was there before, for the end of a run in somebody else's kernel."""

    def __init__(self, main: dict[str, Any]) -> None:
        self.argv = sys.argv
        self.path = list(sys.path)
        self.names = {name: main[name] for name in ("exit", "quit", "__file__") if name in main}


def begin(main: dict[str, Any], argv: list[str], file: str | None, text: str) -> None:
    """Make the kernel look like a new interpreter that was given these words.

    Args:
        main: Variables of the user.
        argv: What ``sys.argv`` shall be.
        file: Path of the script; None if there is none.
        text: Of the script.
    """
    setattr(sys, _STATE, _Before(main))
    sys.argv = list(argv)
    # Those of IPython end the kernel, which may be somebody else's.
    main["exit"] = main["quit"] = _leave
    if file is None:
        return
    main["__file__"] = file
    if _is_here(file, text):
        folder = str(Path(file).parent)
        if sys.path[:1] == [""]:
            sys.path[0] = folder
        else:
            sys.path.insert(0, folder)
    else:
        # So that tracebacks can show the lines.
        linecache.cache[file] = (len(text), None, text.splitlines(True), file)


def end(main: dict[str, Any]) -> None:
    """Undo what ``begin`` did: the kernel is somebody else's."""
    before = sys.__dict__.pop(_STATE, None)
    if before is None:
        return
    sys.argv, sys.path[:] = before.argv, before.path
    for name in ("exit", "quit", "__file__"):
        main.pop(name, None)
    main.update(before.names)


def script(main: dict[str, Any], argv: list[str], file: str, text: str) -> None:
    """Run a script; the value of its last line is not shown."""
    begin(main, argv, file, text)
    # IPython shows a SyntaxError with all its own frames.
    try:
        code = compile(text, file, "exec", dont_inherit=True)
    except SyntaxError as exc:
        lines = traceback.format_exception_only(type(exc), exc)
        error = type("SyntaxError", (Exception,), {})(str(exc))
        raise _shown(error, lines) from None
    _run(lambda: exec(code, main))  # noqa: S102 - that is what it is for


def module(main: dict[str, Any], argv: list[str], name: str) -> None:
    """Run a module as ``python -m`` would."""
    begin(main, argv, None, "")
    _run(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True))


def _run(run: Callable[[], object]) -> None:
    """Run it, and wait for the threads that it leaves, as an interpreter does at its end."""
    before = set(threading.enumerate())
    try:
        try:
            run()
        finally:
            for thread in set(threading.enumerate()) - before:
                if not thread.daemon:
                    thread.join()
    except SystemExit:
        raise
    except BaseException as exc:
        told = traceback.TracebackException(type(exc), exc, exc.__traceback__)
        told.stack = traceback.StackSummary.from_list(
            [frame for frame in told.stack if not frame.filename.endswith(_HIDDEN)]
        )
        _shown(exc, list(told.format()))
        raise


def _shown(exc: BaseException, lines: list[str]) -> BaseException:
    """The exception, for which IPython shows these lines: none with our frames, or its own."""
    shown = "".join(lines).splitlines()
    exc._render_traceback_ = lambda *_: shown  # type: ignore[attr-defined]
    return exc


def _leave(code: object = None) -> None:
    raise SystemExit(code)


def _is_here(file: str, text: str) -> bool:
    """Whether the script lies where the kernel runs; there may be another of this name."""
    try:
        with tokenize.open(file) as opened:
            return opened.read().splitlines() == text.splitlines()
    except (OSError, ValueError, SyntaxError):
        return False
