"""The cells that a kernel has been given, and what its reader is told of them.

Readers wait for the reply and for idle, without limit. Both reach them here, also where one of
them was lost on the way; and the reply comes last, so that no output is missed.
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
    """Cells that run or wait, in the order in which they were sent."""

    _cells: dict[str, _Cell] = field(factory=dict)

    @property
    def are_pending(self) -> bool:
        """Whether any cell has not ended."""
        return bool(self._cells)

    @property
    def are_ending(self) -> bool:
        """Whether a cell has one of its two ends, so that the other should follow at once."""
        return any(cell.is_ending for cell in self._cells.values())

    def sent(self, request: Message) -> None:
        """Take in a request."""
        if request.msg_type == "execute_request":
            self._cells[request.msg_id] = _Cell(request, MessageGaps(request.msg_id))

    def clear(self) -> None:
        """Their kernel is no more."""
        self._cells.clear()

    def skip(self, gap: Gap) -> None:
        """Take in a gap."""
        for cell in self._cells.values():
            cell.gaps.skip(gap)

    def feed(self, message: Message) -> list[Message]:
        """What the reader gets now that ``message`` has come."""
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
        """A question is asked, which the kernel answers after these cells."""
        for cell in self._cells.values():
            cell.is_marked = True

    def overtaken(self) -> list[Message]:
        """What the reader gets when the kernel has answered the question.

        Marked cells that have not ended have lost their ends.
        """
        cells = [cell for cell in self._cells.values() if cell.is_marked]
        return [message for cell in cells for message in self._ended(cell)]

    def _ended(self, cell: _Cell) -> list[Message]:
        del self._cells[cell.request.msg_id]
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


_REASON = "the kernel is done with the cell; its answer was lost, so nobody knows how it ended"
_UNKNOWN: Json = {"ename": "NoReply", "evalue": _REASON, "traceback": [f"NoReply: {_REASON}"]}


def _is_idle(message: Message) -> bool:
    return message.msg_type == "status" and message.content.get("execution_state") == "idle"


def _said(cell: _Cell, msg_type: str, content: Json) -> Message:
    header = new_header(msg_type, str(cell.request.header["session"]))
    return Message(
        channel="iopub", header=header, parent_header=cell.request.header, content=content
    )
