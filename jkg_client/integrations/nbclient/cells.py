"""Follows the cells that were sent to a kernel, and completes their messages.

A reader such as nbclient waits without limit for the reply and for idle. If one of them was lost,
it is replaced here. The reply is delivered last, so that the reader misses no output.
"""

from __future__ import annotations

from attrs import define, evolve, field

from ...protocol.message_gaps import Gap, MessageGaps
from ...protocol.messages import Json, Message, new_header
from ...protocol.result import Truncation


@define
class _Cell:
    request: Message
    gaps: MessageGaps
    reply: Message | None = None
    idle: Message | None = None
    is_marked: bool = False

    @property
    def is_ending(self) -> bool:
        return self.reply is not None or self.idle is not None


@define
class Cells:
    """Cells that are running or waiting, in the order in which they were sent."""

    _cells: dict[str, _Cell] = field(factory=dict)
    _position: tuple[str, int] = ("", 0)  # of the last cell that has ended

    @property
    def are_pending(self) -> bool:
        """Whether any cell has not ended."""
        return bool(self._cells)

    @property
    def are_ending(self) -> bool:
        """Whether the reply or idle of a cell has arrived, so that the other should follow."""
        return any(cell.is_ending for cell in self._cells.values())

    def sent(self, request: Message) -> None:
        """Note a request that was sent."""
        if request.msg_type == "execute_request":
            cell = _Cell(request, MessageGaps(request.msg_id))
            cell.gaps.begin_cell(request, self._position)
            self._cells[request.msg_id] = cell

    def clear(self) -> None:
        """Forget all cells, because their kernel has ended."""
        self._cells.clear()

    def skip(self, gap: Gap) -> None:
        """Note a gap in the messages."""
        for cell in self._cells.values():
            cell.gaps.skip(gap)

    def feed(self, message: Message) -> list[Message]:
        """Process ``message``, and return the messages for the reader."""
        for each in self._cells.values():
            each.gaps.feed(message)
        cell = self._cells.get(message.parent_id or "")
        if cell is None:
            return [message]
        if message.channel == "shell":
            cell.reply = message
        elif _is_idle(message):
            cell.idle = message
        else:
            return [message]
        if cell.reply is None or cell.idle is None:
            return []
        return self._ended(cell)

    def mark(self) -> None:
        """Note that a later request was sent. The kernel answers it after these cells."""
        for cell in self._cells.values():
            cell.is_marked = True

    def overtaken(self) -> list[Message]:
        """The messages for the reader when the kernel has answered the request of ``mark``.

        The cells before that request have ended, too, even if their reply or idle was lost.
        """
        cells = [cell for cell in self._cells.values() if cell.is_marked]
        for cell in cells:
            cell.gaps.overtake()
        return [message for cell in cells for message in self._ended(cell)]

    def _ended(self, cell: _Cell) -> list[Message]:
        del self._cells[cell.request.msg_id]
        self._position = cell.gaps.position
        messages = []
        lost = Truncation(messages=cell.gaps.missing, connection_lost=cell.gaps.may_lack)
        if lost != Truncation():
            messages.append(_said(cell, "stream", {"name": "stderr", "text": f"[{lost}]\n"}))
        if cell.reply is None:
            messages.append(_said(cell, "error", _UNKNOWN))
        reply = cell.reply or evolve(
            _said(cell, "execute_reply", {"status": "error", "execution_count": None, **_UNKNOWN}),
            channel="shell",
        )
        idle = cell.idle or _said(cell, "status", {"execution_state": "idle"})
        return [*messages, idle, reply]


_REASON = "the cell has ended, but its reply was lost, so its result is unknown"
_UNKNOWN: Json = {"ename": "NoReply", "evalue": _REASON, "traceback": [f"NoReply: {_REASON}"]}


def _is_idle(message: Message) -> bool:
    return message.msg_type == "status" and message.content.get("execution_state") == "idle"


def _said(cell: _Cell, msg_type: str, content: Json) -> Message:
    header = new_header(msg_type, str(cell.request.header["session"]))
    return Message(
        channel="iopub", header=header, parent_header=cell.request.header, content=content
    )
