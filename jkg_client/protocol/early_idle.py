"""Kernels that say idle before the value of the cell has come.

The protocol has idle last. Deno sends values by a task of its own, which idle overtakes in about
one of 20 cells; the answer to a later request never overtakes them.
"""

from __future__ import annotations

from attrs import define, field

from .messages import Message

_KNOWN = ("deno",)


@define
class EarlyIdle:
    """Whether the kernel is such a one. Feed it every message of the kernel.

    Attributes:
        is_expected: After idle and reply, a result is whole only when a later request was answered.
    """

    is_expected: bool = field(default=False, init=False)
    _ended: str | None = field(default=None, init=False)

    def feed(self, message: Message) -> None:
        """Take in one message."""
        if message.msg_type == "kernel_info_reply":
            name = message.content.get("implementation")
            self.is_expected |= isinstance(name, str) and name.lower().startswith(_KNOWN)
        elif message.msg_type == "execute_result" and message.parent_id == self._ended:
            # Threads print after the end of a cell, but none of them gives it its value.
            self.is_expected |= self._ended is not None

    def ended(self, msg_id: str) -> None:
        """The kernel has said that it is done with the cell ``msg_id``."""
        self._ended = msg_id
