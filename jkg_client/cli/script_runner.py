"""Runs a script in a kernel as ``python script.py`` would.

This module is sent to the kernel as text. It uses only the standard library, and adds nothing to
the variables of the script.
"""

from __future__ import annotations

import asyncio
import atexit
import codecs
import contextlib
import gc
import io
import linecache
import runpy
import sys
import threading
import tokenize
import traceback
from collections.abc import Iterator
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
    """Call ``run`` as an interpreter does, with its streams, its threads and its end."""
    before = set(threading.enumerate())
    try:
        with _streams(), _no_running_loop(), _exit_functions():
            try:
                run()
            finally:
                _join(set(threading.enumerate()) - before)
    except SystemExit:
        raise
    except BaseException as exc:
        shown = traceback.TracebackException(type(exc), exc, exc.__traceback__)
        shown.stack = traceback.StackSummary.from_list(
            [frame for frame in shown.stack if not frame.filename.endswith(_HIDDEN)]
        )
        _shown(exc, list(shown.format()))
        raise


def _join(threads: set[threading.Thread]) -> None:
    """Wait for the threads of the script, except for daemons."""
    pools = sys.modules.get("concurrent.futures.thread")
    if pools is not None and threads & set(pools._threads_queues):  # noqa: SLF001
        # The threads of a pool end only when the pool or the interpreter is shut down.
        for one in gc.get_objects():
            is_pool = isinstance(one, pools.ThreadPoolExecutor)
            if is_pool and threads & one._threads:  # noqa: SLF001
                one.shutdown()
    for thread in threads:
        if not thread.daemon:
            thread.join()


@contextlib.contextmanager
def _no_running_loop() -> Iterator[None]:
    """Hide the event loop in which ipykernel runs cells: ``asyncio.run`` refuses a second one."""
    # asyncio offers these functions to writers of event loops.
    loop = asyncio._get_running_loop()  # noqa: SLF001
    if loop is None:
        yield
        return
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio.tasks._leave_task(loop, task)  # noqa: SLF001
    asyncio._set_running_loop(None)  # noqa: SLF001
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)  # noqa: SLF001
        if task is not None:
            asyncio.tasks._enter_task(loop, task)  # noqa: SLF001
        asyncio.set_event_loop(loop)  # asyncio.run has removed it


@contextlib.contextmanager
def _exit_functions() -> Iterator[None]:
    """Call the functions of ``atexit.register`` at the end of the script.

    The kernel ends later, when nobody receives its output any more. Functions that libraries have
    registered are called then.
    """
    register, unregister = atexit.register, atexit.unregister
    calls: list[tuple[Callable[..., object], Any, Any]] = []

    def register_here(function: Callable[..., Any], *words: Any, **named: Any) -> Any:
        caller = sys._getframe(1).f_globals  # noqa: SLF001
        if caller.get("__name__") != "__main__":
            return register(function, *words, **named)
        calls.append((function, words, named))
        return function

    def unregister_here(function: Callable[..., Any]) -> None:
        calls[:] = [call for call in calls if call[0] != function]
        unregister(function)

    vars(atexit).update(register=register_here, unregister=unregister_here)
    try:
        yield
    finally:
        try:
            while calls:
                function, words, named = calls.pop()
                try:
                    function(*words, **named)
                except Exception as exc:  # noqa: BLE001 - as an interpreter does
                    frames = exc.__traceback__ and exc.__traceback__.tb_next
                    traceback.print_exception(type(exc), exc, frames, chain=False)
        finally:
            vars(atexit).update(register=register, unregister=unregister)


@contextlib.contextmanager
def _streams() -> Iterator[None]:
    """Streams with the same attributes as in an interpreter: ipykernel has only some of them."""
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Input()), "utf-8")
    changed: list[Any] = [one for one in (sys.stdout, sys.stderr) if not hasattr(one, "buffer")]
    for stream in changed:
        stream.buffer = _Bytes(stream)
        stream.reconfigure = lambda **_: None
        stream.close = stream.flush  # after a real close, the kernel could not print any more
    try:
        yield
    finally:
        sys.stdin = before
        for stream in changed:
            del stream.buffer, stream.reconfigure, stream.close


class _Input(io.RawIOBase):
    """The lines that ``input()`` returns, as bytes."""

    _rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            try:
                self._rest = f"{input()}\n".encode("utf-8", "replace")
            except EOFError:
                return 0
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class _Bytes(io.BufferedIOBase):
    """Prints bytes to a stream of text."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        octets = bytes(data)
        self._stream.write(self._decoder.decode(octets))
        return len(octets)

    def flush(self) -> None:
        self._stream.flush()


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
