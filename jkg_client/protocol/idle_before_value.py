"""Kernels that send idle before the value of the cell.

By the protocol, idle comes last. Deno sends values in a separate task, and in about one of 20 cells
idle arrives before the value. The answer to a later request always arrives after the value.
"""

from __future__ import annotations

from attrs import define, field

from .messages import Message

_KNOWN = ("deno",)


@define
class IdleBeforeValue:
    """Finds out whether a kernel sends idle before the value. Feed it every message of the kernel.

    Attributes:
        is_expected: Whether a result is complete only after the answer to a later request.
    """

    is_expected: bool = field(default=False, init=False)
    _ended: str | None = field(default=None, init=False)

    def feed(self, message: Message) -> None:
        """Process one message."""
        if message.msg_type == "kernel_info_reply":
            name = message.content.get("implementation")
            self.is_expected |= isinstance(name, str) and name.lower().startswith(_KNOWN)
        elif message.msg_type == "execute_result" and message.parent_id == self._ended:
            # Threads may print after the end of a cell, but they do not send its value.
            self.is_expected |= self._ended is not None

    def ended(self, msg_id: str) -> None:
        """Note that the kernel has sent idle for the cell ``msg_id``."""
        self._ended = msg_id
