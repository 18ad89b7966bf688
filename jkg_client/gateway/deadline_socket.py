"""A WebSocket that keeps deadlines. It uses ``websocket-client`` to mask its frames."""

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
from .connecting import Route, open_stream
from .handshake import HandshakeAnswer, shake_hands
from .limits import MAX_MESSAGE

SUBPROTOCOL = "Sec-WebSocket-Protocol"

_NORMAL_CLOSURE = (1000).to_bytes(2, "big")
_ANSWERING = 0.5
"""Time limit to send a pong or a close frame, in seconds."""
_AT_ONCE = 2**16
"""Largest number of bytes in one read."""


@frozen(kw_only=True)
class ChannelsAddress:
    """The address of a kernel's WebSocket, and the data for the handshake.

    Attributes:
        url: Without a token.
        headers: Including the token.
        cookie: Value of the ``Cookie`` header. None for no header.
        route: How to connect to the server.
        check: Raises an error if the kernel no longer exists. It is called while the server does
            not answer the handshake: servers wait a minute for a kernel that has died.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    cookie: str | None = field(default=None, repr=False)
    route: Route
    check: Callable[[Deadline], object] = field(default=lambda _: None, repr=False, eq=False)


class DeadlineWebSocket:
    """A WebSocket with one deadline for all reads or writes of a message.

    websocket-client is not used for reading and sending: its time limit starts again with every
    piece of a frame. websocket-client also reads each frame in three pieces, and its UTF-8 check
    takes seconds for a large image.

    Attributes:
        answer: The server's answer to the handshake.
        bytes_received: Number of received bytes, so it grows with every sign of life.

    Args:
        stream: The connection, after the handshake.
        answer: The server's answer to the handshake.
        overtime: Seconds for which a read may continue after its deadline while data arrives.
    """

    def __init__(self, stream: socket.socket, answer: HandshakeAnswer, overtime: float) -> None:
        self.answer = answer
        self.bytes_received: int = 0
        self._stream: socket.socket | None = stream
        self._frames = FrameReader(MAX_MESSAGE)
        self._overtime = overtime
        self._said_goodbye = False
        self._quickack: int | None = getattr(socket, "TCP_QUICKACK", None)
        self._poll: Callable[[int], object] | None = None
        if sys.platform != "win32":  # Windows has no poll
            poll = select.poll()
            poll.register(stream, select.POLLIN)
            self._poll = poll.poll

    @classmethod
    def opened(
        cls, address: ChannelsAddress, deadline: Deadline, overtime: float
    ) -> DeadlineWebSocket:
        """Connect before ``deadline``. ``answer`` says whether the server has accepted.

        Raises:
            HandshakeError: The answer does not come from a WebSocket server.
            OSError: The server cannot be reached. ``socket.timeout`` if the deadline passes.
            GatewayError: An error of ``address.check``.
        """
        # The answer of a server without subprotocols names none. We accept that.
        headers = {**address.headers, SUBPROTOCOL: str(Framing.V1.value)}
        if address.cookie:
            headers["Cookie"] = address.cookie
        stream = open_stream(address.route, deadline)
        try:
            answer = shake_hands(stream, address.url, headers, deadline, address.check)
            return cls(stream, answer, overtime)
        except BaseException:
            stream.close()
            raise

    def send(self, opcode: int, data: bytes, deadline: Deadline) -> None:
        """Send one message, or a control frame.

        Raises:
            OSError: The connection is broken. ``socket.timeout`` if the deadline passes.
        """
        mask = os.urandom(4)
        frame = b"".join([beginning(opcode, len(data)), mask, ABNF.mask(mask, data)])
        rest = memoryview(frame)
        while rest:
            left = deadline.left()
            if left == 0.0:
                raise socket.timeout("the server did not accept the data in time")
            stream = self._open_stream()
            stream.settimeout(left)
            rest = rest[stream.send(rest) :]

    def receive(self, deadline: Deadline, *, sign_will_do: bool = False) -> Received | None:
        """The next message. None if the deadline passes first; a part of a message is kept then.

        Pings and close frames are answered.

        Args:
            deadline: When to stop. While parts of a message arrive, it may take a little longer.
            sign_will_do: Whether to return for a ping or pong, too.

        Raises:
            ValueError: The received data is invalid.
            OSError: The connection is broken.
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
                # A server may send pings and parts of a message without end.
                overdue = overdue or deadline.later(self._overtime)
                if overdue.passed:
                    return None
            is_first_read = False
            if not self._read(deadline):
                return None

    def wait_for_input(self, wake: socket.socket, seconds: float) -> None:
        """Wait until ``receive`` may have a message, or until ``wake`` has something to read."""
        stream = self._stream
        if stream is None or (isinstance(stream, ssl.SSLSocket) and stream.pending()):
            return
        if sys.platform == "win32":  # select accepts any socket there
            select.select([stream, wake], [], [], seconds)
            return
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        poll.register(wake, select.POLLIN)
        poll.poll(1000 * seconds)

    def say_goodbye(self) -> None:
        """Send a close frame, unless one was sent before or the connection is broken."""
        if self._stream is not None and not self._said_goodbye:
            self._said_goodbye = True
            self.send(CLOSE, _NORMAL_CLOSURE, Deadline(_ANSWERING))

    def abort(self) -> None:
        """Break the connection. A thread that waits in another method gets an error at once."""
        stream = self._stream
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def shutdown(self) -> None:
        """Close the connection without a close frame. A second call does nothing."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()

    def _answer(self, received: Received) -> None:
        # Answer even if the deadline of the read has passed.
        if received.opcode == PING:
            self.send(PONG, bytes(received.data), Deadline(_ANSWERING))
        elif received.opcode == CLOSE:
            self.say_goodbye()

    def _read(self, deadline: Deadline) -> bool:
        """Whether anything has arrived before the deadline."""
        stream, left = self._open_stream(), deadline.left()
        if left == 0.0 and not self._has_input(stream):
            return False  # raising an exception would take longer
        stream.settimeout(left)
        # Tornado's small writes wait until earlier data is acknowledged (Nagle's algorithm), and
        # operating systems delay acknowledgements by 40 ms or more.
        if self._quickack is not None:
            # Linux resets the option, so it is set each time. A `with` would double the time.
            try:  # noqa: SIM105
                stream.setsockopt(socket.IPPROTO_TCP, self._quickack, 1)
            except OSError:
                pass  # not a TCP socket, or a broken one, from which reading fails
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
            # A pong carries the acknowledgement. The protocol allows a pong without a ping.
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
