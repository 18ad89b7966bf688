"""Messages of a running cell: to clients and, for a scripted cell, to the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...protocol.messages import Json
from .bundles import clean
from .outbox import Outbox
from .parents import current_parent
from .prompts import Prompts
from .streams import KernelStreams
from .transport import script_message


class Console:
    """Sends the messages and the input requests of a cell.

    Attributes:
        prompts: Asks the client for input.
        session: Session of the client that has sent the cell.
    """

    def __init__(self, outbox: Outbox, streams: KernelStreams) -> None:
        self.prompts: Prompts = Prompts(self._ask)
        self.prompts.install()
        self.session = ""
        self._outbox = outbox
        self._streams = streams

    def say(
        self,
        msg_type: str,
        content: Json,
        *,
        channel: str = "iopub",
        metadata: Json | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> None:
        """Send a message about the running cell, after all text that it has printed."""
        self._outbox.say(
            msg_type,
            clean(content),
            current_parent(),
            channel=channel,
            session="" if channel == "iopub" else self.session,
            metadata=clean(metadata or {}),
            buffers=buffers,
        )

    def parent(self) -> Mapping[str, Any]:
        """Header of the request that is being answered."""
        return current_parent()

    def flush(self) -> None:
        """Send all waiting messages."""
        self._streams.flush()

    def tell_gateway(self, msg_type: str, content: Json) -> None:
        """Send the gateway a message about a scripted cell."""
        self._outbox.send(script_message(msg_type, content))

    def _ask(self, question: Json) -> None:
        self.flush()
        self.say("input_request", question, channel="stdin")
