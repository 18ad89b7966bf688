"""Allows another thread to end a run."""

from __future__ import annotations

from attrs import define, field

from ..client.block_run import BlockRun
from ..client.kernel import JupyterKernelClient
from ..client.timeouts import TIMEOUTS, Timeouts


@define(eq=False)
class Interruption:
    """Ends one run. Its thread calls ``begin`` and ``end``; any thread may call ``interrupt``."""

    _cells: BlockRun = field(factory=BlockRun, init=False)
    _kernel: JupyterKernelClient | None = field(default=None, init=False)
    _timeouts: Timeouts = field(default=TIMEOUTS, init=False)

    @property
    def is_requested(self) -> bool:
        """Whether no further cell should begin."""
        return self._cells.is_interrupted

    def begin(self, kernel: JupyterKernelClient, timeouts: Timeouts) -> None:
        """Note that the cells are about to run on ``kernel``."""
        self._kernel, self._timeouts = kernel, timeouts
        self._cells.begin()

    def end(self) -> None:
        """Note that no cell is running any more."""
        self._cells.end()

    def interrupt(self) -> None:
        """Interrupt the running cell; restart the kernel if that fails. Wait for its end.

        Raises:
            GatewayError: The server cannot be reached.
        """
        self._cells.interrupt(lambda: self._kernel, self._timeouts)
