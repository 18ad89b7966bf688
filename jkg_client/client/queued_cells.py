"""Our cells that may begin although no caller waits for them any more."""

from __future__ import annotations

from attrs import define, field

from ..protocol.exchange import Exchange
from ..protocol.kernel_news import begins_code
from ..protocol.messages import Message

_UNSEEN = "unseen"


@define
class QueuedCells:
    """Our cells whose time limit passed before they began.

    Either code of another client ran, and an interrupt would hit that code. Or the process died
    before it began the cell, and the next process may get the request. A request cannot be
    withdrawn. So these cells are interrupted when they begin. Feed it every message.

    Attributes:
        session: Our session id.
    """

    session: str
    _runs: str | None = field(default=None, init=False)  # request of another client
    _cells: list[Exchange] = field(factory=list, init=False)

    def waits(self, cell: Exchange) -> bool:
        """Whether ``cell`` has not begun because the kernel runs code of another client."""
        return not cell.begun and self._runs is not None

    @property
    def is_running(self) -> bool:
        """Whether one of these cells is running. It was interrupted, and has not ended yet."""
        return bool(self._cells) and any(cell.begun and not cell.done for cell in self._cells)

    def add(self, cell: Exchange) -> None:
        """Add a cell. No caller waits for it any more."""
        cell.leave_queued()
        self._cells.append(cell)

    def add_unseen(self, cell: Exchange) -> None:
        """Add ``cell``, which has been given up, if it may still begin."""
        if not cell.begun:
            self.add(Exchange(cell.msg_id))  # the result of ``cell`` says how it ended for us

    def feed(self, message: Message) -> bool:
        """Process one message. Return whether one of these cells has just begun."""
        self._watch(message)
        if not self._cells:
            return False
        begins = False
        for cell in self._cells:
            was_begun = cell.begun
            cell.feed(message)
            if cell.is_moved:
                cell.wait_for_new_process()
            begins |= cell.begun and not was_begun and not cell.done
        self._cells = [cell for cell in self._cells if not cell.done]
        self._runs = None if begins else self._runs
        return begins

    def suppose_other_code(self) -> None:
        """Suppose that the kernel runs code of another client.

        The kernel is alive, but it has not answered any request yet. So it must be running code
        that began before we connected.
        """
        self._runs = self._runs or _UNSEEN

    def clear(self) -> None:
        """Forget all cells: the kernel has a new process, or it has begun our next cell."""
        self._cells.clear()
        self._runs = None

    def _watch(self, message: Message) -> None:
        if message.channel != "iopub" or message.parent_header.get("session") == self.session:
            return
        if message.parent_id is None:
            if message.content.get("execution_state") in ("restarting", "dead"):
                self._runs = None
        elif begins_code(message):
            self._runs = message.parent_id
            self._cells = [cell for cell in self._cells if not cell.begun]  # these have ended
        elif message.content.get("execution_state") == "idle" and self._is_of_running(message):
            self._runs = None

    def _is_of_running(self, message: Message) -> bool:
        if self._runs == _UNSEEN:
            return message.parent_header.get("msg_type") == "execute_request"
        return message.parent_id == self._runs
