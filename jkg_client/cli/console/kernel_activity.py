"""Shows deaths of the kernel, cells of other clients, and output of background threads."""

from __future__ import annotations

from typing import Callable

from attrs import define, field

from ...protocol.kernel_news import tells_of_death
from ...protocol.messages import Message
from ...protocol.outputs import Failure, OutputArea, Stream
from ...protocol.terminal import strip_ansi
from ...protocol.values import text_of
from ...rendering import text_at_once

_MOST = 10_000
"""Largest number of characters that are shown of one output of other code."""

_SHOWN = ("stream", "display_data", "execute_result", "update_display_data", "error")

DEATH = "the kernel died and was started again; variables are gone"
GONE = "the kernel died and was not started again"


@define(eq=False)
class KernelActivity:
    """Shows cells of other clients, and output of background threads, at the prompt.

    Attributes:
        tell: Shows lines, above the prompt if there is one.
        shows_others: Whether to show the cells of other clients.
        session: Session id of this client. Empty while it is unknown.
        is_running: Whether a cell of this client is running. Then other code shows its output.
        is_busy: Whether the kernel seems to run code of another client.
        is_ended: Whether the kernel has died and was not started again.
    """

    tell: Callable[[str], None]
    shows_others: bool = True
    session: str = ""
    is_running: bool = False
    is_busy: bool = False
    is_ended: bool = False
    _is_dead: bool = field(default=False, init=False)

    def hear(self, message: Message) -> bool:
        """Process a message. Returns whether no other code needs the message."""
        if message.channel != "iopub":
            return False
        if message.parent_id is None:
            self._life(message)
            return False
        if message.parent_header.get("session") == self.session:
            # Output between two cells comes from a thread or a task of an earlier cell.
            if self.is_running or message.msg_type not in _SHOWN:
                return False
            self._show(message, "")
            return True
        if message.msg_type == "status":
            self._busy(message)
        elif self.shows_others:
            self._show(message, "[other] ")
        return False

    def answered(self) -> None:
        """Note that the kernel has answered, so that a later death counts as a new one."""
        self._is_dead = False

    def _life(self, message: Message) -> None:
        if not tells_of_death(message, is_up=False):
            self._is_dead = False
            return
        self.is_busy = False
        self.is_ended = message.content.get("execution_state") == "dead"
        # Servers may report a death more than once. While a cell runs, its result reports the
        # death.
        if not (self._is_dead or self.is_running):
            self.tell(f"jkg: {GONE if self.is_ended else DEATH}")
        self._is_dead = True

    def _busy(self, message: Message) -> None:
        # Only cells count. Editors of other clients send completion requests all the time.
        if message.parent_header.get("msg_type") == "execute_request":
            self.is_busy = message.content.get("execution_state") == "busy"

    def _show(self, message: Message, prefix: str) -> None:
        if message.msg_type == "execute_input":
            self._lines(f"{prefix}>>> ", text_of(message.content.get("code")))
            return
        output = OutputArea(_MOST).feed(message.msg_type, message.content)
        if output is None:
            return
        if isinstance(output, (Stream, Failure)):
            text = output.text if isinstance(output, Stream) else output.summary
        else:
            text = text_at_once(output) or "(an image or a page)"
        self._lines(prefix, text)

    def _lines(self, prefix: str, text: str) -> None:
        shown = strip_ansi(text)[:_MOST].rstrip("\n")
        if shown:
            self.tell("\n".join(prefix + line for line in shown.split("\n")))
