"""Messages between a fake gateway and the process of a kernel, over one stream socket.

A message is a frame in the v1 framing. Two values come before the frame: its length, and the
session of the WebSocket that has sent the message or should receive it. An empty session means all
WebSockets. Messages on the channel ``script`` are about scripted cells. Clients never receive them.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

from ...protocol.messages import Json, Message, new_header
from ...protocol.wire import Framing, decode, encode

SCRIPT = "script"
"""The channel for messages about scripted cells, between gateway and kernel."""

_HEAD = struct.Struct(">QH")


class MessageSocket:
    """One end of the connection. Any thread may send; one thread receives."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._reader = sock.makefile("rb")
        self._lock = threading.Lock()

    def send(self, message: Message, session: str = "") -> None:
        """Send ``message``.

        Raises:
            OSError: The other end is closed.
            ValueError: JSON cannot express the message.
        """
        frame = encode(message, Framing.V1)
        assert isinstance(frame, bytes)
        name = session.encode()
        with self._lock:
            self._socket.sendall(_HEAD.pack(len(frame), len(name)) + name + frame)

    def receive(self) -> tuple[Message, str] | None:
        """The next message and its session. None if the other end is closed."""
        try:
            head = self._reader.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return None
            size, length = _HEAD.unpack(head)
            data = self._reader.read(length + size)
        except OSError:
            return None
        if len(data) < length + size:
            return None
        return decode(data[length:], Framing.V1), data[:length].decode()

    def stop_receiving(self) -> None:
        """Receive the messages that have arrived already, but no further ones."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Close the socket."""
        self._reader.close()
        self._socket.close()


def script_message(msg_type: str, content: Json) -> Message:
    """A message about a scripted cell."""
    return Message(channel=SCRIPT, header=new_header(msg_type, ""), content=content)
