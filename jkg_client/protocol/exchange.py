"""One request and everything that answers it.

The order of messages: https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import define, field, frozen

from ..errors import ExecutionError, ExecutionTimeout, KernelDied
from .messages import Json, Message
from .outputs import Display, Failure, Output, OutputArea, plain_text
from .terminal import strip_ansi

Status = Literal["ok", "error", "aborted", "timeout", "died"]


@frozen
class DataItem:
    """One form of one display: a MIME type and the data in it, binary forms in base64."""

    mime_type: str
    data: Any


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


@frozen(kw_only=True)
class Truncation:
    """What is missing of a cell's output; ``str()`` of it says so in words.

    Attributes:
        characters: How many were dropped between the first and the last half of ``max_output``.
        messages: How many could not be read.
        rate_limited: The server's rate limit dropped output.
        connection_lost: The connection broke and not all that was said meanwhile may have come.
    """

    characters: int = 0
    messages: int = 0
    rate_limited: bool = False
    connection_lost: bool = False

    def __str__(self) -> str:
        said = [
            (self.characters, f"{self.characters} characters of output were dropped"),
            (self.messages, f"{self.messages} messages could not be read"),
            (self.rate_limited, "the server's rate limit dropped output"),
            (self.connection_lost, "the connection broke, output may be missing"),
        ]
        return "; ".join(text for holds, text in said if holds)


@frozen(kw_only=True)
class ExecutionResult:
    """What a cell said, however it ended.

    Attributes:
        status: ``ok``; ``error``: it raised; ``aborted``: it never ran, because a cell
            before it failed; ``timeout``: it ran longer than it was given; ``died``: its
            kernel did.
        outputs: What it showed, in order.
        failure: The exception, if there was one; for ``timeout`` where it was interrupted.
        execution_count: The number in ``In [n]``; None if it has none.
        user_expressions: Answers to those of the request, as the kernel gave them.
        kernel_restarted: Variables are gone: the kernel was restarted since the cell
            before this one, or because of this one.
        truncated: What is missing of ``outputs``; None if nothing is.
    """

    status: Status
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    execution_count: int | None = None
    user_expressions: Json = field(factory=dict)
    kernel_restarted: bool = False
    truncated: Truncation | None = None

    @property
    def is_ok(self) -> bool:
        """Whether the cell ran to its end without an exception."""
        return self.status == "ok"

    @property
    def output(self) -> str:
        """All outputs as text: streams as printed, displays as ``text/plain``, the traceback."""
        return plain_text(self.outputs)

    @property
    def data_items(self) -> tuple[DataItem, ...]:
        """All forms of all displays but ``text/plain``."""
        return tuple(
            DataItem(mime_type, data)
            for output in self.outputs
            if isinstance(output, Display)
            for mime_type, data in output.data.items()
            if mime_type != "text/plain"
        )

    def raise_for_error(self) -> None:
        """Raise unless the cell succeeded.

        Raises:
            ExecutionTimeout: For status ``timeout``.
            KernelDied: For status ``died``.
            ExecutionError: For ``error`` and ``aborted``.
        """
        if self.status == "timeout":
            raise ExecutionTimeout("the cell ran longer than it was given", self)
        if self.status == "died":
            raise KernelDied("the kernel died while the cell ran", self)
        if self.status == "aborted":
            raise ExecutionError("the cell did not run: one before it failed", self)
        if self.status == "error":
            text = f"{self.failure.ename}: {self.failure.evalue}" if self.failure else "it failed"
            raise ExecutionError(text, self)


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
    asks: InputRequest | None = None
    asker: Message | None = None
    _begun: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.dead or self.lost or (self.idle and self.reply is not None)

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
                self.idle |= message.content.get("execution_state") == "idle"
            else:
                return self.area.feed(message.msg_type, message.content)
        return None

    def result(
        self,
        *,
        gave_up: bool = False,
        kernel_restarted: bool = False,
        unread: int = 0,
        connection_lost: bool = False,
    ) -> ExecutionResult:
        """All of it as a result.

        Args:
            gave_up: The time was up; whether or not it ended after an interrupt.
            kernel_restarted: As in the result.
            unread: Messages that could not be decoded.
            connection_lost: As in ``Truncation``.
        """
        reply = self.reply or {}
        failure = self._failure(gave_up)
        died = self.dead and self.reply is None
        truncation = Truncation(
            characters=self.area.dropped,
            messages=unread,
            rate_limited=self.area.rate_limited,
            connection_lost=connection_lost or self.lost,
        )
        count = reply.get("execution_count")
        return ExecutionResult(
            # A death is told late: the time may have been up before we knew.
            status="timeout" if gave_up and not died else self._status(),
            outputs=self.area.outputs,
            failure=failure,
            execution_count=count if isinstance(count, int) else None,
            user_expressions=_mapping(reply.get("user_expressions")),
            kernel_restarted=kernel_restarted or self.replaced,
            truncated=truncation if truncation != Truncation() else None,
        )

    def _failure(self, gave_up: bool) -> Failure | None:
        """What ended the cell; shown, unless it is there already or was our doing."""
        failure, told = self.area.failure, True
        if failure is None and (self.reply or {}).get("status") == "error":
            failure = Failure.from_content(self.reply or {})
            told = self._printed(failure)
        elif failure is None and self.lost and self.reply is None:
            failure, told = _UNKNOWN_END, False
        if failure is not None and gave_up and failure.ename in _INTERRUPTED:
            self.area.retract(failure)
        elif failure is not None and not told:
            self.area.show(failure)
        return failure

    def _printed(self, failure: Failure) -> bool:
        """Whether the cell has said it: the UsageError of a magic comes as a stream."""
        said = f"{failure.ename}: {failure.evalue}"
        return said in strip_ansi(plain_text(self.area.outputs))

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


_INTERRUPTED = ("KeyboardInterrupt", "CancelledError")
"""How Python code ends that was interrupted; the second where it awaits."""

_UNKNOWN_END = Failure("ConnectionLost", "the connection broke; how the cell ended went by unseen")


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
