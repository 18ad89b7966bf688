"""Detects whether the kernel's process was replaced since the first cell."""

from __future__ import annotations

from attrs import define, field

from ..protocol.kernel_news import tells_of_death
from ..protocol.messages import Message


@define
class KernelProcess:
    """State of the kernel's process. Feed it every message after the kernel is ready.

    Attributes:
        session: Session id of this client.
        is_gone: Whether the first process has ended.
        is_replaced: Whether another process has answered.
    """

    session: str
    is_gone: bool = field(default=False, init=False)
    is_replaced: bool = field(default=False, init=False)
    _known: str | None = field(default=None, init=False)  # session id of the process

    def feed(self, message: Message) -> None:
        """Process one message."""
        if tells_of_death(message, is_up=True):
            self.is_gone = True
        elif message.msg_type == "status" and message.parent_header.get("session") == self.session:
            # This is the only sign of a restart if the message about it was lost with a connection.
            process = message.header.get("session")
            self.is_replaced |= self._known is not None and process != self._known
            self.is_gone |= self.is_replaced
            self._known = process if isinstance(process, str) else self._known
