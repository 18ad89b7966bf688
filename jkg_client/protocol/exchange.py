"""One request and everything that answers it.

The order of messages: https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import Factory, define, field, frozen

from .exits import exit_code, exit_of, is_exit, without_advice, without_traceback
from .message_gaps import MessageGaps
from .messages import Json, Message
from .outputs import Display, Failure, Output, OutputArea, plain_text
from .result import ExecutionResult, Status, Truncation
from .terminal import strip_ansi
from .widgets import Captures


@frozen
class InputRequest:
    """The code asks for a line of input; ``str()`` of it is the prompt.

    Attributes:
        password: Whether what is typed should not be shown.
    """

    prompt: str
    password: bool = False

    def __str__(self) -> str:
        return self.prompt


@define
class Exchange:
    """Answers so far to the request ``msg_id``. Feed it every message.

    Attributes:
        reply: Content of the reply, None until it came.
        idle: The kernel said that it is done with the request.
        dead: The kernel died or was replaced before it was done.
        lost: Reply or idle went by unseen, though the kernel is past the request.
        settled: The kernel was known to be up when the request was sent.
        replaced: It is another one all the same that took the request.
        process: Session id of the kernel process that took it; None if that is not known.
        asks: The code waits for input; whoever answers sets it to None.
        asker: The message that asked.
    """

    msg_id: str
    area: OutputArea = field(factory=OutputArea)
    reply: Json | None = None
    idle: bool = False
    dead: bool = False
    lost: bool = False
    settled: bool = False
    replaced: bool = False
    process: str | None = None
    asks: InputRequest | None = None
    asker: Message | None = None
    _begun: bool = False
    _outlived: bool = field(default=False, init=False)  # the time limit, by the kernel
    _gaps: MessageGaps = field(
        default=Factory(lambda self: MessageGaps(self.msg_id), takes_self=True), init=False
    )

    _captures: Captures = field(
        default=Factory(lambda self: Captures(self.msg_id), takes_self=True), init=False
    )

    @property
    def done(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.dead or self.lost or (self.idle and self.reply is not None)

    @property
    def ending(self) -> bool:
        """Whether the kernel has begun to say that it is done with it."""
        return self.idle or self.reply is not None

    @property
    def ends_kernel(self) -> bool:
        """Whether the code asked for the end of the kernel, as ``exit()`` does."""
        return any(
            page.get("source") == "ask_exit" and not page.get("keepkernel")
            for page in self._payload()
        )

    def feed(self, message: Message) -> Output | None:
        """Take in one message; the output it added or changed, if any.

        Messages that answer other requests are ignored: the socket also carries
        the gateway's own kernel_info checks and the end of cells we gave up on.
        """
        self._gaps.feed(message)
        if message.parent_id is None:
            self._news(message)
        elif message.parent_id == self.msg_id:
            self._begun = True
            if message.channel in ("shell", "control"):
                self.reply = message.content
                return self._page()
            if message.channel == "stdin":
                self._asked(message)
            elif message.msg_type == "status":
                session = message.header.get("session")
                self.process = session if isinstance(session, str) else None
                self.idle |= message.content.get("execution_state") == "idle"
            else:
                return self._shown(message.msg_type, message.content)
        return None

    def overtake(self, later: Exchange) -> None:
        """End it without an end: the kernel has answered what it was asked ``later``.

        By another session id it is another process, and the one before it has died:
        https://jupyter-client.readthedocs.io/en/stable/messaging.html#general-message-format
        """
        if self.process is not None and later.process not in (None, self.process):
            self.dead = True
        self.lost = not self.dead

    def time_is_up(self) -> None:
        """The time limit has passed: if the kernel dies from now on, that was the cause."""
        self._outlived = not self.dead

    def result(
        self,
        *,
        gave_up: bool = False,
        kernel_restarted: bool = False,
        unread: int = 0,
        connection_lost: bool = False,
        late: OutputArea | None = None,
    ) -> ExecutionResult:
        """All of it as a result.

        Args:
            gave_up: The time was up; whether or not it ended after an interrupt.
            kernel_restarted: As in the result.
            unread: Messages that could not be decoded.
            connection_lost: As in ``Truncation``.
            late: What earlier cells have said since.
        """
        late = late or OutputArea()
        reply = self.reply or {}
        failure = self._failure(gave_up, connection_lost)
        # A death is told late: the time may have been up before we knew.
        died = self.dead and self.reply is None and not (gave_up and self._outlived)
        # Without its idle nobody knows whether all came that was said before it.
        idle_lost = self.lost and not self.idle
        truncation = Truncation(
            characters=self.area.dropped + late.dropped,
            messages=max(unread, self._gaps.missing, int(idle_lost)),
            rate_limited=self.area.rate_limited or late.rate_limited,
            connection_lost=connection_lost,
        )
        count = reply.get("execution_count")
        status = "timeout" if gave_up and not died else self._status(failure)
        return ExecutionResult(
            status=status,
            outputs=self.area.outputs,
            late_outputs=late.outputs,
            failure=None if status == "ok" else failure,
            exit_code=exit_code(failure) if failure and status in ("ok", "error") else None,
            execution_count=count if type(count) is int else None,
            user_expressions=_mapping(reply.get("user_expressions")),
            kernel_restarted=kernel_restarted or self.replaced,
            truncated=truncation if truncation != Truncation() else None,
        )

    def _failure(self, gave_up: bool, connection_lost: bool) -> Failure | None:
        """What ended the cell; shown, unless it is there already or was our doing."""
        failure, told = self._ended_by(gave_up, connection_lost)
        if failure is not None and gave_up and failure.is_interrupt:
            self.area.retract(failure)
        elif failure is not None and not told:
            self.area.show(failure)
        return failure

    def _ended_by(self, gave_up: bool, connection_lost: bool) -> tuple[Failure | None, bool]:
        """What ended the cell, and whether a reader knows of it already."""
        shown = self.area.failure
        status = (self.reply or {}).get("status")
        if status == "error":
            return self._raised(Failure.from_content(self.reply or {}))
        if status == "ok":
            # The cell may show exceptions that do not end it, as widgets do.
            left = exit_of(self._payload())
            interrupt = shown if gave_up and shown and shown.is_interrupt else None
            return left or interrupt, left is None or not exit_code(left)
        if shown is None and self.lost and self.reply is None:
            return _CONNECTION_LOST if connection_lost else _NO_REPLY, gave_up
        return shown, True

    def _raised(self, failure: Failure) -> tuple[Failure, bool]:
        if is_exit(failure):
            failure = without_traceback(failure)
            return failure, not exit_code(failure) or self.area.failure == failure
        shown = self.area.failure
        if shown and (shown.ename, shown.evalue) == (failure.ename, failure.evalue):
            return shown, True
        return failure, self._printed(failure)

    def _printed(self, failure: Failure) -> bool:
        """Whether the cell has said it: the UsageError of a magic comes as a stream."""
        said = f"{failure.ename}: {failure.evalue}"
        return said in strip_ansi(plain_text(self.area.outputs))

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
        for output in outputs:
            kind = _mapping(output).get("output_type")
            if isinstance(kind, str):
                shown = self.area.feed(kind, output, widget)
        return shown

    def _news(self, message: Message) -> None:
        # The gateway tells of a dead kernel only here, without a parent: neither idle
        # nor a reply nor a closed socket follows. A kernel that starts after it had
        # begun with our request is another one.
        if message.msg_type == "status":
            state = message.content.get("execution_state")
            starts = state == "starting"
            self.dead |= state in ("restarting", "dead") or (starts and self._begun)
            self.replaced |= starts and self.settled

    def _asked(self, message: Message) -> None:
        if message.msg_type == "input_request":
            prompt = message.content.get("prompt")
            password = message.content.get("password") is True
            self.asks = InputRequest(prompt if isinstance(prompt, str) else "", password)
            self.asker = message

    def _page(self) -> Output | None:
        """What ``obj?`` shows; it comes in the reply, for a pager."""
        shown: Output | None = None
        for page in self._payload():
            data = _mapping(page.get("data"))
            if page.get("source") == "page" and data:
                plain = {k: strip_ansi(v) if isinstance(v, str) else v for k, v in data.items()}
                shown = self.area.show(Display(plain))
        return shown

    def _payload(self) -> list[Mapping[str, Any]]:
        payload = (self.reply or {}).get("payload")
        return [_mapping(page) for page in payload] if isinstance(payload, list) else []


@define
class LateOutput:
    """What cells of a session say after their end: their threads, their background tasks.

    Kernels count it to the cell that ran last. Feed it every message that is not of the
    cell that runs now.
    """

    session: str
    area: OutputArea = field(factory=OutputArea)

    def feed(self, message: Message) -> Output | None:
        """Take in one message; the output it added or changed, if any."""
        if message.channel != "iopub" or message.parent_header.get("session") != self.session:
            return None
        content = message.content
        if message.msg_type == "error" and Failure.from_content(content).is_interrupt:
            return None  # how a cell ends that we gave up on
        return self.area.feed(message.msg_type, content)


_CONNECTION_LOST = Failure(
    "ConnectionLost", "the connection broke; how the cell ended went by unseen"
)
# ipykernel sends none when an interrupt strikes before or after the code.
_NO_REPLY = Failure("NoReply", "the kernel is done with the cell, and has not said how it ended")


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
