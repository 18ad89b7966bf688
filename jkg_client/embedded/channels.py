"""The channels of a kernel that we run, across its restarts."""

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
"""Seconds after which a wait looks around: whether the kernel lives, whether we were aborted."""

_LAST_WORDS = 0.05
"""Seconds of silence after which everything has come that a dead process said."""

_LATE_IOPUB = 0.01
"""Seconds that iopub may come later than shell."""

_AGAIN = 1.0
"""Seconds of silence after which a kernel that starts is asked again."""

_NOW = Deadline(0.0)


class ZmqChannels:
    """The way to a kernel and back, under one session id.

    Args:
        kernel: The kernel.
        deadline: For its first sign of life on iopub.
        timeouts: For what comes later.

    Raises:
        KernelStartError: The kernel ended before it gave a sign of life.
        KernelNotReady: It gives none in time.
        KernelNotFound: The kernel is gone for good.
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
        """How many messages were forged, unsigned or replayed since the process was started."""
        return self._sockets.rejected

    def send(self, message: Message, deadline: Deadline) -> Gap | None:
        """Send ``message``, as soon as what the kernel says to it will be heard."""
        self._check_open()
        launch = self._launch
        while not self._follow():
            pass  # what the process before has said is kept
        # Meant for the process before, of whose end the caller could not know.
        if self._launch is launch:
            if not self._is_heard:
                self._listen(deadline)
            self._sockets.send(message)
        return None

    def receive(self, deadline: Deadline) -> Incoming | None:
        """The next message; None when the deadline has passed and nothing has come."""
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
        """All that has come while nobody listened, for as long as a cut line may be mended."""
        limit = Deadline(self._timeouts.pong)
        while not limit.passed:
            incoming = self.receive(_NOW)
            if incoming is None:
                return
            yield incoming

    def refresh(self) -> None:
        """There is nothing that a pause could break."""
        self._check_open()

    def check(
        self,
        deadline: Deadline,  # noqa: ARG002 - nothing is to be mended
        *,
        is_new_kernel: bool = False,  # noqa: ARG002 - ``send`` goes where it is
    ) -> Gap | None:
        """Look whether the process lives; a silent kernel is told in the log, no more."""
        self._check_open()
        self._follow()
        if not self._sockets.beats():
            _log.info("kernel %s is unresponsive: no heartbeat", self._kernel.kernel_id)
        return None

    def prove_alive(self, limit: Deadline) -> None:  # noqa: ARG002 - nothing is to be mended
        """Look whether the process lives: it alone decides."""
        self._check_open()
        self._follow()

    def abort(self) -> None:
        """End it: a thread that waits gets ``ClientClosed`` within a moment."""
        self._closed = True

    def close(self) -> None:
        """Close the sockets; may be called twice."""
        self._closed = True
        self._sockets.close()

    def _take(self, seconds: float) -> Incoming | None:
        incoming = self._sockets.receive(seconds)
        if isinstance(incoming, Message):
            if incoming.channel == "shell":
                self._launch.answered.set()
            # An answer: a welcome comes before the kernel says that it starts, and news of a start
            # that come later would be taken for those of another one.
            self._hears |= incoming.channel == "iopub" and incoming.parent_id is not None
        return incoming

    def _follow(self) -> bool:
        """Go where the kernel is now; False if the process before has to be heard out first.

        What it says, and what is told of the way there, is in ``_waiting``.
        """
        old, ended = self._launch, self._launch.process.ended()
        if ended is None and self._kernel.is_current(old):
            return True
        last_words = self._take(_LAST_WORDS)
        if last_words is not None:
            self._waiting.append(last_words)
            return False
        new = self._kernel.successor(old)
        # Another process has another key: nothing that is late can be taken for its words.
        sockets = KernelSockets.connected(new.info, self._session)
        self._sockets, sockets = sockets, self._sockets
        self._launch, self._hears = new, False
        sockets.close()
        reason = None if old.was_stopped else ended
        self._waiting.append(parentless_status("restarting", self._session, reason))
        return True

    def _listen(self, deadline: Deadline) -> None:
        """Ask until something comes on iopub: what is said before we are subscribed is lost."""
        while not (self._is_heard or deadline.passed):
            asked = kernel_info_request(self._session)
            self._sockets.send(asked)
            if self._launch.answered.is_set():
                # It may be busy: ipykernel answers on control nevertheless.
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
            raise KernelNotReady(f"the kernel gives no answer: {self._launch.described()}")

    @property
    def _is_heard(self) -> bool:
        """Whether the process is up, and nothing that it says from now on is missed."""
        return self._hears and self._launch.answered.is_set()

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("stopped while it was waiting for the kernel")
