"""The messages that a kernel has not sent yet.

A separate thread sends them. The thread that runs cells must not send: an interrupt can come there
at any moment, so that only half a message would be sent.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Mapping
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Any, Callable, Union

from attrs import evolve, frozen

from ...protocol.messages import Json, Message, new_header
from .transport import SCRIPT, MessageSocket

GATHER = 0.02
"""Text that is printed within this number of seconds becomes one message."""

BACKLOG = 100_000
"""With this number of waiting messages, a thread that adds a message has to wait."""

Parent = Mapping[str, Any]


@frozen
class Text:
    """A part of a stream."""

    name: str
    text: str
    parent: Parent


@frozen
class Sealed:
    """A message, and the session to which it is sent. Empty for all sessions."""

    message: Message
    session: str


Item = Union[Text, Sealed, Callable[[], None]]


class Outbox:
    """Accepts messages in any thread, and sends them in order."""

    def __init__(self, transport: MessageSocket, session: str) -> None:
        self.session = session
        # Kernels number their messages, so clients can notice missing messages.
        self._ids = (f"{session}_{os.getpid()}_{number}" for number in itertools.count())
        self._transport = transport
        self._items: SimpleQueue[Item] = SimpleQueue()
        self._texts: list[Text] = []
        self._oldest = 0.0
        self._muted: set[str] = set()
        self._thread = threading.Thread(target=self._serve, name="jkg outbox", daemon=True)
        self._thread.start()

    def print(self, name: str, text: str, parent: Parent) -> None:
        """Queue ``text`` of the stream ``name``. It is sent a moment later."""
        self._put(Text(name, text, parent))

    def say(
        self,
        msg_type: str,
        content: Json,
        parent: Parent,
        *,
        channel: str = "iopub",
        session: str = "",
        metadata: Json | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> None:
        """Send a message, after all text that was printed before."""
        message = Message(
            channel=channel,
            header={**new_header(msg_type, self.session), "username": "kernel"},
            parent_header=parent,
            metadata=metadata or {},
            content=content,
            buffers=buffers,
        )
        self._put(Sealed(message, session))

    def send(self, message: Message) -> None:
        """Send a complete message to the gateway."""
        self._put(Sealed(message, ""))

    def flush(self, timeout: float = 10.0) -> None:
        """Wait until all printed text and all messages so far are sent."""
        if threading.current_thread() is not self._thread:
            sent = threading.Event()
            self._items.put(sent.set)
            sent.wait(timeout)

    def mute(self, channel: str) -> None:
        """Send nothing on ``channel`` any more."""
        self._muted.add(channel)

    def _put(self, item: Item) -> None:
        while self._items.qsize() > BACKLOG:
            time.sleep(0.001)
        self._items.put(item)

    def _serve(self) -> None:
        try:
            while True:
                self._step()
        except OSError:
            # The gateway has ended, so end, too.
            os._exit(1)

    def _step(self) -> None:
        try:
            left = max(self._oldest + GATHER - time.monotonic(), 0)
            item = self._items.get(timeout=left if self._texts else None)
        except Empty:
            self._send_texts()
            return
        if isinstance(item, Text):
            self._oldest = self._oldest if self._texts else time.monotonic()
            self._texts.append(item)
            if time.monotonic() > self._oldest + GATHER:
                self._send_texts()
            return
        self._send_texts()
        if isinstance(item, Sealed):
            self._send(item)
        else:
            item()

    def _send_texts(self) -> None:
        texts, self._texts = self._texts, []
        for (name, _), same in groupby(texts, key=lambda text: (text.name, id(text.parent))):
            pieces = tuple(same)
            header = {**new_header("stream", self.session), "username": "kernel"}
            content = {"name": name, "text": "".join(piece.text for piece in pieces)}
            parent = pieces[0].parent
            message = Message(channel="iopub", header=header, parent_header=parent, content=content)
            self._send(Sealed(message, ""))

    def _send(self, sealed: Sealed) -> None:
        message = sealed.message
        if message.channel != SCRIPT:
            message = evolve(message, header={**message.header, "msg_id": next(self._ids)})
        if message.channel not in self._muted:
            self._transport.send(message, sealed.session)
