"""Jupyter messages as values, and the requests that a client makes.

The format is the specification's, protocol 5.4:
https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Literal

from attrs import evolve, field, frozen

Json = Mapping[str, Any]
"""A JSON object. What is in it was written by somebody else: check before use."""

PROTOCOL_VERSION = "5.4"

EOT = "\x04"
"""As the value of an input reply: no more input; ``input()`` raises EOFError."""


@frozen(kw_only=True)
class Message:
    """One Jupyter message, decoded, as it looks on every transport.

    ``header`` and ``parent_header`` stay mappings: kernels add fields of their
    own, and what we do not read we must not lose.

    Attributes:
        channel: ``shell``, ``control``, ``iopub`` or ``stdin``; servers have been
            seen to send others, which nobody listens to.
        buffers: Binary attachments, outside the JSON.
        msg_id: Id of this message.
        msg_type: What it is: ``execute_request``, ``stream``, ``status`` ….
        parent_id: Id of the request this answers; None for news about the kernel itself.
    """

    channel: str
    header: Json
    parent_header: Json = field(factory=dict)
    metadata: Json = field(factory=dict)
    content: Json = field(factory=dict)
    buffers: tuple[bytes, ...] = ()
    # Fields and no properties: each message is asked for them some ten times.
    msg_id: str = field(init=False, repr=False, eq=False)
    msg_type: str = field(init=False, repr=False, eq=False)
    parent_id: str | None = field(init=False, repr=False, eq=False)

    @msg_id.default
    def _msg_id(self) -> str:
        return str(self.header["msg_id"])

    @msg_type.default
    def _msg_type(self) -> str:
        return str(self.header["msg_type"])

    @parent_id.default
    def _parent_id(self) -> str | None:
        parent = self.parent_header.get("msg_id")
        return parent if isinstance(parent, str) else None


def new_session() -> str:
    """A fresh session id: one for each client, the same on all its messages."""
    return secrets.token_hex(16)


def new_header(msg_type: str, session: str) -> Json:
    """A complete header, with an id of its own and the time."""
    return {
        "msg_id": secrets.token_hex(16),
        "session": session,
        "username": "jkg_client",
        "date": datetime.now(timezone.utc).isoformat(),
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
        code: A cell, magics included.
        silent: No ``execute_input``, no counter, no history.
        store_history: Whether the cell counts and is remembered.
        user_expressions: Name to expression, evaluated after the code; the values
            come in the reply.
        allow_stdin: Whether the code may ask for input.
        stop_on_error: Whether cells queued behind this one are aborted when it fails.
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
    """The same request, to be sent once more as a message of its own."""
    header = new_header(request.msg_type, str(request.header["session"]))
    return evolve(request, header=header)


def kernel_info_request(session: str) -> Message:
    """Ask the kernel what it is; every kernel answers this."""
    return _request("kernel_info_request", session, {})


def complete_request(session: str, code: str, cursor_pos: int) -> Message:
    """Ask for completions at ``cursor_pos``, counted in unicode characters."""
    return _request("complete_request", session, {"code": code, "cursor_pos": cursor_pos})


def inspect_request(session: str, code: str, cursor_pos: int, detail_level: int = 0) -> Message:
    """Ask about the object at ``cursor_pos``; ``detail_level`` 1 brings its source."""
    content = {"code": code, "cursor_pos": cursor_pos, "detail_level": detail_level}
    return _request("inspect_request", session, content)


def is_complete_request(session: str, code: str) -> Message:
    """Ask whether ``code`` is complete as it stands."""
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
    """Ask for earlier cells: the last ``n``, a range of one session, or those like ``pattern``."""
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
    """Tell the kernel's end of a comm something, such as the state of a widget."""
    return _request("comm_msg", session, {"comm_id": comm_id, "data": data})


def input_reply(session: str, value: str, parent: Message) -> Message:
    """Answer the input request ``parent``; EOT as value ends the input."""
    return Message(
        channel="stdin",
        header=new_header("input_reply", session),
        parent_header=parent.header,
        content={"value": value, "status": "ok"},
    )


def interrupt_request(session: str) -> Message:
    """Interrupt what the kernel runs; for kernels that take no signals for it."""
    return evolve(_request("interrupt_request", session, {}), channel="control")


def shutdown_request(session: str, *, restart: bool) -> Message:
    """End the kernel in good order."""
    content = {"restart": restart}
    return evolve(_request("shutdown_request", session, content), channel="control")


def parentless_status(state: str, session: str, reason: str | None = None) -> Message:
    """News of the kernel's life from whoever runs it, as Jupyter servers tell them.

    Args:
        state: ``restarting``, ``starting`` or ``dead``.
        session: Id of the session.
        reason: How the process before ended, if it was not stopped; servers never say.
    """
    content = {"execution_state": state, **({"reason": reason} if reason else {})}
    return Message(channel="iopub", header=new_header("status", session), content=content)


def _request(msg_type: str, session: str, content: Json) -> Message:
    return Message(channel="shell", header=new_header(msg_type, session), content=content)
