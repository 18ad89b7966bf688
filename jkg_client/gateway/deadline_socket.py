"""A WebSocket that keeps deadlines. ``websocket-client`` masks what it sends."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import sys
from collections.abc import Callable, Mapping

from attrs import field, frozen
from websocket import ABNF

from ..client.deadline import Deadline
from ..protocol.frames import BINARY, CLOSE, PING, PONG, FrameReader, Received, beginning
from ..protocol.wire import Framing
from .bounds import MAX_MESSAGE, OVERTIME
from .handshake import HandshakeAnswer, shake_hands
from .opening import Route, open_stream

SUBPROTOCOL = "Sec-WebSocket-Protocol"

_NORMAL_CLOSURE = (1000).to_bytes(2, "big")
_ANSWERING = 0.5
"""Seconds that sending a pong or a goodbye may take."""
_AT_ONCE = 2**16
"""Bytes of a read at most."""


@frozen(kw_only=True)
class ChannelsAddress:
    """Where a kernel's WebSocket is and what the handshake needs.

    Attributes:
        url: Without a token.
        headers: The token among them.
        cookie: What the ``Cookie`` header says; None for none.
        route: How to get to the server.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    cookie: str | None = field(default=None, repr=False)
    route: Route


class DeadlineWebSocket:
    """Keeps one deadline over all the reads or writes that a message takes.

    That is why websocket-client neither reads nor sends: its time limit starts anew with every
    piece of a frame. It also reads each frame in three pieces, and its check of UTF-8 takes seconds
    for a large image.

    Attributes:
        answer: Whether the server agreed to the handshake.
        bytes_received: Grows with every sign of life.

    Args:
        stream: The connection, on which the handshake is over.
        answer: What came of the handshake.
    """

    def __init__(self, stream: socket.socket, answer: HandshakeAnswer) -> None:
        self.answer = answer
        self.bytes_received = 0
        self._stream: socket.socket | None = stream
        self._frames = FrameReader(MAX_MESSAGE)
        self._said_goodbye = False
        self._quickack: int | None = getattr(socket, "TCP_QUICKACK", None)
        self._poll: Callable[[int], object] | None = None
        if sys.platform != "win32":  # it has no poll
            poll = select.poll()
            poll.register(stream, select.POLLIN)
            self._poll = poll.poll

    @classmethod
    def opened(cls, address: ChannelsAddress, deadline: Deadline) -> DeadlineWebSocket:
        """A new one, connected before ``deadline``; ``answer`` says whether the server agreed.

        Raises:
            HandshakeError: It is not a WebSocket server.
            OSError: It is away; ``socket.timeout`` if the deadline passes.
        """
        # A server that knows no subprotocol answers without one, which is fine.
        headers = {**address.headers, SUBPROTOCOL: str(Framing.V1.value)}
        if address.cookie:
            headers["Cookie"] = address.cookie
        stream = open_stream(address.route, deadline)
        try:
            return cls(stream, shake_hands(stream, address.url, headers, deadline))
        except BaseException:
            stream.close()
            raise

    def send(self, opcode: int, data: bytes, deadline: Deadline) -> None:
        """Send one message, or a control frame.

        Raises:
            OSError: The connection is gone; ``socket.timeout`` if the deadline passes.
        """
        mask = os.urandom(4)
        frame = b"".join([beginning(opcode, len(data)), mask, ABNF.mask(mask, data)])
        rest = memoryview(frame)
        while rest:
            left = deadline.left()
            if left == 0.0:
                raise socket.timeout("nothing taken in time")
            stream = self._open_stream()
            stream.settimeout(left)
            rest = rest[stream.send(rest) :]

    def receive(self, deadline: Deadline, *, sign_will_do: bool = False) -> Received | None:
        """The next message; None when the deadline passes first. A part of one is kept.

        Pings and goodbyes are answered.

        Args:
            deadline: When to give up, soon after it if parts of something keep coming.
            sign_will_do: A ping or pong is returned, too.

        Raises:
            ValueError: What comes makes no sense.
            OSError: The connection is gone.
        """
        overdue: Deadline | None = None
        is_first_read = True
        while True:
            received = self._frames.next()
            if received is not None:
                if received.opcode > BINARY:
                    self._answer(received)
                if sign_will_do or received.opcode not in (PING, PONG):
                    return received
                continue
            if not is_first_read:
                # Pings and parts of a message may never end.
                overdue = overdue or deadline.later(OVERTIME)
                if overdue.passed:
                    return None
            is_first_read = False
            if not self._read(deadline):
                return None

    def wait_for_input(self, wake: socket.socket, seconds: float) -> None:
        """Wait until ``receive``, which had nothing, may have more, or ``wake`` has some input."""
        stream = self._stream
        if stream is None or (isinstance(stream, ssl.SSLSocket) and stream.pending()):
            return
        if sys.platform == "win32":  # its select takes any socket
            select.select([stream, wake], [], [], seconds)
            return
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        poll.register(wake, select.POLLIN)
        poll.poll(1000 * seconds)

    def say_goodbye(self) -> None:
        """Tell the server that this is the end, unless it was told or the connection is gone."""
        if self._stream is not None and not self._said_goodbye:
            self._said_goodbye = True
            self.send(CLOSE, _NORMAL_CLOSURE, Deadline(_ANSWERING))

    def abort(self) -> None:
        """Break the connection. A thread that waits in another method sees it at once."""
        stream = self._stream
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def shutdown(self) -> None:
        """Close the connection without a word; may be called twice."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()

    def _answer(self, received: Received) -> None:
        # A read whose time is up still answers what it has read.
        if received.opcode == PING:
            self.send(PONG, received.data, Deadline(_ANSWERING))
        elif received.opcode == CLOSE:
            self.say_goodbye()

    def _read(self, deadline: Deadline) -> bool:
        """Whether anything came before the deadline."""
        stream, left = self._open_stream(), deadline.left()
        if left == 0.0 and not self._has_input(stream):
            return False  # without an exception, which would cost more
        stream.settimeout(left)
        # Tornado's small writes wait until what came before is acknowledged, and systems like
        # to wait 40 ms or more for something to send that with.
        if self._quickack is not None:
            # Linux forgets it: set again each time. A `with` for each read would cost as much.
            try:  # noqa: SIM105
                stream.setsockopt(socket.IPPROTO_TCP, self._quickack, 1)
            except OSError:
                pass  # a socket that is not of TCP, or broken: reading tells
        try:
            data = stream.recv(_AT_ONCE)
        except (socket.timeout, BlockingIOError, ssl.SSLWantReadError):
            return False
        if not data:
            self.shutdown()
            raise ConnectionError("the server closed the connection")
        self.bytes_received += len(data)
        self._frames.feed(data)
        if self._quickack is None:
            # Something to send it with: a pong that nobody asked for is allowed.
            with contextlib.suppress(OSError):
                self.send(PONG, b"", Deadline(_ANSWERING))
        return True

    def _has_input(self, stream: socket.socket) -> bool:
        if self._poll is None or (isinstance(stream, ssl.SSLSocket) and stream.pending()):
            return True
        return bool(self._poll(0))

    def _open_stream(self) -> socket.socket:
        if self._stream is None:
            raise ConnectionError("the connection is closed")
        return self._stream
