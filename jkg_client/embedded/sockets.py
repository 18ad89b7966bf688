"""The ZeroMQ sockets of one client of one kernel process.

Which socket is of which kind:
https://jupyter-client.readthedocs.io/en/stable/messaging.html#introduction
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Iterable, Mapping

import zmq
from attrs import define, field

from ..client.channels import Incoming
from ..errors import GatewayUnreachable, WireError
from ..protocol.message_gaps import Gap
from ..protocol.messages import Message
from ..protocol.zmq_wire import SeenSignatures, encode, parse, verify
from .connection_file import ConnectionInfo

_log = logging.getLogger("jkg_client")

_KINDS = {"shell": zmq.DEALER, "stdin": zmq.DEALER, "control": zmq.DEALER, "iopub": zmq.SUB}
_KNOCKING = 5
"""Milliseconds between tries to reach a kernel that is not up yet."""


@define(eq=False)
class KernelSockets:
    """Sockets of some channels in a context of their own, for one thread at a time.

    Attributes:
        info: Where the kernel listens.
        rejected: How many messages came that were forged, unsigned or replayed.
    """

    info: ConnectionInfo
    rejected: int = field(default=0, init=False)
    _context: zmq.Context[zmq.Socket[bytes]]
    _sockets: Mapping[str, zmq.Socket[bytes]]
    _poller: zmq.Poller = field(factory=zmq.Poller, init=False)
    _channel_of: Mapping[zmq.Socket[bytes], str] = field(init=False)
    _heart: zmq.Socket[bytes] | None = field(default=None, init=False)
    _seen: SeenSignatures = field(factory=SeenSignatures, init=False)
    _ready: deque[Incoming] = field(factory=deque, init=False)

    def __attrs_post_init__(self) -> None:
        self._channel_of = {one: channel for channel, one in self._sockets.items()}
        for one in self._channel_of:
            self._poller.register(one, zmq.POLLIN)

    @classmethod
    def connected(
        cls, info: ConnectionInfo, session: str, channels: Iterable[str] = tuple(_KINDS)
    ) -> KernelSockets:
        """Sockets that reach for the kernel, which need not be up yet.

        Raises:
            GatewayUnreachable: This process may have no more sockets.
        """
        # Ending a context of our own ends nothing of the program's.
        context = zmq.Context()
        sockets: dict[str, zmq.Socket[bytes]] = {}
        try:
            for channel in channels:
                one = sockets[channel] = context.socket(_KINDS[channel])
                _prepare(one, session, channel)
                one.connect(info.address(channel))
        except BaseException as exc:
            context.destroy(linger=0)
            if isinstance(exc, zmq.ZMQError):
                raise GatewayUnreachable(f"no sockets for the kernel: {exc}") from exc
            raise
        return cls(info, context, sockets)

    def send(self, message: Message) -> None:
        """Send ``message`` on its channel. It waits here for a kernel that is not up yet.

        Raises:
            ValueError: JSON cannot say it, or there is no such channel. Nothing was sent.
        """
        one = self._sockets.get(message.channel)
        if one is None:
            raise ValueError(f"nothing can be sent on {message.channel!r}")
        one.send_multipart(encode(message, self.info.key), zmq.NOBLOCK, copy=True)

    def receive(self, seconds: float) -> Incoming | None:
        """The next message; a gap for one that cannot be read; None if none comes in time."""
        if not self._ready:
            # One of each, so that none waits for another one's flood.
            for one, _ in self._poller.poll(math.ceil(seconds * 1000)):
                self._take(self._channel_of[one], one)
        return self._ready.popleft() if self._ready else None

    def beats(self) -> bool:
        """Whether the last heartbeat was answered, if there was one; the next is sent."""
        heart = self._heart
        if heart is None:
            heart = self._heart = self._context.socket(zmq.DEALER)
            heart.setsockopt(zmq.LINGER, 0)
            heart.connect(self.info.address("hb"))
        elif not heart.poll(0):
            return False
        else:
            heart.recv_multipart(zmq.NOBLOCK)
        # As a REQ socket sends it, but that would insist on the answer before the next one.
        heart.send_multipart([b"", b"ping"], zmq.NOBLOCK)
        return True

    def close(self) -> None:
        """Close all at once; what has not left is not sent. May be called twice.

        In a child that was forked it touches nothing: pyzmq compares process ids.
        """
        self._context.destroy(linger=0)

    def _take(self, channel: str, one: zmq.Socket[bytes]) -> None:
        parts = one.recv_multipart(zmq.NOBLOCK, copy=True)
        try:
            verify(parts, self.info.key)
            self._seen.check(parts)
        except WireError as exc:
            self.rejected += 1
            _log.warning("dropped what is not from the kernel: %s", exc)
            return
        try:
            self._ready.append(parse(parts, channel))
        except WireError as exc:
            _log.warning("ignored a frame that is not a Jupyter message: %s", exc)
            self._ready.append(Gap(unread=1))


def _prepare(one: zmq.Socket[bytes], session: str, channel: str) -> None:
    one.setsockopt(zmq.LINGER, 0)
    # No limit: what comes while nobody listens waits here.
    one.setsockopt(zmq.RCVHWM, 0)
    one.setsockopt(zmq.SNDHWM, 0)
    one.setsockopt(zmq.RECONNECT_IVL, _KNOCKING)
    if channel == "iopub":
        one.setsockopt(zmq.SUBSCRIBE, b"")
    else:
        # The kernel asks for input on stdin by the identity that sent the cell on shell.
        one.setsockopt(zmq.IDENTITY, session.encode("ascii"))
