"""A WebSocket that keeps deadlines, by ``websocket-client``."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from typing import Any

import websocket
from attrs import field, frozen

from ..client.deadline import Deadline
from ..protocol.frames import CLOSE, PING, PONG, FrameReader, Received
from ..protocol.wire import Framing
from .bounds import MAX_MESSAGE, OVERTIME
from .handshake import HandshakeAnswer, shake_hands
from .opening import Route, open_stream

SUBPROTOCOL = "Sec-WebSocket-Protocol"

_SIGNS_OF_LIFE = (PING, PONG)
_ANSWERS = (websocket.ABNF.OPCODE_PONG, websocket.ABNF.OPCODE_CLOSE)
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


class DeadlineWebSocket(websocket.WebSocket):
    """Keeps one deadline over all the reads or writes that a message takes.

    websocket-client sends. It does not read: its time limit starts anew with every piece of a
    frame, of which it reads three, and its check of UTF-8 takes seconds for a large image.
    """

    deadline: Deadline = Deadline(None)
    """For what is sent."""
    bytes_received: int = 0
    answer: HandshakeAnswer = HandshakeAnswer(0, {})
    _poll: Callable[[int], object] | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._frames = FrameReader(MAX_MESSAGE)

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
            answer = shake_hands(stream, address.url, headers, deadline)
        except BaseException:
            stream.close()
            raise
        opened = cls(enable_multithread=False)
        opened.sock, opened.answer, opened.connected = stream, answer, True
        if sys.platform != "win32":  # it has no poll
            poll = select.poll()
            poll.register(stream, select.POLLIN)
            opened._poll = poll.poll
        return opened

    def receive(self, deadline: Deadline, *, sign_will_do: bool = False) -> Received | None:
        """The next message; None when the deadline passes first. A part of one is kept.

        Pings and goodbyes are answered.

        Args:
            deadline: When to give up, soon after it if parts of something keep coming.
            sign_will_do: A ping or pong is returned, too.

        Raises:
            ValueError: What comes makes no sense.
            OSError: The connection is gone; or as websocket-client says it.
        """
        overdue: Deadline | None = None
        is_first_read = True
        while True:
            received = self._frames.next()
            if received is not None:
                self._answer(received)
                if sign_will_do or received.opcode not in _SIGNS_OF_LIFE:
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
        if self.sock is None or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return
        if sys.platform == "win32":  # its select takes any socket
            select.select([self.sock, wake], [], [], seconds)
            return
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        poll.register(wake, select.POLLIN)
        poll.poll(1000 * seconds)

    def _answer(self, received: Received) -> None:
        if received.opcode == PING:
            self.pong(received.data)
        elif received.opcode == CLOSE:
            self.send_close()

    def _read(self, deadline: Deadline) -> bool:
        """Whether anything came before the deadline."""
        left = deadline.left()
        if self.sock is None:
            raise websocket.WebSocketConnectionClosedException("the connection is closed")
        if left == 0.0 and not self._has_input():
            return False  # without an exception, which would cost more
        self.sock.settimeout(left)
        # Tornado's small writes wait until what came before is acknowledged, and systems like
        # to wait 40 ms or more for something to send that with.
        quick: int | None = getattr(socket, "TCP_QUICKACK", None)
        if quick is not None:
            # Linux forgets it: set again each time. A `with` for each read would cost as much.
            try:  # noqa: SIM105
                self.sock.setsockopt(socket.IPPROTO_TCP, quick, 1)
            except OSError:
                pass  # a socket that is not of TCP, or broken: reading tells
        try:
            data = self.sock.recv(_AT_ONCE)
        except (socket.timeout, BlockingIOError, ssl.SSLWantReadError):
            return False
        if not data:
            self.shutdown()
            raise websocket.WebSocketConnectionClosedException("the server closed the connection")
        self.bytes_received += len(data)
        self._frames.feed(data)
        if quick is None:
            # Something to send it with: a pong that nobody asked for is allowed.
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self.pong()
        return True

    def _has_input(self) -> bool:
        if self._poll is None or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return True
        return bool(self._poll(0))

    def send(self, payload: str | bytes, opcode: int = websocket.ABNF.OPCODE_TEXT) -> int:
        if opcode not in _ANSWERS:
            return super().send(payload, opcode)
        # A read whose time is up still answers what it has read.
        deadline, self.deadline = self.deadline, Deadline(_ANSWERING)
        try:
            return super().send(payload, opcode)
        finally:
            self.deadline = deadline

    def _send(self, data: str | bytes) -> int:
        left = self.deadline.left()
        if left == 0.0:
            raise websocket.WebSocketTimeoutException("nothing taken in time")
        if self.sock is not None:
            self.sock.settimeout(left)
        return super()._send(data)
