"""Interrupts are signals: what they hit, and when."""

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
    """An interrupt that came when the cell was announced and not yet begun."""

    came = False


def ignore_interrupts() -> None:
    """Between cells an interrupt does nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def expect_interrupts() -> None:
    """From now on an interrupt is for the cell that will begin."""
    if threading.current_thread() is threading.main_thread():
        _Early.came = False
        signal.signal(signal.SIGINT, _note)


def _note(*_: Any) -> None:
    _Early.came = True


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within, an interrupt raises KeyboardInterrupt, whatever an earlier cell has set."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if _Early.came:
                raise KeyboardInterrupt
            yield
        finally:
            ignore_interrupts()
    except KeyboardInterrupt:
        # It may have struck just before the line above.
        ignore_interrupts()
        raise


async def awaited(coroutine: Awaitable[T]) -> T:
    """The result of a cell that awaits; an interrupt cancels it.

    As in ipykernel, a loop that waits hears of the interrupt when the next request comes.
    """
    loop = asyncio.get_running_loop()
    task: asyncio.Future[T] = asyncio.ensure_future(coroutine)
    if threading.current_thread() is not threading.main_thread():
        return await task

    def cancel(*_: Any) -> None:
        loop.call_soon(task.cancel)

    signal.signal(signal.SIGINT, cancel)
    try:
        return await task
    finally:
        ignore_interrupts()


def send_interrupt() -> None:
    """Interrupt the cell that runs, and the processes that it has started."""
    if sys.platform == "win32":
        import _thread  # noqa: PLC0415 - there are no signals for processes

        _thread.interrupt_main()
    elif os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)
