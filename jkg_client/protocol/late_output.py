"""What cells say after their end."""

from __future__ import annotations

from attrs import define, field

from .messages import Message
from .outputs import OutputArea
from .values import Failure, Output


@define
class LateOutput:
    """What cells of a session say after their end: their threads, their background tasks.

    Kernels count it to the cell that ran last. Feed it every message that is not of the
    cell that runs now.
    """

    session: str
    area: OutputArea = field(factory=OutputArea)

    def feed(self, message: Message) -> Output | None:
        """Take in one message; the output it added or changed, if any."""
        if message.channel != "iopub" or message.parent_header.get("session") != self.session:
            return None
        content = message.content
        if message.msg_type == "error" and Failure.from_content(content).is_interrupt:
            return None  # how a cell ends that we gave up on
        return self.area.feed(message.msg_type, content)
