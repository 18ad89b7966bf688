"""Output of cells that have already ended."""

from __future__ import annotations

from attrs import define, field

from .bounded_output import MAX_OUTPUT
from .messages import Message
from .outputs import OutputArea
from .values import Failure, Output


@define
class LateOutput:
    """Output that threads and background tasks of earlier cells show after the end of those cells.

    Kernels report it as output of the cell that ran last. Feed this object every message that does
    not belong to the running cell.

    Attributes:
        session: Our session id.
        max_output: Number of characters of this output that are kept.
    """

    session: str
    max_output: int = MAX_OUTPUT
    _area: OutputArea | None = field(default=None, init=False)  # None while there is no output

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The output since the last ``take``."""
        return () if self._area is None else self._area.outputs

    def take(self, max_output: int) -> OutputArea | None:
        """Take the output since the last call. ``max_output`` is the limit for later output."""
        area, self._area, self.max_output = self._area, None, max_output
        return area

    def feed(self, message: Message) -> Output | None:
        """Process one message. Returns the output that it has added or changed, if any."""
        if message.channel != "iopub" or message.parent_header.get("session") != self.session:
            return None
        content = message.content
        if message.msg_type == "error" and Failure.from_content(content).is_interrupt:
            return None  # the end of a cell that was given up
        if self._area is None:
            self._area = OutputArea(self.max_output)
        return self._area.feed(message.msg_type, content)
