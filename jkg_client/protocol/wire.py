"""Converts messages to WebSocket frames and back, in both formats of Jupyter servers.

The formats: https://jupyter-server.readthedocs.io/en/latest/developers/websocket-protocols.html

``DEFAULT``
    No subprotocol. Without buffers: a text frame with one JSON document, which contains the
    channel. With buffers: a binary frame with the count of parts and the offset of each, counted
    from the frame's start, as big-endian uint32; then the JSON document; then the buffers.
``V1``
    Subprotocol ``v1.kernel.websocket.jupyter.org``. Always a binary frame: the count of
    offsets and the offsets as little-endian uint64; then channel, header, parent header,
    metadata, content and the buffers, back to back. The last offset is the frame's end.
"""

from __future__ import annotations

import enum
import functools
import json
import struct
from typing import Any, Union

from attrs import frozen

from ..errors import WireError
from .large_json import loads
from .messages import Json, Message
from .stepwise import decoded

Frame = Union[str, bytes]
"""A WebSocket message: ``str`` for a text frame, ``bytes`` for a binary one."""

_SMALL = 2**12
"""A part with fewer bytes is copied, which is quicker than a view of it."""

ReceivedFrame = Union[Frame, bytearray]
"""A large binary frame is the buffer that it was received in."""


class Framing(enum.Enum):
    """The format of messages in frames. The value is its WebSocket subprotocol."""

    DEFAULT = None
    V1 = "v1.kernel.websocket.jupyter.org"


@frozen
class Packed:
    """The parts of a frame, before their JSON is parsed. The frame can be freed then.

    Attributes:
        texts: Channel, header, parent header, metadata and content, or one document with all of
            them.
        buffers: Binary parts.
        framing: The format of the frame.
    """

    texts: tuple[str, ...]
    buffers: tuple[bytes, ...]
    framing: Framing


def decode(frame: Frame, framing: Framing = Framing.DEFAULT) -> Message:
    """The message in ``frame``.

    Bytes that are not UTF-8 become U+FFFD, as in the servers. A message must not be lost because a
    kernel prints a file name that cannot be decoded.

    Raises:
        WireError: The frame is incomplete, its offsets are outside it, its JSON is invalid, or a
            required field is missing or has a wrong type.
    """
    try:
        return parse(unpack(frame, framing))
    except WireError as exc:
        raise WireError(exc.reason, frame) from exc.__cause__


def unpack(frame: ReceivedFrame, framing: Framing = Framing.DEFAULT) -> Packed:
    """The parts of ``frame``: the first half of ``decode``.

    Raises:
        WireError: The frame is incomplete, or its offsets are outside it.
    """
    try:
        if framing is Framing.V1:
            return _unpack_v1(frame)
        if isinstance(frame, str):
            return Packed((frame,), (), framing)
        return _unpack_default(frame)
    except (UnicodeDecodeError, struct.error) as exc:
        raise _nonsense(framing, exc, frame) from exc


def parse(packed: Packed) -> Message:
    """The message of these parts: the second half of ``decode``.

    Raises:
        WireError: The JSON is invalid, or a required field is missing or has a wrong type.
            The ``frame`` of the error is then the text.
    """
    try:
        if len(packed.texts) == 1:
            return _from_document(loads(packed.texts[0]), packed.buffers)
        channel, header, parent, metadata, content = packed.texts
        read = _known_parent if len(parent) < _LONGEST_PARENT else loads
        about = {} if metadata == "{}" else loads(metadata)
        return message_of(
            channel, loads(header), read(parent), about, loads(content), packed.buffers
        )
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise _nonsense(packed.framing, exc, "".join(packed.texts)) from exc


def encode(message: Message, framing: Framing = Framing.DEFAULT) -> Frame:
    """The frame with ``message``. Raises ValueError for values that JSON cannot express."""
    parts = (message.header, message.parent_header, message.metadata, message.content)
    if framing is Framing.V1:
        return _join_v1([message.channel.encode(), *map(dumps, parts), *message.buffers])
    names = ("header", "parent_header", "metadata", "content")
    document = {**dict(zip(names, parts)), "channel": message.channel, "buffers": []}
    if not message.buffers:
        return dumps(document).decode()
    return _join_default([dumps(document), *message.buffers])


def pack(packed: Packed) -> Frame:
    """The frame of these parts: the opposite of ``unpack``."""
    parts = [*(text.encode() for text in packed.texts), *packed.buffers]
    if packed.framing is Framing.V1:
        return _join_v1(parts)
    return _join_default(parts) if packed.buffers else packed.texts[0]


