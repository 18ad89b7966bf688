"""The interface of one WebSocket connection to a kernel."""

from __future__ import annotations

import socket
from typing import Protocol

from ..client.deadline import Deadline
from ..protocol.messages import Message


class Transport(Protocol):
    """One open WebSocket: a ``WebSocketTransport``, or a script in a test."""

    @property
    def bytes_received(self) -> int:
        """Number of received bytes. It grows with every sign of life."""
        ...

    @property
    def said_goodbye(self) -> bool:
        """Whether the server has sent a close frame. Then no message is lost."""
        ...

    def send(self, message: Message, deadline: Deadline) -> None:
        """Send ``message``. Raise GatewayUnreachable if it could not be sent completely."""
        ...

    def receive(self, deadline: Deadline, *, pong_will_do: bool = False) -> Message | None:
        """The next message.

        Raises GatewayUnreachable if the connection breaks, WireError for an invalid message.
        """
        ...

    def wait_for_input(self, wake: socket.socket, seconds: float) -> None:
        """Wait until something may have come, or until ``wake`` has something to read."""
        ...

    def ping(self, deadline: Deadline) -> None:
        """Ask for a sign of life."""
        ...

    def abort(self) -> None:
        """Break the connection. Any thread may call this."""
        ...

    def close(self) -> None:
        """Send a close frame, and close the connection."""
        ...
