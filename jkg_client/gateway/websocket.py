"""Sends and receives messages on one WebSocket to a kernel's channels."""

from __future__ import annotations

import contextlib
import socket
import ssl

from ..client.deadline import Deadline
from ..errors import (
    GatewayError,
    GatewayStatus,
    GatewayTimeout,
    GatewayUnauthorized,
    GatewayUnreachable,
    KernelNotFound,
)
from ..protocol.frames import BINARY, CLOSE, PING, TEXT
from ..protocol.messages import Message
from ..protocol.stepwise import decoded
from ..protocol.wire import Framing, encode, parse, unpack
from .deadline_socket import SUBPROTOCOL, ChannelsAddress, DeadlineWebSocket
from .hub_responses import leads_to_a_hub, not_running
from .limits import MAX_REQUEST, NONSENSE

# All exceptions that connecting, reading and writing may raise.
_FOREIGN = (OSError, *NONSENSE)


class WebSocketTransport:
    """An open WebSocket that carries messages.

    One thread at a time may use it, but any thread may call ``abort``.

    Attributes:
        framing: The message format that the server has accepted.
        said_goodbye: The server has sent a close frame. Then no message is lost.

    Args:
        address: Address of the WebSocket.
        deadline: Time limit for the handshake.
        overtime: As in ``Timeouts``.

    Raises:
        GatewayUnreachable: There is no answer, or it does not come from a WebSocket server.
        GatewayUnauthorized: The server refuses the token.
        KernelNotFound: The server has no such kernel.
        ServerNotRunning: A hub answers instead of the server.
    """

    def __init__(self, address: ChannelsAddress, deadline: Deadline, overtime: float) -> None:
        self._url = address.url.partition("?")[0]
        try:
            self._socket = DeadlineWebSocket.opened(address, deadline, overtime)
        except GatewayError:
            raise  # by ``address.check``; KernelNotFound is a LookupError, too
        except _FOREIGN as exc:
            raise _translation(self._url, exc) from exc
        answer = self._socket.answer
        if answer.status != 101:
            self._socket.shutdown()
            location = answer.headers.get("location", "")
            raise _refused(self._url, answer.status, location)
        agreed = answer.headers.get(SUBPROTOCOL.lower())
        self.framing = Framing.V1 if agreed == Framing.V1.value else Framing.DEFAULT
        self.said_goodbye: bool = False

    @property
    def bytes_received(self) -> int:
        """Counts all received bytes, including pongs and parts of frames."""
        return self._socket.bytes_received

    def send(self, message: Message, deadline: Deadline) -> None:
        """Send ``message``.

        Raises:
            GatewayUnreachable: The connection is broken, or the server does not read in time.
            ValueError: The message is larger than servers accept.
        """
        frame = encode(message, self.framing)
        if len(frame) > MAX_REQUEST:
            raise ValueError(
                f"the message has {len(frame)} bytes: servers accept at most {MAX_REQUEST} bytes"
            )
        opcode, data = (TEXT, frame.encode()) if isinstance(frame, str) else (BINARY, frame)
        try:
            self._socket.send(opcode, data, deadline)
        except BaseException as exc:
            # After half a frame, the server would take the next frame for the other half.
            self._socket.shutdown()
            if isinstance(exc, _FOREIGN):
                raise _translation(self._url, exc) from exc
            raise

    def receive(self, deadline: Deadline, *, pong_will_do: bool = False) -> Message | None:
        """The next message. None if the deadline passes first.

        A part of a frame is kept for the next call. With ``pong_will_do``, None is returned for a
        ping or pong, too.

        Raises:
            GatewayUnreachable: The connection is broken.
            WireError: The received data is not a message.
        """
        try:
            received = self._socket.receive(deadline, sign_will_do=pong_will_do)
        except _FOREIGN as exc:
            raise _translation(self._url, exc) from exc
        if received is None:
            return None
        opcode, data = received
        if opcode > BINARY:
            self._check_goodbye(opcode, data)
            return None
        del received  # an image's data would be a third copy while its JSON is parsed
        packed = unpack(decoded(data) if opcode == TEXT else data, self.framing)
        del data
        return parse(packed)

    def wait_for_input(self, wake: socket.socket, seconds: float) -> None:
        """Wait until a message may have arrived, or until ``wake`` has something to read."""
        self._socket.wait_for_input(wake, seconds)

    def ping(self, deadline: Deadline) -> None:
        """Send a ping. Its answer increases ``bytes_received``."""
        try:
            self._socket.send(PING, b"", deadline)
        except _FOREIGN as exc:
            raise _translation(self._url, exc) from exc

    def abort(self) -> None:
        """Break the connection. A thread that waits in ``receive`` gets an error at once."""
        self._socket.abort()

    def close(self) -> None:
        """Send a close frame and close the connection. A second call does nothing."""
        with contextlib.suppress(OSError):
            self._socket.say_goodbye()
        self._socket.shutdown()

    def _check_goodbye(self, opcode: int, data: bytes | bytearray) -> None:
        if opcode == CLOSE:
            self.said_goodbye = True
            code = int.from_bytes(data[:2], "big")
            raise GatewayUnreachable(f"{self._url}: the server closed the connection ({code})")


def _translation(url: str, exc: BaseException) -> GatewayUnreachable:
    """The ``GatewayUnreachable`` for an exception of a library."""
    if isinstance(exc, socket.timeout):
        return GatewayTimeout(f"{url}: no answer in time")
    if isinstance(exc, ssl.SSLError):
        hint = "verify= takes a CA file, cert= a client certificate"
        return GatewayUnreachable(f"{url}: no secure connection: {exc}; {hint}")
    return GatewayUnreachable(f"{url}: {str(exc)[:200] or type(exc).__name__}")


def _refused(url: str, status: int, location: str) -> GatewayStatus:
    # Leave out the body: it is a page for browsers and may contain our headers.
    request = f"WebSocket {url}"
    if status in {401, 403}:
        return GatewayUnauthorized(status, request, "", "the token is wrong or missing")
    if status == 404:
        return KernelNotFound(
            status,
            request,
            "",
            "there is no such kernel; if there was, it was deleted or has died: start another",
        )
    if leads_to_a_hub(url, location):
        return not_running(request, status)
    return GatewayStatus(status, request, "")
