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
    """What goes wrong at a fake gateway, from the moment that it is asked for.

    ``method`` and ``path`` choose the requests that a fault hits and may have wildcards;
    paths are below the gateway's base path, and the opening of a WebSocket is a GET of
    ``/api/kernels/ID/channels``. ``times`` is how many of them, None for all.
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
        """Answer with a status, and nothing is done."""
        answer = json_answer(code, body or {"reason": "", "message": "a fault"})
        if isinstance(body, str) and body:
            about = {"Content-Type": "text/html; charset=UTF-8"}
            answer = Answer(status=code, body=body.encode(), headers=about)
        more = Answer(status=code, body=answer.body, headers={**answer.headers, **(headers or {})})
        self._add(method, path, times, RestFault(answer=more))

    def delay(
        self, seconds: float, *, method: str = "*", path: str = "*", times: int | None = None
    ) -> None:
        """Answer late."""
        self._add(method, path, times, RestFault(seconds=seconds))

    def never_answer(self, *, method: str = "*", path: str = "*", times: int | None = None) -> None:
        """Take requests and say nothing; what they ask for is not done."""
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
        """Do what is asked, but cut the connection ``after`` bytes of the answer."""
        self._add(method, path, times, RestFault(cut=after, rst=rst))

    def refuse_connections(self) -> None:
        """Listen no more; the connections that are open stay."""
        self._reach.refuse()

    def accept_connections(self) -> None:
        """Listen again, on the same port."""
        self._reach.accept()

    def close(self, code: int = 1001) -> None:
        """Close all WebSockets with a close frame; what is said from now on is kept.

        Raises:
            ValueError: No close frame may have this code.
        """
        if code not in CLOSE_CODES:
            raise ValueError(f"no code of a close frame: {code}")
        for done in [line.close(code) for line in self._reach.lines()]:
            done.wait(1)

    def cut_now(self, *, rst: bool = False) -> None:
        """Cut all WebSockets, with a reset or an orderly end of TCP, without a close frame."""
        for line in self._reach.lines():
            line.cut(rst=rst)

    def cut_after(self, count: int, *, rst: bool = False) -> None:
        """Cut a WebSocket when ``count`` bytes more have been sent on it."""
        with self._lock:
            self._bytes_left, self._rst = count, rst

    def cut_before(self, msg_type: str = "*", *, rst: bool = False) -> None:
        """Cut a WebSocket before the next message of this type, which is kept."""
        self._add_cut(Cut(msg_type=msg_type, where="before", rst=rst))

    def cut_within(self, msg_type: str = "*", *, rst: bool = False) -> None:
        """Cut a WebSocket in the middle of the next message of this type, which is lost."""
        self._add_cut(Cut(msg_type=msg_type, where="within", rst=rst))

    def cut_behind(self, msg_type: str = "*", *, rst: bool = False) -> None:
        """Cut a WebSocket after the next message of this type."""
        self._add_cut(Cut(msg_type=msg_type, where="after", rst=rst))

    def hold(self) -> None:
        """Keep the WebSockets open, but neither send nor read, as behind a dead line."""
        self._gate.clear()

    def release(self) -> None:
        """Send and read again."""
        self._gate.set()

    def send_frame(self, frame: Frame) -> None:
        """Send a frame of any content, text or binary, on all WebSockets."""
        for line in self._reach.lines():
            line.send_frame(frame)

    def drop_kept(self) -> None:
        """Lose what is kept for clients that are away, as a gateway does that was restarted."""
        for kernel in self._reach.kernels():
            kernel.drop_kept()

    def rate_limit(self, *, messages: float = 0.0, data: float = 0.0, window: float = 3.0) -> None:
        """Drop output, with the notice of a real server, as soon as there is too much.

        Args:
            messages: In a second; zero for any number. Real servers allow 1000.
            data: Bytes of streams in a second; zero for any number. Real servers allow 1000000.
            window: Seconds over which both are counted.
        """
        self.limit = RateLimit(messages=messages, data=data, window=window)

    def foreign_messages(self) -> None:
        """From now on clients see another client's messages before each of their own."""
        self.is_noisy = True

    def clear(self) -> None:
        """Behave again."""
        self.release()
        self.limit, self.is_noisy = None, False
        with self._lock:
            self._rules.clear()
            self._cuts.clear()
            self._bytes_left = None

    def complaints(self) -> list[str]:
        """Which of the faults were never met."""
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
        """Whether the WebSockets stand still."""
        return not self._gate.is_set()

    def for_request(self, method: str, path: str) -> list[RestFault]:
        """The faults that this request meets; those that were for once are used up."""
        with self._lock:
            rules = [rule for rule in self._rules if rule.fits(method, path)]
            for rule in rules:
                rule.is_met = True
                if rule.times is not None:
                    rule.times -= 1
            return [rule.fault for rule in rules]

    def cut_for(self, msg_type: str) -> Cut | None:
        """The cut that a message of this type meets, used up by it."""
        with self._lock:
            for cut in self._cuts:
                if fnmatch.fnmatchcase(msg_type, cut.msg_type):
                    self._cuts.remove(cut)
                    return cut
        return None

    def allowance(self, size: int, cut: Cut | None) -> tuple[int | None, bool]:
        """How much of ``size`` bytes is sent before the line is cut, None for all and no cut."""
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
        """Wait while the WebSockets are held."""
        while not self._gate.wait(0.05) and not over.is_set():
            pass

    def _add(self, method: str, path: str, times: int | None, fault: RestFault) -> None:
        with self._lock:
            self._rules.append(_Rule(method, path, fault, times))

    def _add_cut(self, cut: Cut) -> None:
        with self._lock:
            self._cuts.append(cut)
