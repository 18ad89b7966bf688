"""Blocks of an executor that run, and how another thread ends them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from attrs import define, field

from .interrupts import interrupt_until_done
from .kernel import JupyterKernelClient
from .timeouts import Timeouts

_AGAIN = 0.5
"""Seconds between two interrupts."""


@define(eq=False)
class BlockRun:
    """Blocks that run one after the other. Any thread may interrupt them.

    Attributes:
        is_interrupted: The blocks that have not begun must not run.
    """

    is_interrupted: bool = field(default=False, init=False)
    _begun: bool = field(default=False, init=False)
    _over: threading.Event = field(factory=threading.Event, init=False)
    _interrupting: threading.RLock = field(factory=threading.RLock, init=False)

    def begin(self) -> None:
        """The thread that runs the blocks begins."""
        with self._interrupting:
            self._begun = True

    def end(self) -> None:
        """No block runs any more: wait for interrupts on their way, which would hit others."""
        self._over.set()
        with self._interrupting:
            pass

    def interrupt(self, find: Callable[[], JupyterKernelClient | None], timeouts: Timeouts) -> None:
        """Interrupt the running blocks; restart the kernel if that fails. Wait for their end.

        Args:
            find: The kernel that runs them now; None while there is none.
            timeouts: How long to wait for what.

        Raises:
            GatewayError: The server is away.
        """
        self.is_interrupted = True

        def interrupt(_: bool) -> None:
            kernel = find()
            if kernel is not None and not self._over.is_set():
                kernel.interrupt()

        with self._interrupting:
            if not self._begun:
                return
            # Again and again: between two blocks there is nothing that one could end.
            tries = math.ceil(timeouts.grace / _AGAIN)
            is_done = interrupt_until_done(interrupt, lambda: self._over.wait(_AGAIN), tries)
            kernel = None if is_done else find()
            if kernel is not None:
                kernel.stop_cell_by_restart(timeouts.ready)
            self._over.wait(timeouts.ready)
