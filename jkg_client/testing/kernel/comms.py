"""Comms, which connect widgets with their kernel. They need the package ``comm``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ...protocol.messages import Message
from .console import Console

try:
    import comm
    from comm.base_comm import BaseComm
except ImportError:
    comm = None  # without this package there are no widgets, so nobody uses comms


def connect(console: Console) -> Mapping[str, Callable[[Message], None]]:
    """Let comms send through ``console``. Returns functions for their messages, by message type."""
    if comm is None:
        return {}

    class KernelComm(BaseComm):  # type: ignore[misc]  # the package may be missing
        def publish_msg(
            self,
            msg_type: str,
            data: Any = None,
            metadata: Any = None,
            buffers: Any = None,
            **keys: Any,
        ) -> None:
            content = {"data": data or {}, "comm_id": self.comm_id, **keys}
            parts = tuple(bytes(part) for part in buffers or ())
            console.say(msg_type, content, metadata=metadata, buffers=parts)

    comm.create_comm = KernelComm
    manager = comm.get_comm_manager()
    methods = {
        "comm_open": manager.comm_open,
        "comm_msg": manager.comm_msg,
        "comm_close": manager.comm_close,
    }
    return {name: _taking(method) for name, method in methods.items()}


def _taking(method: Callable[[Any, Any, Any], None]) -> Callable[[Message], None]:
    return lambda message: method(None, None, as_mapping(message))


def as_mapping(message: Message) -> dict[str, Any]:
    """A message as comms and widgets expect it."""
    return {
        "header": message.header,
        "msg_id": message.msg_id,
        "msg_type": message.msg_type,
        "parent_header": message.parent_header,
        "metadata": message.metadata,
        "content": message.content,
        "buffers": list(message.buffers),
    }


def open_comms() -> dict[str, str]:
    """Ids and targets of the open comms."""
    found = {} if comm is None else comm.get_comm_manager().comms
    return {comm_id: one.target_name for comm_id, one in found.items()}
