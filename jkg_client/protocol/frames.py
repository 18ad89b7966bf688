"""Frames of a WebSocket: the beginning of a client's frames, and the reader for a server's frames.

The format: https://www.rfc-editor.org/rfc/rfc6455#section-5
"""

from __future__ import annotations

from typing import NamedTuple

from attrs import define, field

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
"""Opcodes."""

_FIRST_BYTES = frozenset({0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A})
"""How frames begin: the opcode, and 0x80 for the last part, which control frames always are."""

_LONGEST_CONTROL = 125
_LARGE = 2**16
"""A frame with more bytes gets a buffer of its own, so that it is not copied again."""
_RESERVED = 2**22
"""Number of bytes of this buffer before data has arrived, at most."""

_WIDTHS = {126: 2, 127: 8}
"""Number of bytes of the extended length, by the value of the short length."""


def beginning(opcode: int, size: int) -> bytes:
    """The beginning of a client's frame with a whole message of ``size`` bytes.

    The four bytes of the mask and the masked message follow this beginning.
    """
    if size <= _LONGEST_CONTROL:
        return bytes((0x80 | opcode, 0x80 | size))
    if size < 2**16:
        return bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    return bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")


class Received(NamedTuple):
    """A whole message, or a control frame."""

    opcode: int
    data: bytes | bytearray


class _LargeFrame:
    """A large frame while it arrives.

    Args:
        first: The first byte of the frame.
        size: Number of bytes in its message.

    Attributes:
        data: The message.
        missing: Number of bytes that have not arrived.
    """

    def __init__(self, first: int, size: int) -> None:
        self.first: int = first
        self.missing: int = size
        self._filled = 0
        # A server may announce more than it sends. Beyond this size, the buffer grows.
        self.data = bytearray(min(size, _RESERVED))

    def fill(self, received: bytes | memoryview) -> bytes | memoryview:
        """Add received data. Returns the rest, which belongs to the next frame."""
        taken = min(len(received), self.missing)
        self.data[self._filled : self._filled + taken] = received[:taken]
        self._filled += taken
        self.missing -= taken
        return received[taken:]


@define
class FrameReader:
    """Reads frames. Feed it all received data, and call ``next`` until it returns None.

    Text is not checked for UTF-8: an invalid character must not break the connection.

    Attributes:
        limit: Largest size of a message, in bytes.
    """

    limit: int
    _ahead: bytes = field(default=b"", init=False)
    _taken: int = field(default=0, init=False)  # bytes that were already read
    _large: _LargeFrame | None = field(default=None, init=False)  # the frame that is arriving
    _begun: int = field(default=0, init=False)  # opcode of a message in parts
    _parts: bytearray = field(factory=bytearray, init=False)

    def feed(self, data: bytes) -> None:
        """Add received data."""
        rest = data if self._large is None else bytes(self._large.fill(data))
        # This copies only the beginning of one frame: ``next`` has read the frames before it.
        self._ahead = self._ahead[self._taken :] + rest
        self._taken = 0

    def next(self) -> Received | None:
        """The next message or control frame. None if more data is needed.

        Raises:
            ValueError: The frame is invalid, or the message is too large.
        """
        while self._ahead or self._large is not None:
            frame = self._next_frame() if self._large is None else self._take_large()
            if frame is None:
                return None
            first, data = frame
            opcode, is_last = first & 0x0F, first >= 0x80
            if opcode > BINARY:
                return Received(opcode, data)
            if bool(opcode) == bool(self._begun):
                raise ValueError("a part of a message without the one before it")
            if opcode and is_last:
                return Received(opcode, data)
            self._begun = self._begun or opcode
            self._parts += data
            if is_last:
                return self._whole()
        return None

    def _next_frame(self) -> tuple[int, bytes | bytearray] | None:
        """The first byte and the message of the next frame."""
        ahead, start = self._ahead, self._taken + 2
        if len(ahead) < start:
            return None
        first, size = ahead[start - 2], ahead[start - 1]
        if first not in _FIRST_BYTES:
            raise ValueError(f"a frame that begins with {first:#04x}")
        if size > _LONGEST_CONTROL:
            if first > 0x82 or size not in _WIDTHS:
                raise ValueError("a control frame that is too long, or a masked frame")
            body = start + _WIDTHS[size]
            if len(ahead) < body:
                return None
            size, start = int.from_bytes(ahead[start:body], "big"), body
        if size + len(self._parts) > self.limit:
            raise ValueError(f"a message of over {self.limit} bytes")
        if size > _LARGE:
            self._large = _LargeFrame(first, size)
            self._ahead = bytes(self._large.fill(memoryview(ahead)[start:]))
            self._taken = 0
            return self._take_large()
        end = start + size
        if len(ahead) < end:
            return None
        self._taken = end
        if end == len(ahead):
            self._ahead, self._taken = b"", 0  # free the memory now
        return first, ahead[start:end]

    def _take_large(self) -> tuple[int, bytearray] | None:
        frame = self._large
        if frame is None or frame.missing:
            return None
        self._large = None
        return frame.first, frame.data

    def _whole(self) -> Received:
        received = Received(self._begun, self._parts)
        self._begun, self._parts = 0, bytearray()
        return received
