"""The channels of an embedded kernel. They continue to work when the kernel restarts."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator

from attrs import evolve

from ..client.channels import Incoming
from ..client.deadline import Deadline
from ..client.timeouts import Timeouts
from ..errors import ClientClosed, KernelNotReady
from ..protocol.message_gaps import Gap
from ..protocol.messages import Message, kernel_info_request, new_session, parentless_status
from .kernel import LocalKernel
from .sockets import KernelSockets

_log = logging.getLogger("jkg_client")

_SLICE = 0.1
"""Seconds between two checks whether the kernel lives and whether ``abort`` was called."""

_LAST_WORDS = 0.05
"""Seconds without a message after which all messages of a dead process have arrived."""

_LATE_IOPUB = 0.01
"""Seconds that a message on iopub may arrive later than one on shell."""

_AGAIN = 1.0
"""Seconds without an answer after which a starting kernel is asked again."""

_NOW = Deadline(0.0)


class ZmqChannels:
    """The channels to one kernel, with one session id.

    Args:
        kernel: The kernel.
        deadline: Time limit for the first message of the kernel on iopub.
        timeouts: Time limits for later operations.

    Raises:
        KernelStartError: The kernel ended before its first message.
        KernelNotReady: The kernel sends no message in time.
        KernelNotFound: The kernel was stopped, or cannot be started any more.
    """

    def __init__(self, kernel: LocalKernel, deadline: Deadline, timeouts: Timeouts) -> None:
        self._kernel = kernel
        self._timeouts = timeouts
        self._session = new_session()
        self._closed = False
        self._waiting: deque[Incoming] = deque()
        self._launch = kernel.launch()
        self._sockets = KernelSockets.connected(self._launch.info, self._session)
        self._hears = False
        try:
            self._listen(deadline)
            self._must_be_heard()
        except BaseException:
            self.close()
            raise
        self._waiting.clear()

    @property
    def session(self) -> str:
        """The session id."""
        return self._session

    @property
    def closed(self) -> bool:
        """Whether ``abort`` or ``close`` was called."""
        return self._closed

    @property
    def rejected(self) -> int:
        """Number of forged, unsigned or replayed messages since the kernel process was started."""
        return self._sockets.rejected

    def send(self, message: Message, deadline: Deadline) -> Gap | None:
        """Send ``message``, but first wait until the messages about it can be received."""
        self._check_open()
        launch = self._launch
        while not self._follow():
            pass  # keep the last messages of the process that has ended
        # If the process was replaced just now, the message was meant for the old one: drop it.
        if self._launch is launch:
            if not self._is_heard:
                self._listen(deadline)
            self._sockets.send(message)
        return None

    def receive(self, deadline: Deadline) -> Incoming | None:
        """The next message. None if the deadline passes first."""
        while not self._waiting:
            self._check_open()
            left = deadline.left()
            incoming = self._take(_SLICE if left is None else min(left, _SLICE))
            if incoming is not None:
                return incoming
            self._follow()
            if not self._waiting and left == 0.0:
                return None
        return self._waiting.popleft()

    def drain(self) -> Iterator[Incoming]:
        """All messages that have arrived since the last ``receive``, within ``Timeouts.pong``."""
        limit = Deadline(self._timeouts.pong)
        while not limit.passed:
            incoming = self.receive(_NOW)
            if incoming is None:
                return
            yield incoming

    def refresh(self) -> None:
        """Nothing to do: a pause does not break these connections."""
        self._check_open()

    def check(
        self,
        deadline: Deadline,  # noqa: ARG002 - there is no connection to restore
        *,
        is_new_kernel: bool = False,  # noqa: ARG002 - ``send`` finds the new process
    ) -> Gap | None:
        """Check whether the process lives. A missing heartbeat is only logged."""
        self._check_open()
        self._follow()
        if not self._sockets.beats():
            _log.info("kernel %s is unresponsive: no heartbeat", self._kernel.kernel_id)
        return None

    def prove_alive(self, limit: Deadline) -> None:  # noqa: ARG002 - there is nothing to restore
        """Check whether the process lives. No message is needed to know that."""
        self._check_open()
        self._follow()

    def abort(self) -> None:
        """End all waits: a waiting thread gets ``ClientClosed`` within 0.1 s."""
        self._closed = True

    def close(self) -> None:
        """Close the sockets. A second call does nothing."""
        self._closed = True
        self._sockets.close()

    def _take(self, seconds: float) -> Incoming | None:
        incoming = self._sockets.receive(seconds)
        if isinstance(incoming, Message):
            if incoming.channel == "shell":
                self._launch.answered.set()
            # Only an answer counts. XPUB's welcome message comes before the kernel's "starting",
            # and a later "starting" would look like a restart.
            self._hears |= incoming.channel == "iopub" and incoming.parent_id is not None
        return incoming

    def _follow(self) -> bool:
        """Connect to the current process of the kernel.

        Messages that arrive meanwhile are put into ``_waiting``.

        Returns:
            False if the process that has ended may still have messages to read.
        """
        old, ended = self._launch, self._launch.process.ended()
        if ended is None and self._kernel.is_current(old):
            return True
        last_words = self._take(_LAST_WORDS)
        if last_words is not None:
            self._waiting.append(last_words)
            return False
        new = self._kernel.successor(old)
        # The new process has a new key, so late messages of the old process cannot be mistaken for
        # messages of the new one.
        sockets = KernelSockets.connected(new.info, self._session)
        self._sockets, sockets = sockets, self._sockets
        self._launch, self._hears = new, False
        sockets.close()
        reason = None if old.was_stopped else ended
        self._waiting.append(parentless_status("restarting", self._session, reason))
        return True

    def _listen(self, deadline: Deadline) -> None:
        """Ask until an answer arrives on iopub. Messages before the subscription are lost."""
        while not (self._is_heard or deadline.passed):
            asked = kernel_info_request(self._session)
            self._sockets.send(asked)
            if self._launch.answered.is_set():
                # A busy ipykernel answers on control.
                self._sockets.send(evolve(asked, channel="control"))
            self._await_answer(deadline.within(_AGAIN))

    def _await_answer(self, deadline: Deadline) -> None:
        launch = self._launch
        while self._launch is launch and not (self._is_heard or deadline.passed):
            self._check_open()
            incoming = self._take(min(_SLICE, deadline.left() or 0.0))
            if incoming is None:
                self._follow()
            elif isinstance(incoming, Message) and incoming.channel == "shell":
                deadline = deadline.within(_LATE_IOPUB)

    def _must_be_heard(self) -> None:
        if not self._is_heard:
            raise KernelNotReady(f"the kernel does not answer: {self._launch.described()}")

    @property
    def _is_heard(self) -> bool:
        """Whether the process answers and all its further messages will be received."""
        return self._hears and self._launch.answered.is_set()

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("the client was stopped while it was waiting for the kernel")
