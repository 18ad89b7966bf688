"""Interrupts by signals: which code they interrupt, and when."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class _Early:
    """Whether an interrupt came after the request for a cell, but before its code began."""

    came = False


_WAKING = 0.05
"""Seconds between an interrupt and the signal that wakes the thread that runs cells."""


def ignore_interrupts() -> None:
    """Ignore interrupts, as between cells."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def expect_interrupts() -> None:
    """From now on, remember an interrupt for the next cell."""
    if threading.current_thread() is threading.main_thread():
        _Early.came = False
        signal.signal(signal.SIGINT, _note)


def _note(*_: Any) -> None:
    _Early.came = True


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """In this block, an interrupt raises KeyboardInterrupt, even if a cell has set a handler.

    Before ``code_begins`` is called, this is true for the second interrupt only.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        try:
            signal.signal(signal.SIGINT, _keep)
            yield
        finally:
            ignore_interrupts()
    except KeyboardInterrupt:
        # The interrupt may have come just before the line above.
        ignore_interrupts()
        raise


def _keep(*_: Any) -> None:
    # IPython drops an exception that comes before the code of the cell, or leaves a coroutine that
    # nothing awaits. But a function that it calls there may hang.
    if _Early.came:
        raise KeyboardInterrupt
    _Early.came = True


def code_begins() -> None:
    """Raise the interrupt that came before the code of the cell, if there was one."""
    # There is another handler if the code runs more code, or has an ``await`` at its top level.
    if signal.getsignal(signal.SIGINT) is _keep:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if _Early.came:
            raise KeyboardInterrupt


async def awaited(coroutine: Awaitable[T]) -> T:
    """The result of a cell with ``await`` at its top level. An interrupt cancels the cell.

    As in ipykernel, a waiting event loop notices the interrupt only when the next request arrives.
    """
    loop = asyncio.get_running_loop()
    task: asyncio.Future[T] = asyncio.ensure_future(coroutine)
    if threading.current_thread() is not threading.main_thread():
        return await task

    def cancel(*_: Any) -> None:
        loop.call_soon(task.cancel)

    signal.signal(signal.SIGINT, cancel)
    if _Early.came:
        cancel()
    try:
        return await task
    finally:
        ignore_interrupts()


def send_interrupt() -> None:
    """Interrupt the running cell, and the processes that it has started."""
    if sys.platform == "win32":
        import _thread  # noqa: PLC0415 - only where processes get no signals

        _thread.interrupt_main()
        return
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)
    wake_later()


def can_be_woken() -> None:
    """Let SIGURG wake the main thread. Nothing else happens."""
    if sys.platform != "win32":
        signal.signal(signal.SIGURG, lambda *_: None)


def wake_later() -> None:
    """Wake the main thread, because an interrupt just before a wait does not end the wait."""
    if sys.platform != "win32":
        main = threading.main_thread().ident or 0
        waking = threading.Timer(_WAKING, signal.pthread_kill, (main, signal.SIGURG))
        waking.daemon = True
        waking.start()
