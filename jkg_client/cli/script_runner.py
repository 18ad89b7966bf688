"""Runs a script in a kernel as ``python script.py`` would.

This module is sent to the kernel as text. It uses only the standard library, and adds nothing to
the variables of the script.
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
"""Tracebacks do not show frames of files whose names end so. The first is this file."""


class _Before:
    """The state before a run, to restore it in a kernel that keeps running."""

    def __init__(self, main: dict[str, Any]) -> None:
        self.argv = sys.argv
        self.path = list(sys.path)
        self.names = {name: main[name] for name in ("exit", "quit", "__file__") if name in main}


def begin(main: dict[str, Any], argv: list[str], file: str | None, text: str) -> None:
    """Prepare the kernel for code with these arguments, like a new interpreter.

    Args:
        main: Variables of the user.
        argv: Value for ``sys.argv``.
        file: Path of the script. None if the code is not a script.
        text: Text of the script.
    """
    setattr(sys, _STATE, _Before(main))
    sys.argv = list(argv)
    # IPython's own functions would end the kernel, which other clients may use.
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
        # Tracebacks show the lines of the script from this cache.
        linecache.cache[file] = (len(text), None, text.splitlines(True), file)


def end(main: dict[str, Any]) -> None:
    """Undo the changes of ``begin`` in a kernel that keeps running."""
    before = sys.__dict__.pop(_STATE, None)
    if before is None:
        return
    sys.argv, sys.path[:] = before.argv, before.path
    for name in ("exit", "quit", "__file__"):
        main.pop(name, None)
    main.update(before.names)


def script(main: dict[str, Any], argv: list[str], file: str, text: str) -> None:
    """Run a script. The value of its last line is not shown."""
    begin(main, argv, file, text)
    # Without this, IPython shows a SyntaxError with all its own frames.
    try:
        code = compile(text, file, "exec", dont_inherit=True)
    except SyntaxError as exc:
        lines = traceback.format_exception_only(type(exc), exc)
        error = type("SyntaxError", (Exception,), {})(str(exc))
        raise _shown(error, lines) from None
    _run(lambda: exec(code, main))  # noqa: S102 - running the script is the purpose


def module(main: dict[str, Any], argv: list[str], name: str) -> None:
    """Run a module as ``python -m`` would."""
    begin(main, argv, None, "")
    _run(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True))


def _run(run: Callable[[], object]) -> None:
    """Call ``run``, and wait for its threads, as an interpreter does at its end."""
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
        shown = traceback.TracebackException(type(exc), exc, exc.__traceback__)
        shown.stack = traceback.StackSummary.from_list(
            [frame for frame in shown.stack if not frame.filename.endswith(_HIDDEN)]
        )
        _shown(exc, list(shown.format()))
        raise


def _shown(exc: BaseException, lines: list[str]) -> BaseException:
    """Make IPython show these lines for the exception, and return it."""
    shown = "".join(lines).splitlines()
    exc._render_traceback_ = lambda *_: shown  # type: ignore[attr-defined]
    return exc


def _leave(code: object = None) -> None:
    raise SystemExit(code)


def _is_here(file: str, text: str) -> bool:
    """Whether the kernel's machine has this script, and not another file with its path."""
    try:
        with tokenize.open(file) as opened:
            return opened.read().splitlines() == text.splitlines()
    except (OSError, ValueError, SyntaxError):
        return False
