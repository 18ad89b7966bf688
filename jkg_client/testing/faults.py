"""Misbehaviour on command."""

from __future__ import annotations

import fnmatch
import json
import threading
from collections.abc import Mapping
from typing import Any, Literal

from attrs import define, field, frozen

from ..protocol.wire import Frame
from .disturbances import RateLimit
from .reach import Reach


@frozen(kw_only=True)
class Answer:
    """What an HTTP request is answered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)


def json_answer(status: int, value: Any, **headers: str) -> Answer:
    """``value`` as JSON; underscores in the names of ``headers`` stand for dashes."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(
        status=status,
        body=json.dumps(value).encode(),
        headers={"Content-Type": "application/json", **named},
    )


@frozen(kw_only=True)
class RestFault:
    """What happens to a request.

    Attributes:
        seconds: How long it waits for its answer; None for ever.
        answer: Given instead of the right one; None for the right one.
        cut: How many bytes of the answer are sent before the connection is cut; None for all.
    """

    seconds: float | None = 0.0
    answer: Answer | None = None
    cut: int | None = None
    rst: bool = False


@define
class _Rule:
    method: str
    path: str
    fault: RestFault
    times: int | None
    is_met: bool = False

    def fits(self, method: str, path: str) -> bool:
        return (
            self.times != 0
            and fnmatch.fnmatchcase(method, self.method)
            and fnmatch.fnmatchcase(path, self.path)
        )


@frozen(kw_only=True)
class Cut:
    """Where a WebSocket is cut: before the next message of a type, in it, or after it."""

    msg_type: str
    where: Literal["before", "within", "after"]
    rst: bool

    @property
    def before(self) -> bool:
        """Whether the message is not sent at all."""
        return self.where == "before"


CLOSE_CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
"""What a close frame may say; the others stand for its absence."""


