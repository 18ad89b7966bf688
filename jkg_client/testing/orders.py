"""The order of reply and output, which varies, because real kernels use two sockets for them."""

from __future__ import annotations

from typing import Literal

from ..protocol.messages import Message

Order = Literal["before idle", "after idle", "before output"]

Addressed = tuple[Message, str]
"""A message, and the session that should receive it."""


class Reordering:
    """Puts a kernel's messages into one of the orders of real kernels."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._held: list[Addressed] = []

    def feed(self, message: Message, session: str) -> list[Addressed]:
        """The messages to send now, after the kernel has sent ``message``."""
        said = [(message, session)]
        if self._order == "after idle":
            if message.msg_type == "execute_reply":
                self._held += said
                return []
            return said + (self.release() if _is_idle(message) else [])
        if self._order == "before output":
            if message.msg_type == "execute_reply":
                return said + self.release()
            if message.channel == "iopub" and message.msg_type not in {"status", "execute_input"}:
                released, self._held = self._held, said
                return released
            return self.release() + said
        return said

    def release(self) -> list[Addressed]:
        """The messages that were held back. Send them now."""
        released, self._held = self._held, []
        return released


def _is_idle(message: Message) -> bool:
    return message.msg_type == "status" and message.content.get("execution_state") == "idle"
