"""The server's side of a kernel's WebSocket, by the protocol of the library ``websockets``.

The library does no I/O here. We use our own TCP socket, so that we can cut the connection within a
frame. One thread reads, and another one writes.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Callable, Union

from attrs import frozen
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from ..errors import WireError
from ..protocol.messages import Message
from ..protocol.wire import Frame, Framing
from .active_faults import ActiveFaults, Cut
from .disturbances import RateLimiter, foreign_messages
from .incoming import understand
from .journal import Journal
from .kernels import Client, FakeKernel
from .outgoing import server_frame
from .replays import Replays
from .server import end_by_reset

MAX_INCOMING = 10 * 2**20
"""Largest message of a client in bytes. Tornado resets the connection if it is larger."""


@frozen(kw_only=True)
class SocketOptions:
    """The behaviour of a gateway's WebSockets, see ``FakeGateway``."""

    faults: ActiveFaults
    journal: Journal
    replays: Replays
    ping_interval: float
    ping_timeout: float
    subprotocol: bool


def shake_hands(head: bytes, options: SocketOptions) -> tuple[ServerProtocol, bytes, bool]:
    """The protocol after the handshake, the answer as bytes, and whether the connection is open."""

    def select(_: ServerProtocol, offered: object) -> object:
        known = options.subprotocol and Framing.V1.value in list(offered)  # type: ignore[call-overload]
        return Framing.V1.value if known else None

    protocol = ServerProtocol(max_size=MAX_INCOMING, select_subprotocol=select)  # type: ignore[arg-type]
    protocol.receive_data(head)
    for event in protocol.events_received():
        if isinstance(event, Handshake):
            protocol.send_response(protocol.accept(event))
    return protocol, b"".join(protocol.data_to_send()), protocol.state is State.OPEN


Outgoing = Union[Message, Frame, Callable[[], None]]


