"""A WebSocket that keeps deadlines, by ``websocket-client``."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import websocket
from attrs import field, frozen
from websocket._abnf import frame_buffer

from ..client.deadline import Deadline
from ..protocol.wire import Framing
from .bounds import OVERTIME, check_bounds
from .handshake import HandshakeAnswer, shake_hands
from .opening import Route, open_stream

SUBPROTOCOL = "Sec-WebSocket-Protocol"

_ANSWERS = (websocket.ABNF.OPCODE_PONG, websocket.ABNF.OPCODE_CLOSE)
_ANSWERING = 0.5
"""Seconds that sending a pong or a goodbye may take."""
_AT_ONCE = 2**16
"""Bytes of a read, as far as there are so many."""


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


class _ReadAhead(frame_buffer):
    """Gives websocket-client the parts of frames, three each, from what came in one read."""

    def __init__(self, recv: Callable[[int], bytes], skip_utf8_validation: bool) -> None:
        super().__init__(recv, skip_utf8_validation)
        self._ahead = bytearray()

    @property
    def has_ahead(self) -> bool:
        """Whether anything was read that nobody has taken yet."""
        return bool(self._ahead)

    def recv_strict(self, bufsize: int) -> bytes:
        while (missing := bufsize - len(self._ahead)) > 0:
            # Of a large frame no byte too many: what is left would have to be moved.
            self._ahead += self.recv(min(missing, _AT_ONCE) if bufsize > _AT_ONCE else _AT_ONCE)
        if len(self._ahead) == bufsize:
            part, self._ahead = bytes(self._ahead), bytearray()
        else:
            part = bytes(memoryview(self._ahead)[:bufsize])
            del self._ahead[:bufsize]
        return part


class DeadlineWebSocket(websocket.WebSocket):
    """Keeps one deadline over all the reads or writes that a frame takes.

    websocket-client's own time limit starts anew with every piece of a frame, and where
    a peer takes nothing its send tries for ever.
    """

    deadline = Deadline(None)
    overdue: Deadline | None = None  # made when a message takes more than one read
    bytes_received = 0
    _is_first_read = True
    answer = HandshakeAnswer(0, {})
    _poll: Callable[[int], object] | None = None

    def __init__(self, **options: Any) -> None:
        # Its check is pure Python: seconds for a large image, and a message lost that is not
        # quite UTF-8. It looks at frames and, once more, at messages.
        super().__init__(skip_utf8_validation=True, **options)
        self.frame_buffer = self._buffer = _ReadAhead(self._recv, skip_utf8_validation=True)

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
        if hasattr(select, "poll"):  # not on Windows
            poll = select.poll()
            poll.register(stream, select.POLLIN)
            opened._poll = poll.poll
        return opened

    def begin_message(self, deadline: Deadline) -> None:
        """The next message is to be read, or what is missing of it, before ``deadline``."""
        self.deadline, self.overdue, self._is_first_read = deadline, None, True

    def has_input(self) -> bool:
        """Whether reading may find something at once. Nothing to read is no exception here."""
        if self._poll is None or self.sock is None or self._buffer.has_ahead:
            return True
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return True
        return bool(self._poll(0))

    def wait_for_input(self, wake: socket.socket, seconds: float) -> None:
        """Wait until reading may find something, ``wake`` has something to read, or time is up."""
        if self.sock is None or self._buffer.has_ahead:
            return
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return
        if not hasattr(select, "poll"):  # Windows, whose select takes any socket
            select.select([self.sock, wake], [], [], seconds)
            return
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        poll.register(wake, select.POLLIN)
        poll.poll(1000 * seconds)

    def _recv(self, bufsize: int) -> bytes:
        if self._is_first_read:
            self._is_first_read = False
        else:
            self.overdue = self.overdue or self.deadline.later(OVERTIME)
            check_bounds(self.overdue, self.frame_buffer.length, self.cont_frame.cont_data)
        # Tornado's small writes wait until what came before is acknowledged, and systems like
        # to wait 40 ms or more for something to send that with.
        quick = hasattr(socket, "TCP_QUICKACK")
        if self.sock is not None:
            self.sock.settimeout(self.deadline.left())
            if quick:
                # Linux forgets it: set again each time. A `with` for each read would cost as much.
                try:  # noqa: SIM105
                    self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                except OSError:
                    pass  # a socket that is not of TCP, or broken: reading tells
        data: bytes = super()._recv(bufsize)  # type: ignore[no-untyped-call]  # theirs
        self.bytes_received += len(data)
        if not quick:
            # Something to send it with: a pong that nobody asked for is allowed.
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self.pong()
        return data

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
