"""Jupyter messages, and the requests of a client.

The format, protocol 5.4:
https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Literal

from attrs import evolve, field, frozen

Json = Mapping[str, Any]
"""A JSON object from another program. Check its contents before use."""

PROTOCOL_VERSION = "5.4"

EOT = "\x04"
"""The value of an input reply that ends the input: ``input()`` raises EOFError."""


@frozen(kw_only=True)
class Message:
    """One decoded Jupyter message. It is the same on every transport.

    ``header`` and ``parent_header`` are mappings, so that the additional fields of some kernels are
    kept.

    Attributes:
        channel: ``shell``, ``control``, ``iopub`` or ``stdin``. Some servers use other channels,
            which are ignored.
        buffers: Binary attachments, outside the JSON.
        msg_id: Id of this message.
        msg_type: Its type: ``execute_request``, ``stream``, ``status`` and others.
        parent_id: Id of the request that it answers. None for messages about the kernel itself.
    """

    channel: str
    header: Json
    parent_header: Json = field(factory=dict)
    metadata: Json = field(factory=dict)
    content: Json = field(factory=dict)
    buffers: tuple[bytes, ...] = ()
    # Fields instead of properties, because each is read about ten times per message.
    msg_id: str = field(init=False, repr=False, eq=False)
    msg_type: str = field(init=False, repr=False, eq=False)
    parent_id: str | None = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        parent = self.parent_header.get("msg_id")
        object.__setattr__(self, "msg_id", str(self.header["msg_id"]))
        object.__setattr__(self, "msg_type", str(self.header["msg_type"]))
        object.__setattr__(self, "parent_id", parent if isinstance(parent, str) else None)


def new_session() -> str:
    """A new session id. A client uses one id for all its messages."""
    return secrets.token_hex(16)


def new_header(msg_type: str, session: str) -> Json:
    """A complete header with a new id and the current time."""
    # Without a time zone in the object, isoformat takes half the time.
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return {
        "msg_id": secrets.token_bytes(16).hex(),
        "session": session,
        "username": "jkg_client",
        "date": f"{now.isoformat()}+00:00",
        "msg_type": msg_type,
        "version": PROTOCOL_VERSION,
    }


def execute_request(
    session: str,
    code: str,
    *,
    silent: bool = False,
    store_history: bool = True,
    user_expressions: Mapping[str, str] | None = None,
    allow_stdin: bool = False,
    stop_on_error: bool = True,
) -> Message:
    """Run ``code`` as one cell.

    Args:
        session: Session id of the client.
        code: A cell. It may contain magics.
        silent: No ``execute_input``, no counter, no history.
        store_history: Whether the kernel counts the cell and keeps it in its history.
        user_expressions: Expressions by name, which the kernel evaluates after the code. The reply
            contains their values.
        allow_stdin: Whether the code may ask for input.
        stop_on_error: Whether an error aborts the waiting cells.
    """
    content = {
        "code": code,
        "silent": silent,
        "store_history": store_history and not silent,
        "user_expressions": dict(user_expressions or {}),
        "allow_stdin": allow_stdin,
        "stop_on_error": stop_on_error,
    }
    return _request("execute_request", session, content)


def again(request: Message) -> Message:
    """The same request as a new message, to be sent again."""
    header = new_header(request.msg_type, str(request.header["session"]))
    return evolve(request, header=header)


def kernel_info_request(session: str) -> Message:
    """Ask for information about the kernel. Every kernel answers this."""
    return _request("kernel_info_request", session, {})


def complete_request(session: str, code: str, cursor_pos: int) -> Message:
    """Ask for completions at ``cursor_pos``, in Unicode characters."""
    return _request("complete_request", session, {"code": code, "cursor_pos": cursor_pos})


def inspect_request(session: str, code: str, cursor_pos: int, detail_level: int = 0) -> Message:
    """Ask about the object at ``cursor_pos``. ``detail_level`` 1 asks for its source, too."""
    content = {"code": code, "cursor_pos": cursor_pos, "detail_level": detail_level}
    return _request("inspect_request", session, content)


def is_complete_request(session: str, code: str) -> Message:
    """Ask whether ``code`` is complete."""
    return _request("is_complete_request", session, {"code": code})


def history_request(
    session: str,
    access_type: Literal["tail", "range", "search"],
    *,
    output: bool = False,
    raw: bool = True,
    n: int = 10,
    pattern: str | None = None,
    session_number: int = 0,
    start: int = 1,
    stop: int | None = None,
    unique: bool = False,
) -> Message:
    """Ask for earlier cells: the last ``n``, a range of a session, or a search for ``pattern``."""
    content: dict[str, Any] = {
        "hist_access_type": access_type,
        "output": output,
        "raw": raw,
    }
    if access_type == "range":
        content.update(session=session_number, start=start, stop=stop)
    else:
        content.update(n=n)
    if access_type == "search":
        content.update(pattern=pattern or "*", unique=unique)
    return _request("history_request", session, content)


def comm_message(session: str, comm_id: str, data: Json) -> Message:
    """Send data to the kernel's end of a comm, such as the state of a widget."""
    return _request("comm_msg", session, {"comm_id": comm_id, "data": data})


def input_reply(session: str, value: str, parent: Message) -> Message:
    """Answer the input request ``parent``. The value EOT ends the input."""
    return Message(
        channel="stdin",
        header=new_header("input_reply", session),
        parent_header=parent.header,
        content={"value": value, "status": "ok"},
    )


def interrupt_request(session: str) -> Message:
    """Interrupt the running cell, in kernels that are not interrupted by a signal."""
    return evolve(_request("interrupt_request", session, {}), channel="control")


def shutdown_request(session: str, *, restart: bool) -> Message:
    """Ask the kernel to end itself."""
    content = {"restart": restart}
    return evolve(_request("shutdown_request", session, content), channel="control")


def parentless_status(state: str, session: str, reason: str | None = None) -> Message:
    """A message about a start or a death of the kernel, in the form of Jupyter servers.

    Args:
        state: ``restarting``, ``starting`` or ``dead``.
        session: Id of the session.
        reason: How the previous process ended, if it was not stopped. Servers do not send the
            reason.
    """
    content = {"execution_state": state, **({"reason": reason} if reason else {})}
    return Message(channel="iopub", header=new_header("status", session), content=content)


def _request(msg_type: str, session: str, content: Json) -> Message:
    return Message(channel="shell", header=new_header(msg_type, session), content=content)