class KernelSocket:
    """One client's connection to one kernel."""

    def __init__(
        self,
        sock: socket.socket,
        protocol: ServerProtocol,
        kernel: FakeKernel,
        session: str,
        options: SocketOptions,
    ) -> None:
        self._session = session
        self._kernel = kernel
        self._socket = sock
        self._protocol = protocol
        self._options = options
        self._framing = Framing(protocol.subprotocol)
        self._limiter = RateLimiter()
        self._lock = threading.Lock()
        self._outgoing: SimpleQueue[Outgoing] = SimpleQueue()
        self._over = threading.Event()
        self._gone = threading.Event()
        self._last_pong = time.monotonic()
        self._client = Client(session, self._outgoing.put, self.close)
        self._writer = threading.Thread(target=self._write, name="jkg fake socket", daemon=True)

    def send_frame(self, frame: Frame) -> None:
        """Send a frame with any content."""
        self._outgoing.put(frame)

    def close(self, code: int = 1000) -> threading.Event:
        """Send waiting messages, then a close frame. The event is set when that is done."""
        done = threading.Event()
        self._outgoing.put(lambda: self._close(code, done))
        return done

    def cut(self, *, rst: bool = False) -> None:
        """Send waiting messages, then cut the connection. Returns when that is done."""
        if self._options.faults.gate.is_set():
            self._outgoing.put(lambda: self._hang_up(rst=rst))
            self._over.wait(1)
        self._hang_up(rst=rst)
        self._gone.wait(1)

    def serve(self, reader: io.BufferedIOBase, handshake: bytes) -> None:
        """Read and write until the connection ends."""
        self._kernel.attach(self._client)
        try:
            self._socket.sendall(handshake)
            self._writer.start()
            self._read(reader)
        except OSError:
            pass
        finally:
            self._hang_up()
            if self._writer.ident is not None:
                self._writer.join()
            # Close it here, and not later in the server, because only closing sends a TCP reset.
            reader.close()
            self._socket.close()
            self._gone.set()

    def _read(self, reader: io.BufferedIOBase) -> None:
        parts: list[bytes] = []
        opcode = Opcode.TEXT
        for data in self._chunks(reader):
            with self._lock:
                self._protocol.receive_data(data) if data else self._protocol.receive_eof()
                events = self._protocol.events_received()
                too_big = self._protocol.parser_exc is not None and data
            if too_big:
                self._hang_up(rst=True)
                return
            self._outgoing.put(_nothing)
            for event in events:
                if not isinstance(event, WebSocketFrame):
                    continue
                if event.opcode is Opcode.PONG:
                    self._last_pong = time.monotonic()
                elif event.opcode is Opcode.CLOSE:
                    self._outgoing.put(self._hang_up)
                elif event.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                    opcode = opcode if event.opcode is Opcode.CONT else event.opcode
                    parts.append(bytes(event.data))
                    if event.fin:
                        self._take(b"".join(parts), opcode)
                        parts.clear()
            if not data:
                return

    def _chunks(self, reader: io.BufferedIOBase) -> Iterator[bytes]:
        while not self._over.is_set():
            data = reader.read1(65536)
            self._options.faults.pass_gate(self._over)
            if not self._over.is_set():
                yield data

    def _take(self, data: bytes, opcode: Opcode) -> None:
        try:
            frame = data.decode() if opcode is Opcode.TEXT else data
            message = understand(frame, self._framing)
        except (WireError, UnicodeDecodeError):
            self._hang_up()
            return
        if message is None:
            return
        self._options.journal.add_message(self._kernel.id, self._session, message)
        replayed = self._options.replays.feed(message, self._framing)
        if replayed is None:
            self._kernel.receive(message, self._session)
        for frame in replayed or ():
            self.send_frame(frame)

    def _write(self) -> None:
        next_ping = time.monotonic() + self._options.ping_interval
        with contextlib.suppress(OSError):
            while not self._over.is_set():
                if self._write_until(next_ping):
                    next_ping += self._options.ping_interval
        self._hang_up()

    def _write_until(self, next_ping: float) -> bool:
        """Send the next message, or a ping if it is due. Returns whether it was a ping."""
        try:
            outgoing = self._outgoing.get(timeout=max(next_ping - time.monotonic(), 0))
        except Empty:
            self._ping()
            return True
        self._put(outgoing)
        return False

    def _put(self, outgoing: Outgoing) -> None:
        self._options.faults.pass_gate(self._over)
        if callable(outgoing):
            outgoing()
            self._flush()
        elif isinstance(outgoing, Message):
            for message in self._disturbed(outgoing):
                self._send(message)
        else:
            self._send(outgoing)

    def _disturbed(self, message: Message) -> list[Message]:
        faults = self._options.faults
        said = [message]
        if faults.limit is not None:
            size = len(json.dumps(dict(message.content)))
            said = self._limiter.admitted(message, size, faults.limit, time.monotonic())
        return [*foreign_messages(), *said] if faults.is_noisy else said

    def _send(self, outgoing: Message | Frame) -> None:
        msg_type = outgoing.msg_type if isinstance(outgoing, Message) else ""
        cut = self._options.faults.take_cut(msg_type)
        if cut is not None and cut.where == "before":
            self._hang_up(outgoing, rst=cut.rst)
            return
        self._flush()
        frame = server_frame(outgoing, self._framing) if isinstance(outgoing, Message) else outgoing
        with self._lock:
            is_open = self._protocol.state is State.OPEN
            if is_open and isinstance(frame, str):
                self._protocol.send_text(frame.encode())
            elif is_open and isinstance(frame, bytes):
                self._protocol.send_binary(frame)
        self._flush(cut)
        if not is_open:
            self._hang_up(outgoing)

    def _flush(self, cut: Cut | None = None) -> None:
        with self._lock:
            writes = self._protocol.data_to_send()
        data = b"".join(writes)
        allowed, rst = self._options.faults.allowance(len(data), cut)
        if data:
            self._socket.sendall(data if allowed is None else data[:allowed])
        if allowed is not None:
            self._hang_up(rst=rst)
        elif SEND_EOF in writes:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def _ping(self) -> None:
        if time.monotonic() - self._last_pong > self._options.ping_timeout:
            self._hang_up()
            return
        with self._lock:
            if self._protocol.state is State.OPEN:
                self._protocol.send_ping(b"")
        self._flush()

    def _close(self, code: int, done: threading.Event) -> None:
        with self._lock:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(code)
        self._flush()
        self._kernel.detach(self._client, lambda: _unsent((), self._outgoing))
        done.set()

    def _hang_up(self, *first: Outgoing, rst: bool = False) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._over.set()
        self._kernel.detach(self._client, lambda: _unsent(first, self._outgoing))
        self._outgoing.put(_nothing)
        if rst:
            end_by_reset(self._socket)
        with contextlib.suppress(OSError):
            # This wakes the reading thread, which closes the socket.
            self._socket.shutdown(socket.SHUT_RD if rst else socket.SHUT_RDWR)


def _unsent(first: tuple[Outgoing, ...], queue: SimpleQueue[Outgoing]) -> list[Message]:
    waiting = list(first)
    with contextlib.suppress(Empty):
        while True:
            waiting.append(queue.get_nowait())
    for one in waiting:
        if callable(one):
            queue.put(one)
    return [one for one in waiting if isinstance(one, Message)]


def _nothing() -> None:
    pass
