"""What is known of the process behind a kernel's id: whether it is up, and still the same."""

from __future__ import annotations

from attrs import define, field

from ..protocol.exchange import Exchange, tells_of_death
from ..protocol.messages import Message


@define
class KernelLife:
    """The one place that knows of restarts. Feed it every message of the kernel.

    Attributes:
        is_up: The kernel has answered, or was sent a cell, and nothing has told of its death since.
        needs_check: It must answer a question before it is sent the next cell.
        is_new: It was started again, and has not answered since.
    """

    is_up: bool = field(default=False, init=False)
    needs_check: bool = field(default=False, init=False)
    is_new: bool = field(default=False, init=False)
    _process: str | None = field(default=None, init=False)  # session id of what answered last
    _is_untold: bool = field(default=False, init=False)  # a restart that no result has told

    def feed(self, message: Message) -> None:
        """Take in one message."""
        if tells_of_death(message, is_up=self.is_up):
            self.died()

    def died(self) -> None:
        """The process is gone, or was replaced."""
        # Told once of each process: "starting" follows "restarting".
        self._is_untold |= self.is_up
        self.needs_check, self.is_up, self._process = True, False, None
        self.is_new = True

    def sent(self) -> None:
        """A cell was handed over: should the process die from now on, that is news."""
        self.is_up = True

    def doubt(self) -> None:
        """Something may have happened to it behind our back."""
        self.needs_check = True

    def answered(self, exchange: Exchange) -> None:
        """It has answered: see whether the process is the one that did before."""
        if exchange.dead:
            return
        before, self._process = self._process, exchange.process or self._process
        self._is_untold |= before not in (None, self._process)

    def is_ready(self, probe: Exchange) -> None:
        """It has answered a question in full: it can be sent a cell."""
        self.answered(probe)
        self.needs_check, self.is_up, self.is_new = False, True, False

    def take_restarted(self) -> bool:
        """Whether variables are gone since this was asked last."""
        restarted, self._is_untold = self._is_untold, False
        return restarted
