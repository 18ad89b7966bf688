"""The ZeroMQ sockets of one client of one kernel process.

The types of the sockets:
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
"""Milliseconds between two attempts to connect to a kernel that is starting."""


@define(eq=False)
class KernelSockets:
    """Sockets of some channels, with their own ZeroMQ context. One thread at a time may use them.

    Attributes:
        info: Addresses and key of the kernel.
        rejected: Number of forged, unsigned or replayed messages so far.
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
        """Open the sockets. They connect as soon as the kernel listens.

        Raises:
            GatewayUnreachable: The system allows this process no more sockets.
        """
        # A separate context can be destroyed without closing other sockets of the program.
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
                raise GatewayUnreachable(f"cannot open sockets to the kernel: {exc}") from exc
            raise
        return cls(info, context, sockets)

    def send(self, message: Message) -> None:
        """Send ``message`` on its channel. ZeroMQ keeps it until the kernel is connected.

        Raises:
            ValueError: JSON cannot express the message, or there is no such channel. Nothing was
                sent.
        """
        one = self._sockets.get(message.channel)
        if one is None:
            raise ValueError(f"cannot send a message on channel {message.channel!r}")
        one.send_multipart(encode(message, self.info.key), zmq.NOBLOCK, copy=True)

    def receive(self, seconds: float) -> Incoming | None:
        """The next message, or a gap for an unreadable message. None if nothing arrives in time."""
        if not self._ready:
            # One message of each channel, so that a busy channel does not delay the others.
            for one, _ in self._poller.poll(math.ceil(seconds * 1000)):
                self._take(self._channel_of[one], one)
        return self._ready.popleft() if self._ready else None

    def beats(self) -> bool:
        """Send a heartbeat. Returns whether the last heartbeat was answered; True for the first."""
        heart = self._heart
        if heart is None:
            heart = self._heart = self._context.socket(zmq.DEALER)
            heart.setsockopt(zmq.LINGER, 0)
            heart.connect(self.info.address("hb"))
        elif not heart.poll(0):
            return False
        else:
            heart.recv_multipart(zmq.NOBLOCK)
        # The format of a REQ socket. A REQ socket itself could not send again without an answer.
        heart.send_multipart([b"", b"ping"], zmq.NOBLOCK)
        return True

    def close(self) -> None:
        """Close all sockets at once. Unsent messages are dropped. A second call does nothing.

        In a forked child this has no effect, because pyzmq compares process ids.
        """
        self._context.destroy(linger=0)

    def _take(self, channel: str, one: zmq.Socket[bytes]) -> None:
        parts = one.recv_multipart(zmq.NOBLOCK, copy=True)
        try:
            verify(parts, self.info.key)
            self._seen.check(parts)
        except WireError as exc:
            self.rejected += 1
            _log.warning("dropped a message that the kernel has not signed: %s", exc)
            return
        try:
            self._ready.append(parse(parts, channel))
        except WireError as exc:
            _log.warning("ignored a frame that is not a Jupyter message: %s", exc)
            self._ready.append(Gap(unread=1))


def _prepare(one: zmq.Socket[bytes], session: str, channel: str) -> None:
    one.setsockopt(zmq.LINGER, 0)
    # No limits: messages wait in the queue while nobody reads them.
    one.setsockopt(zmq.RCVHWM, 0)
    one.setsockopt(zmq.SNDHWM, 0)
    one.setsockopt(zmq.RECONNECT_IVL, _KNOCKING)
    if channel == "iopub":
        one.setsockopt(zmq.SUBSCRIBE, b"")
    else:
        # The kernel sends input requests on stdin to the identity that sent the cell on shell.
        one.setsockopt(zmq.IDENTITY, session.encode("ascii"))
