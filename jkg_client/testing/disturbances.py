"""Disturbances between a kernel and a client: a rate limit, and messages of other clients."""

from __future__ import annotations

from collections import deque

from attrs import define, field, frozen

from ..client import arguments
from ..client.arguments import validator
from ..protocol.messages import Message, new_header, new_session

NOTICE = """\
IOPub {what} rate exceeded.
The Jupyter server will temporarily stop sending output
to the client in order to avoid crashing it.
To change this limit, set the config variable
`--ServerApp.iopub_{name}_rate_limit`.

Current values:
ServerApp.iopub_{name}_rate_limit={limit} ({unit}/sec)
ServerApp.rate_limit_window={window} (secs)

"""


@frozen(kw_only=True)
class RateLimit:
    """Limits for the output that a server passes on. 0 for no limit.

    Attributes:
        messages: Messages per second.
        data: Bytes of streams per second.
        window: Messages and bytes are counted over this number of seconds.
    """

    messages: float = field(default=0.0, validator=validator(arguments.pause))
    data: float = field(default=0.0, validator=validator(arguments.pause))
    window: float = field(default=3.0, validator=validator(arguments.seconds))


@define
class RateLimiter:
    """Counts the output of one connection, as jupyter_server does."""

    _seen: deque[tuple[float, int]] = field(factory=deque, init=False)
    _exceeded: set[str] = field(factory=set, init=False)

    def admitted(self, message: Message, size: int, limit: RateLimit, now: float) -> list[Message]:
        """The messages to send instead of ``message``: the message itself, nothing, or a notice."""
        if message.channel != "iopub":
            return [message]
        if message.content.get("execution_state") == "idle":
            self._seen.clear()
            self._exceeded.clear()
        if message.msg_type in {"status", "comm_open", "execute_input"}:
            return [message]
        while self._seen and now >= self._seen[0][0] + limit.window:
            self._seen.popleft()
        self._seen.append((now, size if message.msg_type == "stream" else 0))
        notices = [_notice(name, message, limit) for name in self._crossed(limit)]
        if not self._exceeded:
            return [message]
        self._seen.pop()
        return notices

    def _crossed(self, limit: RateLimit) -> list[str]:
        rates = {
            "msg": (len(self._seen) / limit.window, limit.messages),
            "data": (sum(size for _, size in self._seen) / limit.window, limit.data),
        }
        crossed = []
        for name, (rate, most) in rates.items():
            if most and rate > most and name not in self._exceeded:
                self._exceeded.add(name)
                crossed.append(name)
            elif rate < 0.8 * most:
                self._exceeded.discard(name)
        return crossed


def _notice(name: str, instead_of: Message, limit: RateLimit) -> Message:
    text = NOTICE.format(
        name=name,
        what={"msg": "message", "data": "data"}[name],
        unit={"msg": "msgs", "data": "bytes"}[name],
        limit={"msg": float(limit.messages), "data": float(limit.data)}[name],
        window=limit.window,
    )
    return Message(
        channel="iopub",
        header=new_header("stream", new_session()),
        parent_header=instead_of.parent_header,
        content={"name": "stderr", "text": text},
    )


def foreign_messages() -> list[Message]:
    """Messages about a cell of another client, each twice and in a wrong order."""
    parent = new_header("execute_request", new_session())
    told = (
        ("iopub", "status", {"execution_state": "idle"}),
        ("iopub", "stream", {"name": "stdout", "text": "somebody else's\n"}),
        ("shell", "execute_reply", {"status": "ok", "execution_count": 99, "payload": []}),
        ("iopub", "error", {"ename": "Foreign", "evalue": "somebody else's", "traceback": []}),
        ("iopub", "status", {"execution_state": "busy"}),
    )
    session = new_session()
    return [
        Message(
            channel=channel,
            header=new_header(msg_type, session),
            parent_header=parent,
            content=content,
        )
        for channel, msg_type, content in told
    ] * 2
