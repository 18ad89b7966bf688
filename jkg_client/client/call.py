"""One call of an executor that runs, and how another thread ends it."""

from __future__ import annotations

import threading
from typing import Callable

from attrs import define, field

from .deadline import Deadline
from .kernel import JupyterKernelClient
from .timeouts import Timeouts

_AGAIN = 0.5
"""Seconds between two interrupts."""


@define(eq=False)
class Call:
    """Blocks that run one after the other.

    Attributes:
        interrupted: Those that have not begun shall not.
        restarted: An interrupt came to a restart of the kernel.
    """

    interrupted: bool = False
    restarted: bool = False
    _over: threading.Event = field(factory=threading.Event, init=False)
    _interrupting: threading.RLock = field(factory=threading.RLock, init=False)

    def end(self) -> None:
        """Nothing of it runs any more: wait for interrupts on their way, which would hit others."""
        self._over.set()
        with self._interrupting:
            pass

    def interrupt(self, find: Callable[[], JupyterKernelClient | None], timeouts: Timeouts) -> None:
        """Have it ended by an interrupt, or else by a restart, of the kernel that ``find`` finds.

        Raises:
            GatewayError: The server is away.
        """
        self.interrupted = True
        with self._interrupting:
            limit = Deadline(timeouts.grace)
            while not (limit.passed or self._over.is_set()):
                # Again and again: between two blocks there is nothing that it could end.
                kernel = find()
                if kernel is not None:
                    kernel.interrupt()
                self._over.wait(_AGAIN)
            kernel = find()
            if kernel is not None and not self._over.is_set():
                kernel.restart(timeouts.ready)
                self.restarted = True
            self._over.wait(timeouts.ready)
