"""One request and everything that answers it.

The order of messages: https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import Factory, define, field, frozen

from .message_gaps import MessageGaps
from .messages import Json, Message
from .outputs import Display, Failure, Output, OutputArea, plain_text
from .result import ExecutionResult, Status, Truncation
from .shortening import weight
from .terminal import strip_ansi


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
    _gaps: MessageGaps = field(
        default=Factory(lambda self: MessageGaps(self.msg_id), takes_self=True), init=False
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
                return self.area.feed(message.msg_type, message.content)
        return None

    def overtake(self, later: Exchange) -> None:
        """End it without an end: the kernel has answered what it was asked ``later``.

        By another session id it is another process, and the one before it has died:
        https://jupyter-client.readthedocs.io/en/stable/messaging.html#general-message-format
        """
        if self.process is not None and later.process not in (None, self.process):
            self.dead = True
        self.lost = not self.dead

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
        died = self.dead and self.reply is None
        # Without its idle nobody knows whether all came that was said before it.
        idle_lost = self.lost and not self.idle
        truncation = Truncation(
            characters=self.area.dropped + late.dropped,
            messages=max(unread, self._gaps.missing, int(idle_lost)),
            rate_limited=self.area.rate_limited or late.rate_limited,
            connection_lost=connection_lost,
        )
        count = reply.get("execution_count")
        return ExecutionResult(
            # A death is told late: the time may have been up before we knew.
            status="timeout" if gave_up and not died else self._status(),
            outputs=self.area.outputs,
            late_outputs=late.outputs,
            failure=failure,
            execution_count=count if type(count) is int else None,
            user_expressions=self._user_expressions(),
            kernel_restarted=kernel_restarted or self.replaced,
            truncated=truncation if truncation != Truncation() else None,
        )

    def _failure(self, gave_up: bool, connection_lost: bool) -> Failure | None:
        """What ended the cell; shown, unless it is there already or was our doing."""
        failure, told = self.area.failure, True
        if failure is None and (self.reply or {}).get("status") == "error":
            failure = self.area.fitting(Failure.from_content(self.reply or {}))
            told = self._printed(failure)
        elif failure is None and self.lost and self.reply is None:
            failure, told = _CONNECTION_LOST if connection_lost else _NO_REPLY, gave_up
        if failure is not None and gave_up and failure.is_interrupt:
            self.area.retract(failure)
        elif failure is not None and not told:
            self.area.show(failure)
            failure = self.area.failure
        return failure

    def _printed(self, failure: Failure) -> bool:
        """Whether the cell has said it: the UsageError of a magic comes as a stream."""
        return failure.summary in plain_text(self.area.outputs)

    def _user_expressions(self) -> Json:
        """Answers to those of the request, as far as they fit into the limit of the output."""
        room = self.area.max_output
        answers: dict[str, Any] = {}
        for name, answer in _mapping((self.reply or {}).get("user_expressions")).items():
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

    def _status(self) -> Status:
        if self.reply is None:
            return "died" if self.dead else "error"
        status = self.reply.get("status")
        if status == "ok":
            return "ok"
        return "aborted" if status in ("aborted", "abort") else "error"

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


_LONGEST_NAME = 80
_TOO_LARGE = {"status": "error", "ename": "TooLarge", "traceback": []}
_CONNECTION_LOST = Failure(
    "ConnectionLost", "the connection broke; how the cell ended went by unseen"
)
# ipykernel sends none when an interrupt strikes before or after the code.
_NO_REPLY = Failure("NoReply", "the kernel is done with the cell, and has not said how it ended")


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
