"""A scripted kernel for tests of recovery, without sockets. The test sets the clock.

A script is a list of words, one for each message or gap that the client receives:

- ``busy``, ``idle``, ``reply``, ``out:TEXT``, ``error:NAME`` and so on answer the last cell.
  ``before-idle`` and so on answer the cell before it.
- ``answers`` is the complete answer to the last query, ``half`` an incomplete one.
- ``late:TEXT`` is output of an earlier cell.
- ``theirs`` begins a cell of another client, ``theirs-end`` ends it.
- ``restarting``, ``starting`` and ``dead`` are status messages without a parent.
- ``cut``, ``kept`` and ``unread`` are gaps. ``gone`` and ``broken`` are errors.
- ``until:WHAT`` is silence until the client has done this since the last word. ``never`` is silence
  for ever. ``lost`` is a message that never arrives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, evolve, field

from jkg_client.client.callbacks import Callbacks
from jkg_client.client.channels import Incoming, KernelConnection
from jkg_client.client.conversation import Conversation
from jkg_client.client.deadline import Clock, Deadline
from jkg_client.client.timeouts import Timeouts
from jkg_client.errors import ClientClosed, GatewayUnreachable, JkgError, KernelNotFound
from jkg_client.protocol.exchange import Exchange
from jkg_client.protocol.message_gaps import Gap
from jkg_client.protocol.messages import Json, Message, execute_request
from jkg_client.protocol.outputs import OutputArea
from jkg_client.protocol.result import ExecutionResult

TIMEOUTS = Timeouts(grace=4.0)
GAPS = {
    "cut": Gap(may_lack=True, end_unseen=True),
    "kept": Gap(end_unseen=True),
    "unread": Gap(unread=1),
}
NEWS = ("starting", "restarting", "dead")
ANSWERS: dict[str, tuple[str, str, Json]] = {
    "busy": ("iopub", "status", {"execution_state": "busy"}),
    "idle": ("iopub", "status", {"execution_state": "idle"}),
    "seen": ("iopub", "execute_input", {"code": "1"}),
    "reply": ("shell", "execute_reply", {"status": "ok"}),
    "failed": ("shell", "execute_reply", {"status": "error", "ename": "E", "evalue": "v"}),
    "aborted": ("shell", "execute_reply", {"status": "aborted"}),
    "exits": ("shell", "execute_reply", {"status": "ok", "payload": [{"source": "ask_exit"}]}),
    "asks": ("stdin", "input_request", {"prompt": "? "}),
    "value": ("iopub", "execute_result", {"data": {"text/plain": "42"}}),
}


class HandClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.at_sleep: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.at_sleep()
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, sleep=self.sleep)


@define(eq=False)
class ScriptedChannels:
    """Channels that deliver the script, and record the actions of the client."""

    hand: HandClock
    between: deque[str] = field(factory=deque)
    during: deque[str] = field(factory=deque)
    did: list[str] = field(factory=list)
    session: str = "ours"
    closed: bool = False
    numbered: bool = False
    sends: dict[str, Gap | JkgError] = field(factory=dict)
    limits: list[float | None] = field(factory=list)
    cells: list[Message] = field(factory=list)
    asked: list[Message] = field(factory=list)
    implementation: str = "ipython"
    process: int = 1
    number: int = 0
    heard: int = 0  # number of actions of the client when the last word was delivered
    _second: Message | None = None

    def send(self, message: Message, deadline: Deadline) -> Gap | None:
        self._check(deadline)
        assert message.header["session"] == self.session
        self.limits.append(deadline.left())
        kind = message.msg_type.replace("_request", "").replace("kernel_info", "info")
        happens = self.sends.pop(kind, None)
        if isinstance(happens, JkgError):
            raise happens
        if message.msg_type == "input_reply":
            self.did.append(f"input:{message.content['value']}")
            return happens
        self.did.append(kind)
        (self.cells if kind == "execute" else self.asked).append(message)
        return happens

    def receive(self, deadline: Deadline) -> Incoming | None:
        self._check(deadline)
        if self._second is not None:
            second, self._second = self._second, None
            return second
        self._lose(self.during)
        if not self.during or self._is_silent(self.during[0]):
            left = deadline.left()
            assert left is not None, "waits for ever for what never comes"
            self.hand.now += left
            return None
        return self._incoming(self.during.popleft())

    def drain(self) -> Iterator[Incoming]:
        self._lose(self.between)
        while self.between:
            yield self._incoming(self.between.popleft())
            self._lose(self.between)

    def refresh(self) -> None:
        self.did.append("refresh")

    def check(self, deadline: Deadline, *, is_new_kernel: bool = False) -> Gap | None:
        self._check(deadline)
        self.did.append("check:new" if is_new_kernel else "check")
        gap = self.sends.pop(self.did[-1], None)
        if isinstance(gap, JkgError):
            raise gap
        return gap

    def prove_alive(self, limit: Deadline) -> None:
        self._check(limit)
        self.did.append("prove")

    def abort(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def _check(self, deadline: Deadline) -> None:
        assert deadline.left() is not None, "a wait without end"
        if self.closed:
            raise ClientClosed("closed")

    def _lose(self, words: deque[str]) -> None:
        while words and words[0] == "lost":
            words.popleft()
            self.number += 1

    def _is_silent(self, word: str) -> bool:
        what = word.partition("until:")[2]
        if not what:
            return word == "never"
        if what not in self.did[self.heard :]:
            return True
        self.heard = self.did.index(what, self.heard) + 1
        self.during.popleft()
        return not self.during or self._is_silent(self.during[0])

    def _incoming(self, word: str) -> Incoming:
        self.heard = len(self.did)
        if word in GAPS:
            return GAPS[word]
        if word == "gone":
            raise KernelNotFound(404, "GET k", "")
        if word == "broken":
            raise GatewayUnreachable("the line broke")
        if word == "closed":
            raise ClientClosed("closed")
        return self._message(word)

    def _message(self, word: str) -> Message:
        name, _, text = word.partition(":")
        if name in NEWS:
            self.process += name != "dead"
            return self._said("iopub", "status", {"execution_state": name}, {})
        if name in ("answers", "half"):
            parent = self.asked[-1].header
            if name == "half":
                return self._said("shell", "kernel_info_reply", {"status": "ok"}, parent)
            self._second = self._said("iopub", *ANSWERS["idle"][1:], parent)
            about = {"status": "ok", "implementation": self.implementation}
            return self._said("shell", "kernel_info_reply", about, parent)
        if name in ("theirs", "theirs-end"):
            parent = {"msg_id": "their cell", "session": "theirs"}
            return self._said(*ANSWERS["seen" if name == "theirs" else "idle"], parent)
        if name in ("late", "foreign"):
            session = "ours" if name == "late" else "theirs"
            parent = {"msg_id": "earlier", "session": session}
            return self._said("iopub", "stream", {"name": "stdout", "text": text}, parent)
        is_before = name.startswith("before-")
        name, parent = name.replace("before-", ""), self.cells[-2 if is_before else -1].header
        if name == "out":
            return self._said("iopub", "stream", {"name": "stdout", "text": text}, parent)
        if name == "error":
            return self._said("iopub", "error", {"ename": text, "evalue": ""}, parent)
        return self._said(*ANSWERS[name], parent)

    def _said(self, channel: str, msg_type: str, content: Json, parent: Json) -> Message:
        self.number += 1
        msg_id = f"k{self.process}_7_{self.number}" if self.numbered else f"id-{self.number}x"
        header = {"msg_id": msg_id, "msg_type": msg_type, "session": f"process {self.process}"}
        return Message(channel=channel, header=header, parent_header=parent, content=content)


@define(eq=False)
class ScriptedControl:
    """The ``KernelControl`` of the scripted kernel."""

    channels: ScriptedChannels
    known: str | None = "busy"
    failing: dict[str, JkgError] = field(factory=dict)
    at_restart: str = ""  # unread messages that had arrived by then

    def interrupt(self, deadline: Deadline) -> None:
        self._does("interrupt", deadline)

    def restart(self, deadline: Deadline) -> None:
        self._does("restart", deadline)
        self.channels.between.extend(self.at_restart.split())

    def state(self, deadline: Deadline) -> str | None:
        assert deadline.left() is not None, "a wait without end"
        if "state" in self.failing:
            raise self.failing["state"]
        return self.known

    def _does(self, name: str, deadline: Deadline) -> None:
        assert deadline.left() is not None, "a wait without end"
        self.channels.did.append(name)
        if name in self.failing:
            raise self.failing[name]


class ScriptedKernel:
    """A conversation with a scripted kernel."""

    def __init__(self, timeouts: Timeouts = TIMEOUTS, **options: Any) -> None:
        self.hand = HandClock()
        self.channels = ScriptedChannels(self.hand, **options)
        self.control = ScriptedControl(self.channels)
        self.timeouts = timeouts
        self.talk = Conversation(
            KernelConnection(self.channels, self.control), "k", timeouts, self.hand.clock()
        )

    def cell(
        self,
        during: str,
        *,
        between: str = "",
        timeout: float | None = 60.0,
        max_output: int = 10_000,
        callbacks: Callbacks = Callbacks(),  # noqa: B008 - frozen
    ) -> ExecutionResult:
        """Run a cell while these words are delivered."""
        self.forget()
        self.channels.between.extend(between.split())
        self.channels.during = deque(during.split())
        self.talk.prepare()
        request = execute_request(self.channels.session, "1")
        request = evolve(request, header={**request.header, "msg_id": f"cell-{request.msg_id}"})
        exchange = Exchange(request.msg_id, OutputArea(max_output))
        return self.talk.run(request, exchange, self.hand.clock().deadline(timeout), callbacks)

    def forget(self) -> None:
        """Forget the actions of the client so far."""
        self.channels.did.clear()
        self.channels.heard = 0

    @property
    def did(self) -> str:
        """The actions of the client since the beginning of the last cell."""
        return " ".join(self.channels.did)
