"""Messages to WebSocket frames and back, in both framings that Jupyter servers speak.

The formats: https://jupyter-server.readthedocs.io/en/latest/developers/websocket-protocols.html

``DEFAULT``
    No subprotocol. Without buffers a text frame: one JSON document, the channel in it.
    With buffers a binary frame: the count of parts and the offset of each, counted from
    the frame's start, as big-endian uint32; then the JSON document; then the buffers.
``V1``
    Subprotocol ``v1.kernel.websocket.jupyter.org``. Always a binary frame: the count of
    offsets and the offsets as little-endian uint64; then channel, header, parent header,
    metadata, content and the buffers, back to back. The last offset is the frame's end.
"""

from __future__ import annotations

import enum
import json
import struct
from typing import Any, Union

from attrs import frozen

from ..errors import WireError
from .messages import Json, Message

Frame = Union[str, bytes]
"""A WebSocket message: ``str`` a text frame, ``bytes`` a binary one."""


class Framing(enum.Enum):
    """How messages lie in frames; the value is the WebSocket subprotocol that says so."""

    DEFAULT = None
    V1 = "v1.kernel.websocket.jupyter.org"


@frozen
class Packed:
    """What a frame holds, before its JSON is parsed: the frame itself can go by then.

    Attributes:
        texts: Channel, header, parent header, metadata and content; or the one document
            that has them all.
        buffers: Binary parts.
        framing: How they lay in it.
    """

    texts: tuple[str, ...]
    buffers: tuple[bytes, ...]
    framing: Framing


def decode(frame: Frame, framing: Framing = Framing.DEFAULT) -> Message:
    """The message that ``frame`` carries.

    Bytes that are not UTF-8 become U+FFFD, as they do in the servers: a kernel that
    prints an undecodable file name must not cost the message it stands in.

    Raises:
        WireError: If the frame is cut short, its offsets lie outside it, its
            JSON does not parse, or a required field is missing or of a wrong type.
    """
    try:
        return parse(unpack(frame, framing))
    except WireError as exc:
        raise WireError(exc.reason, frame) from exc.__cause__


def unpack(frame: Frame, framing: Framing = Framing.DEFAULT) -> Packed:
    """The parts of ``frame``: the first half of ``decode``.

    Raises:
        WireError: If the frame is cut short, or its offsets lie outside it.
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
        WireError: If its JSON does not parse, or a required field is missing or of a
            wrong type. ``frame`` is the text then.
    """
    try:
        if len(packed.texts) == 1:
            return _from_document(loads(packed.texts[0]), packed.buffers)
        channel, *documents = packed.texts
        header, parent_header, metadata, content = map(loads, documents)
        return message_of(channel, header, parent_header, metadata, content, packed.buffers)
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise _nonsense(packed.framing, exc, "".join(packed.texts)) from exc


def encode(message: Message, framing: Framing = Framing.DEFAULT) -> Frame:
    """The frame that carries ``message``; a ValueError if it holds what JSON cannot say."""
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


def _unpack_v1(frame: Frame) -> Packed:
    if isinstance(frame, str):
        raise WireError("a text frame, where V1 sends binary ones only", frame)
    (count,) = struct.unpack_from("<Q", frame)
    # Six offsets frame the five parts that every message has.
    if not 6 <= count <= len(frame) // 8:
        raise WireError(f"{count} offsets", frame)
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    if offsets[-1] != len(frame):
        raise WireError(f"says it ends at {offsets[-1]}", frame)
    _check_order(offsets, 8 * (count + 1), frame)
    whole = memoryview(frame)  # a slice of bytes is a copy
    channel = str(whole[offsets[0] : offsets[1]], "utf-8")
    documents = [str(whole[a:b], "utf-8", "replace") for a, b in zip(offsets[1:5], offsets[2:6])]
    buffers = tuple([bytes(whole[a:b]) for a, b in zip(offsets[5:], offsets[6:])])
    return Packed((channel, *documents), buffers, Framing.V1)


def _unpack_default(frame: bytes) -> Packed:
    (count,) = struct.unpack_from(">I", frame)
    if not 1 <= count <= len(frame) // 4:
        raise WireError(f"{count} parts", frame)
    offsets = (*struct.unpack_from(f">{count}I", frame, 4), len(frame))
    _check_order(offsets, 4 * (count + 1), frame)
    whole = memoryview(frame)
    document = str(whole[offsets[0] : offsets[1]], "utf-8", "replace")
    buffers = tuple([bytes(whole[a:b]) for a, b in zip(offsets[1:], offsets[2:])])
    return Packed((document,), buffers, Framing.DEFAULT)


def _check_order(offsets: tuple[int, ...], start: int, frame: bytes) -> None:
    if offsets[0] != start or list(offsets) != sorted(offsets):
        raise WireError("offsets out of order or outside the frame", frame)


def _from_document(document: Any, buffers: tuple[bytes, ...]) -> Message:
    # Servers leave fields out of what they say by themselves (a parentless status).
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
    """A message of parsed JSON; KeyError or TypeError if that is not what it must be."""
    if not isinstance(channel, str):
        raise TypeError(f"channel is a {type(channel).__name__}")
    if not (isinstance(header["msg_id"], str) and isinstance(header["msg_type"], str)):
        raise TypeError("msg_id and msg_type must be strings")
    # Kernels of xeus have null for the parent of what they say by themselves.
    parent = {} if parent is None else parent
    metadata = {} if metadata is None else metadata
    if not type(header) is type(parent) is type(metadata) is type(content) is dict:
        strange = next(one for one in (header, parent, metadata, content) if type(one) is not dict)
        raise TypeError(f"a {type(strange).__name__} in place of a JSON object")
    return Message(
        channel=channel,
        header=header,
        parent_header=parent,
        metadata=metadata,
        content=content,
        buffers=buffers,
    )


def _nonsense(framing: Framing, exc: Exception, frame: Frame) -> WireError:
    # Not its repr: that of a UnicodeDecodeError shows all that could not be decoded.
    said = f"{type(exc).__name__}: {exc}"
    return WireError(f"not a {framing.name} message ({said})", frame)


# Made once: json.dumps and json.loads would make one each time, or look for options first.
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_DECODER = json.JSONDecoder()
_WHITE = " \t\n\r"


def loads(text: str) -> Any:
    """What a text of JSON says; a ValueError or RecursionError if it is none."""
    if text == "{}":
        return {}  # metadata of nearly every message
    text = text.strip(_WHITE)  # decode() would look for it by regular expressions
    value, end = _DECODER.raw_decode(text)
    if end < len(text):
        raise ValueError("something follows the JSON")
    return value


def dumps(value: Json) -> bytes:
    """JSON in ASCII; a ValueError if JSON cannot say this."""
    if not value:
        return b"{}"  # parent and metadata of nearly every request
    # Non-ASCII stays escaped: a lone surrogate in a cell has no UTF-8 form.
    try:
        return _ENCODER.encode(value).encode("ascii")
    except (TypeError, RecursionError) as exc:
        raise ValueError(f"JSON cannot say this: {exc}") from exc


def _join_v1(parts: list[bytes]) -> bytes:
    offsets = _offsets(parts, 8 * (len(parts) + 2))
    return b"".join([struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets), *parts])


def _join_default(parts: list[bytes]) -> bytes:
    offsets = _offsets(parts, 4 * (len(parts) + 1))[:-1]
    return b"".join([struct.pack(f">{len(offsets) + 1}I", len(offsets), *offsets), *parts])


def _offsets(parts: list[bytes], start: int) -> list[int]:
    offsets = [start]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return offsets
