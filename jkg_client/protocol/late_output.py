"""Output of cells that have already ended."""

from __future__ import annotations

from attrs import define, field

from .messages import Message
from .outputs import OutputArea
from .values import Failure, Output


@define
class LateOutput:
    """Output that threads and background tasks of earlier cells show after the end of those cells.

    Kernels count it to the cell that ran last. Feed it every message that does not belong to the
    running cell.
    """

    session: str
    area: OutputArea = field(factory=OutputArea)

    def feed(self, message: Message) -> Output | None:
        """Process one message. Returns the output that it has added or changed, if any."""
        if message.channel != "iopub" or message.parent_header.get("session") != self.session:
            return None
        content = message.content
        if message.msg_type == "error" and Failure.from_content(content).is_interrupt:
            return None  # how a cell ends that we gave up on
        return self.area.feed(message.msg_type, content)
