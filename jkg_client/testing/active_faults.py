"""The faults that are set now. The HTTP server and the WebSockets look them up here."""

from __future__ import annotations

import fnmatch
import threading
from typing import Literal

from attrs import define, field, frozen

from ..client import arguments
from ..client.arguments import validator
from .disturbances import RateLimit
from .server import HttpAnswer


def _check_path(name: str, path: object) -> None:
    if not arguments.text(name, path).startswith(("/", "*", "?", "[")):
        raise ValueError(f"{name} must begin with / or with a wildcard, not {path!r:.200}")


@frozen(kw_only=True)
class RestFault:
    """A fault of some HTTP requests.

    Attributes:
        method: Method of the requests. Wildcards are allowed.
        path: Path of the requests. Wildcards are allowed.
        seconds: Delay of the answer. None for no answer.
        answer: Wrong answer to send. None for the right answer.
        cut: Number of bytes of the answer after which the connection is cut. None for no cut.
        rst: Whether the connection is cut by a TCP reset.
    """

    method: str = field(default="*", validator=validator(arguments.text))
    path: str = field(default="*", validator=validator(_check_path))
    seconds: float | None = field(default=0.0, validator=validator(arguments.pause, or_none=True))
    answer: HttpAnswer | None = None
    cut: int | None = None
    rst: bool = field(default=False, validator=validator(arguments.flag))


@define
class _Rule:
    fault: RestFault
    times: int | None
    is_met: bool = False

    def fits(self, method: str, path: str) -> bool:
        return (
            self.times != 0
            and fnmatch.fnmatchcase(method, self.fault.method.upper())
            and fnmatch.fnmatchcase(path, self.fault.path)
        )

    def excludes(self, other: _Rule) -> bool:
        """Whether one request cannot have both faults."""
        return (self.fault.answer is not None and other.fault.answer is not None) or (
            self.fault.cut is not None and other.fault.cut is not None
        )


@frozen(kw_only=True)
class Cut:
    """Where a WebSocket is cut: before the next message of a type, in it, or after it."""

    msg_type: str = field(validator=validator(arguments.text))
    where: Literal["before", "within", "after"]
    rst: bool = field(validator=validator(arguments.flag))


class ActiveFaults:
    """The faults that are set now.

    Attributes:
        limit: Limit for output. None for no limit.
        is_noisy: Whether clients also receive messages of another client.
        gate: An event. While it is not set, WebSockets neither send nor read.
    """

    def __init__(self) -> None:
        self.gate: threading.Event = threading.Event()
        self._lock = threading.Lock()
        self._released = threading.Event()
        self.clear()

    def clear(self) -> None:
        """End all faults."""
        self.release()
        self._released = threading.Event()
        self.limit: RateLimit | None = None
        self.is_noisy: bool = False
        with self._lock:
            self._rules: list[_Rule] = []
            self._cuts: list[Cut] = []
            self._bytes_left: int | None = None
            self._bytes_wanted = 0
            self._rst = False

    def release(self) -> None:
        """Let everything that waits because of a fault go on."""
        self.gate.set()
        self._released.set()

    def wait(self, seconds: float | None) -> None:
        """Wait for ``seconds``, or for ever if None. The end of the faults ends the wait."""
        self._released.wait(seconds)

    def add(self, fault: RestFault, times: int | None) -> None:
        """Apply ``fault`` to a number of requests. None for all requests."""
        if times is not None:
            arguments.at_least("times", times, 1)
        with self._lock:
            self._rules.append(_Rule(fault, times))

    def add_cut(self, cut: Cut) -> None:
        """Cut a WebSocket at the next message of a type."""
        with self._lock:
            self._cuts.append(cut)

    def cut_after(self, count: int, *, rst: bool) -> None:
        """Cut a WebSocket after ``count`` more bytes."""
        arguments.at_least("count", count, 0)
        arguments.flag("rst", rst)
        with self._lock:
            self._bytes_left, self._bytes_wanted, self._rst = count, count, rst

    def complaints(self) -> list[str]:
        """The faults that never occurred."""
        with self._lock:
            unmet = [rule.fault for rule in self._rules if not rule.is_met]
            rules = [f"{fault.method} {fault.path}" for fault in unmet]
            cuts = [f"{cut.where} a message of type {cut.msg_type}" for cut in self._cuts]
            cuts += [f"after {self._bytes_wanted} bytes"] if self._bytes_left is not None else []
        return [
            *(
                f"the fault for {which} never occurred: there was no such request"
                for which in rules
            ),
            *(f"the cut {where} never occurred: no such data was sent" for where in cuts),
        ]

    def for_request(self, method: str, path: str) -> list[RestFault]:
        """The faults of this request. Each of them counts the request.

        All delays apply to a request, but only the first wrong answer and the first cut.
        """
        with self._lock:
            rules: list[_Rule] = []
            for rule in self._rules:
                if rule.fits(method, path) and not any(map(rule.excludes, rules)):
                    rules.append(rule)
            for rule in rules:
                rule.is_met = True
                if rule.times is not None:
                    rule.times -= 1
            return [rule.fault for rule in rules]

    def take_cut(self, msg_type: str) -> Cut | None:
        """The cut at this message, if there is one. A cut is returned only once."""
        with self._lock:
            for cut in self._cuts:
                if fnmatch.fnmatchcase(msg_type, cut.msg_type):
                    self._cuts.remove(cut)
                    return cut
        return None

    def allowance(self, size: int, cut: Cut | None) -> tuple[int | None, bool]:
        """How many of ``size`` bytes are sent before a cut, and whether the cut is a reset.

        None and False if there is neither ``cut`` nor a cut after a number of bytes.
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
        """Wait until the gate is open, or ``over`` is set."""
        while not self.gate.wait(0.05) and not over.is_set():
            pass
