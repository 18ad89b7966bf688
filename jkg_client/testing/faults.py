"""Faults of the server and the connection, which a test causes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..client import arguments
from ..protocol.wire import Frame
from .active_faults import ActiveFaults, Cut, RestFault
from .disturbances import RateLimit
from .kernels import Kernels
from .scripts import in_json
from .server import HttpAnswer, Server, json_answer
from .sockets import KernelSocket

CLOSE_CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
"""Codes that a close frame can have."""


class Faults:
    """Faults of a fake gateway. Each begins when its method is called.

    Example::

        gateway.faults.status(500, method="POST", path="/api/kernels")
        gateway.faults.cut_within("stream")

    ``method`` and ``path`` choose requests; wildcards are allowed. Paths are below the gateway's
    base path, and the opening of a WebSocket is a GET of ``/api/kernels/ID/channels``. ``times`` is
    the number of requests that the fault affects, None for all. Of several wrong answers or cuts,
    only the first affects a request. ``msg_type`` chooses messages; wildcards are allowed. ``rst``
    ends a connection with a TCP reset instead of an orderly end.

    Use the object ``FakeGateway.faults``. The arguments of the class, ``active``, ``server``,
    ``kernels`` and ``sockets``, are parts of the gateway.
    """

    def __init__(
        self,
        active: ActiveFaults,
        server: Server,
        kernels: Kernels,
        sockets: Collection[KernelSocket],
    ) -> None:
        self._active = active
        self._server = server
        self._kernels = kernels
        self._sockets = sockets

    def status(
        self,
        code: int,
        *,
        method: str = "*",
        path: str = "*",
        times: int | None = 1,
        body: str | Mapping[str, Any] = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer with the status ``code``, and do not carry out the request.

        ``body`` is text, or an object that is sent as JSON. ``headers`` are added to the answer.

        Raises:
            ValueError: An argument is wrong.
        """
        if not 200 <= arguments.at_least("code", code, 0) <= 599:
            raise ValueError(f"code must be a status from 200 to 599, not {code!r:.200}")
        arguments.words("headers", headers)
        for name, value in (headers or {}).items():
            if not all(part.isascii() and part.isprintable() for part in (name, value)):
                raise ValueError(f"the header {name!r} has characters that HTTP does not allow")
        if not isinstance(body, (str, Mapping)):
            raise ValueError(f"body must be a string or a mapping, not {type(body).__name__}")  # noqa: TRY004
        if not isinstance(body, str):
            body = in_json("body", body)
        if isinstance(body, str) and body:
            about = {"Content-Type": "text/html; charset=UTF-8", **(headers or {})}
            answer = HttpAnswer(status=code, body=body.encode(), headers=about)
        else:
            answer = json_answer(code, body or {"reason": "", "message": "a fault"}, headers)
        self._active.add(RestFault(method=method, path=path, answer=answer), times)

    def delay(
        self, seconds: float, *, method: str = "*", path: str = "*", times: int | None = None
    ) -> None:
        """Answer ``seconds`` late."""
        arguments.pause("seconds", seconds)
        self._active.add(RestFault(method=method, path=path, seconds=seconds), times)

    def never_answer(self, *, method: str = "*", path: str = "*", times: int | None = None) -> None:
        """Accept requests but never answer them, and do not carry them out."""
        self._active.add(RestFault(method=method, path=path, seconds=None), times)

    def cut_answer(
        self,
        after: int = 0,
        *,
        method: str = "*",
        path: str = "*",
        times: int | None = 1,
        rst: bool = False,
    ) -> None:
        """Carry out the request, but cut the connection ``after`` this many bytes of the answer."""
        arguments.at_least("after", after, 0)
        self._active.add(RestFault(method=method, path=path, cut=after, rst=rst), times)

    def refuse_connections(self) -> None:
        """Stop listening. Open connections stay open."""
        self._server.refuse()

    def accept_connections(self) -> None:
        """Listen again, on the same port."""
        self._server.accept()

    def close(self, code: int = 1001) -> None:
        """Close all WebSockets with a close frame that has this ``code``, and keep later messages.

        Raises:
            ValueError: A close frame cannot have this code.
        """
        if arguments.at_least("code", code, 0) not in CLOSE_CODES:
            raise ValueError(f"a close frame cannot have the code {code!r:.200}")
        for done in [socket.close(code) for socket in tuple(self._sockets)]:
            done.wait(1)

    def cut_now(self, *, rst: bool = False) -> None:
        """Cut all WebSockets, without a close frame."""
        arguments.flag("rst", rst)
        for socket in tuple(self._sockets):
            socket.cut(rst=rst)

    def cut_after(self, count: int, *, rst: bool = False) -> None:
        """Cut a WebSocket after ``count`` more bytes."""
        self._active.cut_after(count, rst=rst)

    def cut_before(self, msg_type: str = "*", *, rst: bool = False) -> None:
        """Cut a WebSocket before the next message of this type. The message is kept."""
        self._active.add_cut(Cut(msg_type=msg_type, where="before", rst=rst))

    def cut_within(self, msg_type: str = "*", *, rst: bool = False) -> None:
        """Cut a WebSocket in the middle of the next message of this type. The message is lost."""
        self._active.add_cut(Cut(msg_type=msg_type, where="within", rst=rst))

    def cut_after_message(self, msg_type: str = "*", *, rst: bool = False) -> None:
        """Cut a WebSocket after the next message of this type."""
        self._active.add_cut(Cut(msg_type=msg_type, where="after", rst=rst))

    def hold(self) -> None:
        """Keep the WebSockets open, but neither send nor read, as on a half-open connection."""
        self._active.gate.clear()

    def release(self) -> None:
        """Send and read again after ``hold``."""
        self._active.gate.set()

    def send_frame(self, frame: Frame) -> None:
        """Send ``frame``, which may be any text or bytes, on all WebSockets.

        Raises:
            ValueError: ``frame`` is neither text nor bytes.
        """
        if not isinstance(frame, (str, bytes)):
            raise ValueError(f"frame must be a string or bytes, not {type(frame).__name__}")  # noqa: TRY004
        for socket in tuple(self._sockets):
            socket.send_frame(frame)

    def drop_kept(self) -> None:
        """Lose the messages that are kept for disconnected clients, as a restarted gateway does."""
        for kernel in tuple(self._kernels.running.values()):
            kernel.drop_kept()

    def rate_limit(self, *, messages: float = 0.0, data: float = 0.0, window: float = 3.0) -> None:
        """Drop output that comes too fast, and send the notice of a real server.

        The limits are ``messages`` and bytes of streams (``data``) per second, counted over
        ``window`` seconds. 0 for no limit. Real servers allow 1,000 messages and 1,000,000 bytes.
        """
        self._active.limit = RateLimit(messages=messages, data=data, window=window)

    def foreign_messages(self) -> None:
        """From now on, send each client a message of another client before each of its own."""
        self._active.is_noisy = True

    def clear(self) -> None:
        """End all faults. Requests that wait because of a fault are answered now."""
        self._active.clear()
        self._server.accept()
