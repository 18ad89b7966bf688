"""Frames as a real server sends them.

In the default framing, a server's frame has more fields than a client's: it repeats the id and the
type of the message outside of the header. Some clients read only these fields.
"""

from __future__ import annotations

import json
from typing import Any

from ..protocol.messages import Message
from ..protocol.wire import Frame, Framing, Packed, encode, pack


def server_frame(message: Message, framing: Framing) -> Frame:
    """The frame in which a server sends ``message``. ValueError if JSON cannot express it."""
    if framing is Framing.V1:
        return encode(message, framing)
    document: dict[str, Any] = {
        "header": message.header,
        "msg_id": message.header["msg_id"],
        "msg_type": message.msg_type,
        "parent_header": message.parent_header,
        "metadata": message.metadata,
        "content": message.content,
    }
    if not message.buffers and not _is_of_the_server(message):
        document["buffers"] = []
    document["channel"] = message.channel
    text = json.dumps(document, allow_nan=False)
    return pack(Packed((text,), message.buffers, framing))


def _is_of_the_server(message: Message) -> bool:
    state = message.content.get("execution_state")
    return not message.parent_header and state in {"restarting", "dead"}
