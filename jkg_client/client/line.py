"""Sends and receives on a kernel's channels, and checks the kernel after silence."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, evolve, field

from ..protocol.message_gaps import Gap
from ..protocol.messages import Message, input_reply, kernel_info_request
from ..protocol.questions import Question
from .channels import Incoming, KernelChannels, KernelControl
from .deadline import Clock, Deadline
from .interrupts import interrupt_unless_dead
from .timeouts import Timeouts

_ANSWERING = 1.0  # seconds until we ask a second time whether a kernel answers, at least 0.05
_SETTLING = 0.5  # seconds of silence after reply or idle until we ask whether more follows


@define
class Line:
    """The channels of one conversation.

    Attributes:
        channels: The kernel's channels.
        control: Interrupts the kernel, and returns the state of a silent kernel.
        timeouts: Time limits, also for silence.
        clock: The clock.
    """

    channels: KernelChannels
    control: KernelControl
    timeouts: Timeouts
    clock: Clock
    _silence: float = field(init=False)  # seconds of silence until we ask for a sign of life
    _gap: Gap | None = field(default=None, init=False)  # found while something was sent

    def __attrs_post_init__(self) -> None:
        self._silence = self.timeouts.first_heartbeat

    def send(self, message: Message, deadline: Deadline | None = None) -> None:
        """Send ``message``, within ``Timeouts.sending`` unless a deadline is given."""
        limit = deadline or self.clock.deadline(self.timeouts.sending)
        self._gap = self.channels.send(message, limit) or self._gap
        self._silence = self.timeouts.first_heartbeat

    def ask(self, deadline: Deadline | None = None, *, channel: str = "shell") -> str:
        """Send a request that every kernel answers. Returns the id of the request."""
        request = evolve(kernel_info_request(self.channels.session), channel=channel)
        self.send(request, deadline)
        return request.msg_id

    def answer(self, question: Question, value: str) -> None:
        """Send the answer to an input request."""
        # Servers and proxies may have closed the connection since the last read.
        self.channels.refresh()
        self.send(input_reply(self.channels.session, value, question.asker))

    def interrupt(self) -> None:
        """Interrupt the kernel. Ignore the error if the kernel's process has just died."""
        interrupt_unless_dead(self.control, self.clock.deadline(self.timeouts.grace))

    def forget_gap(self) -> None:
        """Forget the gap, because it lies before the messages of interest."""
        self._gap = None

    @property
    def first_pause(self) -> float:
        """Seconds until the kernel is asked a second time whether it answers."""
        return min(_ANSWERING, max(0.05, self.timeouts.first_heartbeat / 2))

    def unread(self) -> Iterator[Message]:
        """The messages that have arrived. Read them before you send after a restart.

        Some servers fail if a client sends on a connection that they have closed.
        """
        return (each for each in self.channels.drain() if not isinstance(each, Gap))

    def settling(self, deadline: Deadline) -> Deadline:
        """When to ask for the missing end of a cell, at the latest at ``deadline``."""
        return deadline.within(min(_SETTLING, self.timeouts.first_heartbeat))

    def receive(self, deadline: Deadline) -> Incoming | None:
        """The next message or gap. None if the deadline passes first."""
        while True:
            if self._gap is not None:
                gap, self._gap = self._gap, None
                return gap
            incoming = self.channels.receive(deadline.within(self._silence))
            if incoming is not None or deadline.passed:
                return incoming
            self._silence = self.timeouts.heartbeat
            self._gap = self._after_silence(deadline)

    def _after_silence(self, deadline: Deadline) -> Gap | None:
        """Check whether connection and kernel still exist."""
        gap = self.channels.check(deadline)
        if gap is not None:
            return gap
        # Channels of a deleted or culled kernel stay open, so ask for its state.
        state = self.control.state(deadline.within(self.timeouts.pong))
        return None if state in (None, "busy") else Gap(end_unseen=True)
