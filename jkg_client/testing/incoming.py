"""Reads a client's frame as a real server does. A real server may close the connection."""

from __future__ import annotations

import json
from typing import Any, Callable

from ..errors import WireError
from ..protocol.messages import Message
from ..protocol.wire import Frame, Framing, decode

CHANNELS = {"shell", "control", "stdin", "iopub"}

FIELDS = {"msg_id", "msg_type", "session", "username", "date", "version"}

FIELDS_OF_SERVERS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "header": lambda document: "msg_type" in _mapping(document.get("header")),
    "parent_header": lambda document: "parent_header" in document,
    "metadata": lambda document: "metadata" in document,
    "content": lambda document: (
        isinstance(document.get("content") or {}, dict) and document.get("content") != []
    ),
    "buffers": lambda document: _are_buffers(document.get("buffers")),
}
"""Checks of a message. A server closes the connection if one fails."""


def understand(frame: Frame, framing: Framing) -> Message | None:
    """The message in ``frame``; None if servers and kernels ignore it.

    Raises:
        WireError: A real server closes the connection when it receives this frame.
    """
    if framing is Framing.V1:
        return _v1(frame)
    if isinstance(frame, bytes):
        return _known(decode(frame))
    document = _document(frame)
    wrong = [name for name, is_right in FIELDS_OF_SERVERS.items() if not is_right(document)]
    if wrong:
        raise WireError(f"no {', '.join(wrong)}", frame)
    if document.get("channel") is None:
        document["channel"] = "shell"
    document["content"] = document.get("content") or {}
    try:
        return _known(decode(json.dumps(document)))
    except WireError:
        return None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _are_buffers(value: Any) -> bool:
    # AutoGen sends {} for no buffers, and servers accept it.
    return value is None or value in ([], {})


def _document(frame: str) -> dict[str, Any]:
    try:
        document = json.loads(frame)
    except (ValueError, RecursionError) as exc:
        raise WireError("no JSON", frame) from exc
    if not isinstance(document, dict):
        raise WireError("no JSON object", frame)
    return document


def _v1(frame: Frame) -> Message | None:
    try:
        message = decode(frame, Framing.V1)
    except WireError as exc:
        # Servers only check the offsets; the kernel ignores messages that it cannot read.
        if isinstance(exc.__cause__, (ValueError, KeyError, TypeError)):
            return None
        raise
    return _known(message) if set(message.header) >= FIELDS else None


def _known(message: Message) -> Message | None:
    return message if message.channel in CHANNELS else None
