"""Whether the kernel is still the process that the notebook began with."""

from __future__ import annotations

from attrs import define, field

from ..protocol.exchange import tells_of_death
from ..protocol.messages import Message


@define
class KernelProcess:
    """Feed it every message that comes once the kernel is ready.

    Attributes:
        session: Our session id.
        is_gone: The process that we knew is gone.
        is_replaced: Another process has answered us.
    """

    session: str
    is_gone: bool = field(default=False, init=False)
    is_replaced: bool = field(default=False, init=False)
    _known: str | None = field(default=None, init=False)  # session id of the process

    def feed(self, message: Message) -> None:
        """Take in one message."""
        if tells_of_death(message, is_up=True):
            self.is_gone = True
        elif message.msg_type == "status" and message.parent_header.get("session") == self.session:
            # Of a restart that was told to a broken line this is the only sign.
            process = message.header.get("session")
            self.is_replaced |= self._known is not None and process != self._known
            self.is_gone |= self.is_replaced
            self._known = process if isinstance(process, str) else self._known
