"""The state of a kernel's process: whether it is alive, and whether it was replaced."""

from __future__ import annotations

from attrs import define, field

from ..protocol.exchange import Exchange
from ..protocol.kernel_news import tells_of_death
from ..protocol.messages import Message


@define
class KernelLife:
    """Finds out about restarts. Feed it every message of the kernel.

    Attributes:
        is_up: The kernel has answered or received a cell, and has not died since.
        needs_check: The kernel must answer a question before it gets the next cell.
        is_new: The kernel was started again, and has not answered since.
        deaths: Number of times that the process has ended or was replaced, as far as we know.
    """

    is_up: bool = field(default=False, init=False)
    needs_check: bool = field(default=False, init=False)
    is_new: bool = field(default=False, init=False)
    deaths: int = field(default=0, init=False)
    _process: str | None = field(default=None, init=False)  # session id in the last answer
    _position: tuple[str, int] = field(default=("", 0), init=False)  # of the last answer
    _is_untold: bool = field(default=False, init=False)  # a restart that no result has reported

    @property
    def is_known(self) -> bool:
        """Whether this process has answered one of our requests on the shell channel."""
        return self._process is not None

    def feed(self, message: Message) -> None:
        """Process one message."""
        if tells_of_death(message, is_up=self.is_up):
            self.died()

    def died(self, *, is_noticed: bool = False) -> None:
        """The process has ended, or was replaced.

        Args:
            is_noticed: We have noticed this death before. If the process that has answered since
                is still running, no further result has to report a restart.
        """
        if not is_noticed:
            # Report only one restart for each process: "starting" follows "restarting".
            self._is_untold |= self.is_up
            self._process = None
            self.deaths += 1
        self.needs_check, self.is_up, self.is_new = True, False, True

    def sent(self, request: Message, cell: Exchange) -> None:
        """A cell was sent. From now on, the death of the process must be reported."""
        cell.gaps.begin_cell(request, self._position)
        self.is_up = True

    def doubt(self) -> None:
        """The process may have ended without a message."""
        self.needs_check = True

    def answered(self, exchange: Exchange) -> None:
        """The kernel has answered. Check whether the process is the same as before."""
        if exchange.dead:
            return
        self._position = exchange.gaps.position
        before, self._process = self._process, exchange.process or self._process
        self.is_up |= exchange.process is not None
        if before not in (None, self._process):
            self._is_untold = True
            self.deaths += 1

    def is_ready(self, probe: Exchange) -> None:
        """The kernel has answered a question completely, so it can get a cell."""
        self.answered(probe)
        self.needs_check, self.is_up, self.is_new = False, True, False

    def take_restarted(self) -> bool:
        """Whether variables were lost since the last call."""
        restarted, self._is_untold = self._is_untold, False
        return restarted
