"""Converts messages to the dictionaries of jupyter_client, and back.

See https://jupyter-client.readthedocs.io/en/stable/messaging.html#general-message-format
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jupyter_client.jsonutil import parse_date

from ...protocol.messages import Message


def as_dictionary(message: Message) -> dict[str, Any]:
    """``message`` in the format of jupyter_client's sessions, with parsed dates."""
    return {
        "header": _with_date(message.header),
        "msg_id": message.msg_id,
        "msg_type": message.msg_type,
        "parent_header": _with_date(message.parent_header),
        "metadata": dict(message.metadata),
        "content": dict(message.content),
        "buffers": list(message.buffers),
    }


def from_dictionary(channel: str, message: Mapping[str, Any]) -> Message:
    """A message of a jupyter_client session, to be sent on ``channel``."""
    return Message(
        channel=channel,
        header=_with_text(message["header"]),
        parent_header=_with_text(message.get("parent_header") or {}),
        metadata=message.get("metadata") or {},
        content=message.get("content") or {},
        buffers=tuple(bytes(buffer) for buffer in message.get("buffers") or ()),
    )


def _with_date(header: Mapping[str, Any]) -> dict[str, Any]:
    date = header.get("date")
    return {**header, "date": parse_date(date)} if isinstance(date, str) else dict(header)


def _with_text(header: Mapping[str, Any]) -> dict[str, Any]:
    date = header.get("date")
    return {**header, "date": date.isoformat()} if isinstance(date, datetime) else dict(header)
