"""What a fake kernel has said and not yet sent."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Iterable
from typing import Callable

from attrs import evolve, field, frozen

from ..protocol.messages import Json, Message, new_header, new_session

BACKLOG = 100_000
"""A cell that says more than this before it can be sent has to wait."""


@frozen
class Request:
    """A message from a client, and the session on whose socket the answer goes."""

    message: Message
    session: str


@frozen(kw_only=True)
class Said:
    """A message to be; ``request`` is what it answers."""

    request: Request | None
    msg_type: str
    content: Json
    channel: str = "iopub"
    metadata: Json = field(factory=dict)
    buffers: tuple[bytes, ...] = ()


Deliver = Callable[[Message, "str | None"], None]
"""Sends a message to the socket of a session, to all sockets for None."""


class Outbox:
    """Said by cells, in their threads; sent by the kernel, in its own.

    Cells only append, and lock nothing: an interrupt may strike while they do, and would
    leave the lock closed.
    """

    def __init__(self, deliver: Deliver) -> None:
        self.session = new_session()
        # Kernels number what they send, by which clients know whether something is missing.
        self._ids = (f"{self.session}_{os.getpid()}_{number}" for number in itertools.count())
        self._deliver = deliver
        self._said: deque[Said] = deque()
        self._held: list[Said] = []
        self._announced = False
        self._closed = False
        self._muted: set[str] = set()

    @property
    def is_empty(self) -> bool:
        """Whether all that was said has been sent."""
        return not self._said and not self._held

    def append(self, said: Said) -> bool:
        """Say something, in any thread; whether it is the first since the last ``gather``."""
        while len(self._said) > BACKLOG and not self._closed:
            time.sleep(0.001)
        if not self._closed:
            self._said.append(said)
        was_announced, self._announced = self._announced, True
        return not was_announced

    def gather(self) -> list[Said]:
        """Take out what was said; texts for one stream, one after the other, are joined."""
        # Before anything is taken out: what is said from now on is announced anew.
        self._announced = False
        said, self._held = self._held, []
        # Not until it is empty: a cell may fill it as fast.
        for _ in range(len(self._said)):
            said.append(self._said.popleft())
        return [one for _, run in itertools.groupby(said, _stream) for one in _joined(list(run))]

    def send_all(self, *, but_last: bool = False) -> None:
        """Send what was said; ``but_last`` keeps the last of it for later."""
        said = self.gather()
        self._held = said[-1:] if but_last else []
        for one in said[: len(said) - len(self._held)]:
            self.send(one)

    def send(self, said: Said) -> None:
        """Send ``said`` now."""
        if self._closed or said.channel in self._muted:
            return
        message = Message(
            channel=said.channel,
            header={
                **new_header(said.msg_type, self.session),
                "msg_id": next(self._ids),
                "username": "kernel",
            },
            parent_header=said.request.message.header if said.request else {},
            metadata=said.metadata,
            content=said.content,
            buffers=said.buffers,
        )
        to_all = said.channel == "iopub" or said.request is None
        self._deliver(message, None if to_all or said.request is None else said.request.session)

    def mute(self, channel: str) -> None:
        """Send nothing on ``channel`` any more."""
        self._muted.add(channel)

    def close(self) -> None:
        """Send nothing any more."""
        self._closed = True
        self._said.clear()


def _stream(said: Said) -> tuple[str, int] | int:
    if said.msg_type == "stream":
        return said.content["name"], id(said.request)
    return id(said)


def _joined(run: list[Said]) -> Iterable[Said]:
    if len(run) == 1:
        return run
    text = "".join(one.content["text"] for one in run)
    return [evolve(run[0], content={**run[0].content, "text": text})]