def _unpack_v1(frame: ReceivedFrame) -> Packed:
    if isinstance(frame, str):
        raise WireError("V1 sends only binary frames, but this is a text frame", frame)
    (count,) = struct.unpack_from("<Q", frame)
    # Six offsets for the five parts of every message.
    if not 6 <= count <= len(frame) // 8:
        raise WireError(f"wrong number of offsets: {count}", frame)
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    if offsets[-1] != len(frame):
        raise WireError(f"the last offset is {offsets[-1]}, not the frame's end", frame)
    _check_order(offsets, 8 * (count + 1), frame)
    channel, header, parent, metadata, content, end = offsets[:6]
    texts = (
        str(frame[channel:header], "utf-8"),
        _text(frame, header, parent),
        _text(frame, parent, metadata),
        _text(frame, metadata, content),
        _text(frame, content, end),
    )
    buffers = _slices(frame, offsets[5:]) if count > 6 else ()
    return Packed(texts, buffers, Framing.V1)


def _text(frame: bytes | bytearray, start: int, end: int) -> str:
    if end - start < _SMALL:
        return str(frame[start:end], "utf-8", "replace")
    return decoded(memoryview(frame)[start:end])


def _unpack_default(frame: bytes | bytearray) -> Packed:
    (count,) = struct.unpack_from(">I", frame)
    if not 1 <= count <= len(frame) // 4:
        raise WireError(f"wrong number of parts: {count}", frame)
    offsets = (*struct.unpack_from(f">{count}I", frame, 4), len(frame))
    _check_order(offsets, 4 * (count + 1), frame)
    whole = memoryview(frame)
    document = decoded(whole[offsets[0] : offsets[1]])
    return Packed((document,), _slices(frame, offsets[1:]), Framing.DEFAULT)


def _slices(frame: bytes | bytearray, offsets: tuple[int, ...]) -> tuple[bytes, ...]:
    """The parts of a frame between each two offsets."""
    whole = memoryview(frame)
    return tuple([bytes(whole[a:b]) for a, b in zip(offsets, offsets[1:])])


def _check_order(offsets: tuple[int, ...], start: int, frame: ReceivedFrame) -> None:
    if offsets[0] != start or list(offsets) != sorted(offsets):
        raise WireError("the offsets are out of order or outside the frame", frame)


def _from_document(document: Any, buffers: tuple[bytes, ...]) -> Message:
    # Servers omit fields in their own messages, such as a status without a parent.
    return message_of(
        document["channel"],
        document["header"],
        document.get("parent_header") or {},
        document.get("metadata") or {},
        document["content"],
        buffers,
    )


def message_of(
    channel: Any, header: Any, parent: Any, metadata: Any, content: Any, buffers: tuple[bytes, ...]
) -> Message:
    """A message from parsed JSON. Raises KeyError or TypeError if a field is wrong."""
    if not isinstance(channel, str):
        raise TypeError(f"channel must be a string, not {type(channel).__name__}")
    if not (isinstance(header["msg_id"], str) and isinstance(header["msg_type"], str)):
        raise TypeError("msg_id and msg_type must be strings")
    # xeus kernels send null as the parent of messages without a request.
    parent = {} if parent is None else parent
    metadata = {} if metadata is None else metadata
    if not type(header) is type(parent) is type(metadata) is type(content) is dict:
        strange = next(one for one in (header, parent, metadata, content) if type(one) is not dict)
        raise TypeError(f"a JSON object is needed, not {type(strange).__name__}")
    return Message(
        channel=channel,
        header=header,
        parent_header=parent,
        metadata=metadata,
        content=content,
        buffers=buffers,
    )


def _nonsense(framing: Framing, exc: Exception, frame: ReceivedFrame) -> WireError:
    # Do not use the exception's repr: for a UnicodeDecodeError, it contains all the data.
    said = f"{type(exc).__name__}: {exc}"
    return WireError(f"not a {framing.name} message ({said})", frame)


# This encoder is created once: json.dumps would create one each time.
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_LONGEST_PARENT = 2**12
"""Longer parents are not kept."""


# All answers to a request have the same parent.
_known_parent = functools.lru_cache(maxsize=8)(loads)


def dumps(value: Json) -> bytes:
    """JSON in ASCII. Raises ValueError for values that JSON cannot express."""
    if not value:
        return b"{}"  # parent and metadata of nearly every request
    # Non-ASCII is escaped, because a lone surrogate in a cell cannot be encoded as UTF-8.
    try:
        return _ENCODER.encode(value).encode("ascii")
    except (TypeError, RecursionError) as exc:
        raise ValueError(f"JSON cannot express this: {exc}") from exc


def _join_v1(parts: list[bytes]) -> bytes:
    offsets = _offsets(parts, 8 * (len(parts) + 2))
    numbers = [number.to_bytes(8, "little") for number in (len(offsets), *offsets)]
    return b"".join([*numbers, *parts])


def _join_default(parts: list[bytes]) -> bytes:
    offsets = _offsets(parts, 4 * (len(parts) + 1))[:-1]
    return b"".join([struct.pack(f">{len(offsets) + 1}I", len(offsets), *offsets), *parts])


def _offsets(parts: list[bytes], start: int) -> list[int]:
    offsets = [start]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return offsets
