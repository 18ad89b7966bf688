"""The running blocks of an executor, and how another thread interrupts them."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable

from attrs import define, field

from ..errors import ClientClosed, GatewayStatus, KernelNotFound
from .interrupts import interrupt_until_done, unless_dead
from .kernel import JupyterKernelClient
from .timeouts import Timeouts

_AGAIN = 0.5
"""Seconds between two interrupts."""


@define(eq=False)
class BlockRun:
    """Blocks that run one after the other. Any thread may interrupt them.

    Attributes:
        is_interrupted: Whether the blocks that have not begun must not run.
    """

    is_interrupted: bool = field(default=False, init=False)
    _running: threading.Lock = field(factory=threading.Lock, init=False)  # held while blocks run
    _interrupting: threading.RLock = field(factory=threading.RLock, init=False)

    def begin(self) -> None:
        """Call this before the first block, in the thread that runs the blocks."""
        with self._interrupting:
            self._running.acquire()

    def end(self) -> None:
        """Call this after the last block. Wait until no interrupt can hit later blocks."""
        self._running.release()
        with self._interrupting:
            pass

    def interrupt(self, find: Callable[[], JupyterKernelClient | None], timeouts: Timeouts) -> None:
        """Interrupt the running blocks; restart the kernel if that fails. Wait for their end.

        Args:
            find: Returns the current kernel, or None while there is none.
            timeouts: Time limits.

        Raises:
            GatewayError: The server cannot be reached.
        """
        self.is_interrupted = True

        def interrupt(_: bool) -> None:
            kernel = find()
            if kernel is not None and self._running.locked():
                # If the kernel is gone, the blocks notice it and end.
                with contextlib.suppress(KernelNotFound), unless_dead():
                    kernel.interrupt()

        with self._interrupting:
            if not self._running.locked():
                return
            # Interrupt several times, because an interrupt between two blocks has no effect.
            tries = math.ceil(timeouts.grace / _AGAIN)
            is_done = interrupt_until_done(
                interrupt, lambda: self._has_ended(timeouts.grace / tries), tries
            )
            kernel = None if is_done else find()
            if kernel is not None:
                self._end_by_restart(kernel, timeouts.ready)
            self._has_ended(timeouts.ready)

    def _end_by_restart(self, kernel: JupyterKernelClient, seconds: float) -> None:
        try:
            with contextlib.suppress(ClientClosed):
                kernel.stop_cell_by_restart(seconds)
        except GatewayStatus:
            # The kernel is gone. Or the cell has exceeded its time limit, so its thread restarts
            # the kernel, too, and the server refuses a second restart at the same time.
            if not self._has_ended(seconds):
                raise

    def _has_ended(self, seconds: float) -> bool:
        """Wait for the end of the blocks. True if they have ended in time."""
        has_ended = self._running.acquire(timeout=seconds)
        if has_ended:
            self._running.release()
        return has_ended
