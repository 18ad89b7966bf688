"""One request and all messages that answer it.

The order of messages: https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Union

from attrs import Factory, define, field

from .exits import (
    displays_exit,
    exit_code,
    exit_of,
    is_exit,
    without_advice,
    without_traceback,
)
from .kernel_news import begins_code, tells_of_death
from .message_gaps import Gap, MessageGaps
from .messages import Json, Message
from .outputs import Display, Failure, Output, OutputArea, plain_text
from .questions import Question, question_of
from .result import KERNEL_DIED, NOT_BEGUN, ExecutionResult, Status, Truncation
from .shortening import weight
from .terminal import strip_ansi
from .values import mapping_of
from .widgets import Captures

Happened = Union[Output, Question]
"""The effect of a message: an output that was added or changed, or an input request."""


@define
class Exchange:
    """The answers to the request ``msg_id`` so far. Feed it every message and every gap.

    Attributes:
        reply: Content of the reply. None until it has come.
        idle: Whether the kernel has said that it is done with the request.
        dead: Whether the kernel died, or was replaced, before it was done.
        lost: Whether reply or idle were lost, although the kernel is done with the request.
        process: Session id of the kernel process that took the request. None if it is unknown.
        is_followed: Whether the kernel has begun other code after this one, so this one has ended.
        is_moved: Whether the process died before it began the code. The next may get it.
        gaps: What the numbers in the message ids prove.
    """

    msg_id: str
    area: OutputArea = field(factory=OutputArea)
    reply: Json | None = None
    idle: bool = False
    dead: bool = False
    lost: bool = False
    process: str | None = None
    is_followed: bool = field(default=False, init=False)
    is_moved: bool = field(default=False, init=False)
    _begun: bool = False
    _is_queued: bool = False
    _outlived: bool = field(default=False, init=False)  # the kernel was alive at the time limit
    _payload: list[Mapping[str, Any]] = field(factory=list, init=False)  # of the reply
    _cause: str = ""  # of the kernel's death, if known
    gaps: MessageGaps = field(
        default=Factory(lambda self: MessageGaps(self.msg_id), takes_self=True), init=False
    )
    _captures: Captures = field(
        default=Factory(lambda self: Captures(self.msg_id), takes_self=True), init=False
    )

    @property
    def done(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.dead or self.lost or (self.idle and self.reply is not None)

    @property
    def begun(self) -> bool:
        """Whether the kernel has sent anything about the request."""
        return self._begun

    @property
    def ending(self) -> bool:
        """Whether the kernel has begun to say that it is done with the request."""
        return self.idle or self.reply is not None

    @property
    def ends_kernel(self) -> bool:
        """Whether the code has asked for the end of the kernel, as ``exit()`` does."""
        return any(
            page.get("source") == "ask_exit" and not page.get("keepkernel")
            for page in self._payload
        )

    def feed(self, message: Message) -> Happened | None:
        """Process one message. Returns the effect of the message, if there is one.

        Messages that answer other requests are ignored: requests of the gateway itself, and cells
        whose time limit has passed.
        """
        self.gaps.feed(message)
        if message.parent_id is None:
            self._news(message)
        elif message.parent_id == self.msg_id:
            self._begun = True
            if message.channel in ("shell", "control"):
                return self._replied(message.content)
            if message.channel == "stdin":
                return question_of(message)
            if message.msg_type == "status":
                session = message.header.get("session")
                self.process = session if isinstance(session, str) else None
                self.idle |= message.content.get("execution_state") == "idle"
            else:
                return self._shown(message.msg_type, message.content)
        elif self._begun and begins_code(message):
            self.is_followed = True
        return None

    def skip(self, gap: Gap, *, is_value_due: bool = False) -> None:
        """Process a gap. When the cell is done, only a value that is due can still be lost."""
        if is_value_due or not self.done:
            self.gaps.skip(gap)

    def leave_queued(self) -> None:
        """End the exchange: its time limit has passed before the kernel has begun the code."""
        self._is_queued = True

    def wait_for_new_process(self) -> None:
        """Wait for the process that may run the code in place of the one that died."""
        self.dead = self.is_moved = False

    def kernel_gone(self) -> None:
        """End the exchange, because the kernel does not exist any more."""
        self.dead, self._outlived = True, False

    def overtake(self, later: Exchange) -> None:
        """End the exchange, because the kernel has already answered a ``later`` request.

        If the answer has another session id, another process has sent it, and the process before it
        has died:
        https://jupyter-client.readthedocs.io/en/stable/messaging.html#general-message-format
        """
        if self.process is not None and later.process not in (None, self.process):
            self.dead = True
        self.lost = not self.dead
        if self.lost:
            self.gaps.overtake()

    def time_is_up(self) -> None:
        """Note that the time limit has passed. If the kernel dies now, the limit was the cause."""
        self._outlived = not self.dead

    def result(
        self,
        *,
        gave_up: bool = False,
        kernel_restarted: bool = False,
        late: OutputArea | None = None,
    ) -> ExecutionResult:
        """The result, made of everything that has arrived.

        Args:
            gave_up: Whether the time limit has passed. It does not matter whether an interrupt
                ended the cell.
            kernel_restarted: As in the result.
            late: Output of earlier cells that has arrived since the end of these cells.
        """
        reply = self.reply or {}
        failure = self._failure(gave_up)
        # A death is reported late, so the time limit may have passed before the report.
        died = self.dead and self.reply is None and not (gave_up and self._outlived)
        status = "timeout" if gave_up and not died else self._status(failure)
        count = reply.get("execution_count")
        return ExecutionResult(
            status=status,
            outputs=self._outputs(failure, gave_up),
            late_outputs=late.outputs if late else (),
            failure=None if status == "ok" else failure,
            exit_code=exit_code(failure) if failure and status in ("ok", "error") else None,
            execution_count=count if type(count) is int else None,
            user_expressions=self._user_expressions(),
            kernel_restarted=kernel_restarted,
            truncated=self._truncation(late),
        )

    def _truncation(self, late: OutputArea | None) -> Truncation | None:
        gaps = self.gaps
        # Without idle, we do not know whether all earlier messages have arrived.
        idle_lost = self.lost and not self.idle and not gaps.is_whole
        reply_lost = self.lost and self.reply is None and gaps.is_cut
        characters = self.area.dropped + (late.dropped if late else 0)
        messages = max(gaps.missing, int(idle_lost), int(reply_lost and gaps.is_whole))
        rate_limited = self.area.rate_limited or (late is not None and late.rate_limited)
        connection_lost = gaps.may_lack or reply_lost
        if not (characters or messages or rate_limited or connection_lost):
            return None
        return Truncation(
            characters=characters,
            messages=messages,
            rate_limited=rate_limited,
            connection_lost=connection_lost,
        )

    def _failure(self, gave_up: bool) -> Failure | None:
        """The exception that ended the cell."""
        shown = self.area.failure
        status = (self.reply or {}).get("status")
        if status == "error":
            return self._raised(self.area.fitting(Failure.from_content(self.reply or {})))
        if status == "ok":
            # The cell may show exceptions that do not end it, as widgets do.
            interrupt = shown if gave_up and shown and shown.is_interrupt else None
            return exit_of(self._payload) or interrupt
        if shown is not None:
            return shown
        if self._is_queued and not self._begun:
            return _STILL_QUEUED
        if self._cause and self.dead and self.reply is None:
            return Failure(KERNEL_DIED, self._cause)
        if self.lost and self.reply is None:
            no_reply = _NO_REPLY if self._begun else _NOT_SEEN
            return _CONNECTION_LOST if self.gaps.is_cut else no_reply
        return None

    def _outputs(self, failure: Failure | None, gave_up: bool) -> tuple[Output, ...]:
        """The outputs, with the exception that ended the cell, unless we caused that exception."""
        shown = self.area.outputs
        if failure is None:
            return shown
        if shown and is_exit(failure) and displays_exit(shown[-1]):
            shown = shown[:-1]
        if gave_up and (
            failure.is_interrupt or failure in (_CONNECTION_LOST, _NO_REPLY, _NOT_SEEN)
        ):
            return tuple(output for output in shown if output is not failure)
        # The death of the kernel is not an output of the cell.
        is_told = (
            failure is self.area.failure
            or exit_code(failure) == 0
            or (_printed(failure, shown) if self.reply is not None else self.dead)
        )
        return shown if is_told else (*shown, failure)

    def _raised(self, failure: Failure) -> Failure:
        shown = self.area.failure
        if not is_exit(failure):
            return shown or failure
        failure = without_traceback(failure)
        return shown if shown == failure else failure

    def _user_expressions(self) -> Json:
        """Values of the user expressions that fit into the limit of the output."""
        room = self.area.max_output
        answers: dict[str, Any] = {}
        for name, answer in mapping_of((self.reply or {}).get("user_expressions")).items():
            size = len(name) + weight(answer)
            if size > room:
                answers[name[:_LONGEST_NAME]] = {**_TOO_LARGE, "evalue": f"{size} characters"}
                room -= _LONGEST_NAME
            else:
                answers[name] = answer
                room -= size
            if room <= 0:
                break
        return answers

    def _status(self, failure: Failure | None) -> Status:
        if self.reply is None:
            return "died" if self.dead else "error"
        if failure is not None and is_exit(failure):
            return "error" if exit_code(failure) else "ok"
        status = self.reply.get("status")
        if status == "ok":
            return "ok"
        return "aborted" if status in ("aborted", "abort") else "error"

    def _shown(self, msg_type: str, content: Json) -> Output | None:
        if msg_type.startswith("comm_"):
            return self._captured(msg_type, content)
        if msg_type == "error":
            failure = Failure.from_content(content)
            code = exit_code(failure)
            if code is not None:
                return self.area.show(without_traceback(failure)) if code else None
        elif msg_type == "stream" and content.get("name") == "stderr":
            content = {**content, "text": without_advice(content.get("text"))}
        return self.area.feed(msg_type, content, self._captures.owner)

    def _captured(self, msg_type: str, content: Json) -> Output | None:
        shown: Output | None = None
        widget, outputs = self._captures.feed(msg_type, content) or (None, ())
        if msg_type == "comm_close":
            self.area.close_widget(content.get("comm_id"))
        for output in outputs:
            kind = mapping_of(output).get("output_type")
            if isinstance(kind, str):
                shown = self.area.feed(kind, output, widget)
        return shown

    def _news(self, message: Message) -> None:
        # The gateway reports a dead kernel only by this message without a parent: no idle, no reply
        # and no closed socket follow. If a kernel starts after our request has begun, it is a new
        # process.
        if not self.dead and tells_of_death(message, is_up=self._begun):
            self.dead = True
            is_final = message.content.get("execution_state") == "dead"
            self.is_moved = not (self._begun or is_final)
            cause = message.content.get("reason")
            self._cause = cause[:_CAUSE] if isinstance(cause, str) else ""

    def _replied(self, reply: Json) -> Output | None:
        """Process the reply. Returns the help text of ``obj?``, which the reply may contain."""
        payload = reply.get("payload")
        pages = payload if isinstance(payload, list) else ()
        self.reply, self._payload = reply, [mapping_of(page) for page in pages]
        shown: Output | None = None
        for page in self._payload:
            data = mapping_of(page.get("data"))
            if page.get("source") == "page" and data:
                plain = {k: strip_ansi(v) if isinstance(v, str) else v for k, v in data.items()}
                shown = self.area.show(Display(plain))
        return shown


def _printed(failure: Failure, outputs: Iterable[Output]) -> bool:
    """Whether the cell has printed the failure, as IPython prints a UsageError."""
    return failure.summary in plain_text(outputs)


_LONGEST_NAME = 80
_TOO_LARGE = {"status": "error", "ename": "TooLarge", "traceback": []}
_CAUSE = 200
"""Longest cause of a death, in characters. A kernel itself may have sent the message."""

_CONNECTION_LOST = Failure(
    "ConnectionLost", "the connection broke, so it is unknown how the cell ended"
)
_STILL_QUEUED = Failure(
    NOT_BEGUN,
    "the kernel runs code of another client, which must not be interrupted; this code is queued"
    " after it, and is interrupted if it begins while this client uses the kernel",
)
_NOT_SEEN = Failure(
    "NoReply", "the kernel has sent nothing about the code, so it is unknown whether the code ran"
)
# ipykernel sends no reply if an interrupt arrives before or after the code.
_NO_REPLY = Failure("NoReply", "the cell has ended, but the kernel has not sent its result")