class Faults:
    """Faults that a fake gateway shows, from the moment when they are asked for.

    Example::

        gateway.faults.status(500, method="POST", path="/api/kernels")
        gateway.faults.cut_within("stream")

    ``method`` and ``path`` choose requests; wildcards are allowed. Paths are below the gateway's
    base path, and the opening of a WebSocket is a GET of ``/api/kernels/ID/channels``. ``times`` is
    the number of requests that the fault hits, None for all. ``msg_type`` chooses messages;
    wildcards are allowed. ``rst`` ends a connection with a reset of TCP instead of an orderly end.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self._cuts: list[Cut] = []
        self._bytes_left: int | None = None
        self._rst = False
        self.limit: RateLimit | None = None
        self.is_noisy: bool = False
        self._gate = threading.Event()
        self._gate.set()

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
        """
        answer = json_answer(code, body or {"reason": "", "message": "a fault"})
        if isinstance(body, str) and body:
            about = {"Content-Type": "text/html; charset=UTF-8"}
            answer = Answer(status=code, body=body.encode(), headers=about)
        more = Answer(status=code, body=answer.body, headers={**answer.headers, **(headers or {})})
        self._add(method, path, times, RestFault(answer=more))

    def delay(
        self, seconds: float, *, method: str = "*", path: str = "*", times: int | None = None
    ) -> None:
        """Answer ``seconds`` late."""
        self._add(method, path, times, RestFault(seconds=seconds))

    def never_answer(self, *, method: str = "*", path: str = "*", times: int | None = None) -> None:
        """Accept requests but never answer them, and do not carry them out."""
        self._add(method, path, times, RestFault(seconds=None))

    def cut_answer(
        self,
        after: int = 0,
        *,
        method: str = "*",
        path: str = "*",
        times: int | None = 1,
        rst: bool = False,
    ) -> None:
        """Carry out the request, but cut the connection ``after`` so many bytes of the answer."""
        self._add(method, path, times, RestFault(cut=after, rst=rst))

    def refuse_connections(self) -> None:
        """Stop listening. Open connections stay open."""
        self._reach.refuse()

    def accept_connections(self) -> None:
        """Listen again, on the same port."""
        self._reach.accept()

    def close(self, code: int = 1001) -> None:
        """Close all WebSockets with a close frame. What kernels say from now on is kept.

        Args:
            code: Code of the close frame.

        Raises:
            ValueError: A close frame cannot have this code.
        """
        if code not in CLOSE_CODES:
            raise ValueError(f"no code of a close frame: {code}")
        for done in [line.close(code) for line in self._reach.lines()]:
            done.wait(1)

    def cut_now(self, *, rst: bool = False) -> None:
        """Cut all WebSockets, without a close frame."""
        for line in self._reach.lines():
            line.cut(rst=rst)

    def cut_after(self, count: int, *, rst: bool = False) -> None:
        """Cut a WebSocket after ``count`` more bytes."""
        with self._lock:
            self._bytes_left, self._rst = count, rst

    def cut_before(self, msg_type: str = "*", *, rst: bool = False) -> None:
        """Cut a WebSocket before the next message of this type. The message is kept."""
        self._add_cut(Cut(msg_type=msg_type, where="before", rst=rst))

    def cut_within(self, msg_type: str = "*", *, rst: bool = False) -> None:
        """Cut a WebSocket in the middle of the next message of this type. The message is lost."""
        self._add_cut(Cut(msg_type=msg_type, where="within", rst=rst))

    def cut_behind(self, msg_type: str = "*", *, rst: bool = False) -> None:
        """Cut a WebSocket after the next message of this type."""
        self._add_cut(Cut(msg_type=msg_type, where="after", rst=rst))

    def hold(self) -> None:
        """Keep the WebSockets open, but neither send nor read, as on a dead line."""
        self._gate.clear()

    def release(self) -> None:
        """Send and read again after ``hold``."""
        self._gate.set()

    def send_frame(self, frame: Frame) -> None:
        """Send a frame on all WebSockets.

        Args:
            frame: Any text or bytes.
        """
        for line in self._reach.lines():
            line.send_frame(frame)

    def drop_kept(self) -> None:
        """Lose the messages that are kept for absent clients, as a restarted gateway does."""
        for kernel in self._reach.kernels():
            kernel.drop_kept()

    def rate_limit(self, *, messages: float = 0.0, data: float = 0.0, window: float = 3.0) -> None:
        """Drop output that comes too fast, and send the notice of a real server.

        Args:
            messages: Messages per second. 0 for any number. Real servers allow 1000.
            data: Bytes of streams per second. 0 for any number. Real servers allow 1,000,000.
            window: Seconds over which both are counted.
        """
        self.limit = RateLimit(messages=messages, data=data, window=window)

    def foreign_messages(self) -> None:
        """From now on, show clients a message of another client before each of their own."""
        self.is_noisy = True

    def clear(self) -> None:
        """End all faults."""
        self.release()
        self.limit, self.is_noisy = None, False
        with self._lock:
            self._rules.clear()
            self._cuts.clear()
            self._bytes_left = None

    def complaints(self) -> list[str]:
        """The faults that never occurred."""
        with self._lock:
            rules = [f"{rule.method} {rule.path}" for rule in self._rules if not rule.is_met]
            cuts = [f"{cut.where} a message of type {cut.msg_type}" for cut in self._cuts]
            cuts += [f"after {self._bytes_left} bytes"] if self._bytes_left is not None else []
        return [
            *(f"the fault at {which} was never met: no such request came" for which in rules),
            *(f"the cut {which} was never met: nothing like it was sent" for which in cuts),
        ]

    @property
    def is_holding(self) -> bool:
        """Whether the WebSockets are held."""
        return not self._gate.is_set()

    def for_request(self, method: str, path: str) -> list[RestFault]:
        """The faults that this request meets. Those for a number of requests are counted.

        Args:
            method: Method of the request.
            path: Path of the request.
        """
        with self._lock:
            rules = [rule for rule in self._rules if rule.fits(method, path)]
            for rule in rules:
                rule.is_met = True
                if rule.times is not None:
                    rule.times -= 1
            return [rule.fault for rule in rules]

    def cut_for(self, msg_type: str) -> Cut | None:
        """The cut that a message of this type meets. It is used up.

        Args:
            msg_type: Type of the message.
        """
        with self._lock:
            for cut in self._cuts:
                if fnmatch.fnmatchcase(msg_type, cut.msg_type):
                    self._cuts.remove(cut)
                    return cut
        return None

    def allowance(self, size: int, cut: Cut | None) -> tuple[int | None, bool]:
        """How many bytes are sent before the connection is cut, and whether by a reset.

        Args:
            size: Number of bytes to send.
            cut: The cut that the message meets, if any.

        Returns:
            None and False if the connection is not cut.
        """
        if cut is not None:
            return (size // 2 if cut.where == "within" else size), cut.rst
        with self._lock:
            if self._bytes_left is None:
                return None, False
            if self._bytes_left > size:
                self._bytes_left -= size
                return None, False
            allowed, self._bytes_left = self._bytes_left, None
            return allowed, self._rst

    def pass_gate(self, over: threading.Event) -> None:
        """Wait while the WebSockets are held.

        Args:
            over: Ends the wait when it is set.
        """
        while not self._gate.wait(0.05) and not over.is_set():
            pass

    def _add(self, method: str, path: str, times: int | None, fault: RestFault) -> None:
        with self._lock:
            self._rules.append(_Rule(method, path, fault, times))

    def _add_cut(self, cut: Cut) -> None:
        with self._lock:
            self._cuts.append(cut)
