"""An embedded kernel. Each restart replaces its process; its id stays the same."""

from __future__ import annotations

import contextlib
import logging
import threading
import uuid

from ..client.deadline import Deadline
from ..errors import KernelNotFound, KernelStartError
from ..protocol.messages import Message, interrupt_request, new_session
from .launch import Launch, Plan
from .sockets import KernelSockets

_log = logging.getLogger("jkg_client")

_TRIES = 3
"""A kernel that has ended before it answered is started again, up to this number of starts."""

_USUAL_SECONDS = 10.0
"""Longest time that an interrupt waits for the kernel, in seconds."""


class LocalKernel:
    """A kernel on this machine: its start, interrupts, restarts and end. Any thread may use it.

    Attributes:
        kernel_id: Id of the kernel. A restart does not change it.

    Args:
        plan: Settings of the kernel.

    Raises:
        KernelStartError: The kernel cannot be started.
    """

    def __init__(self, plan: Plan) -> None:
        self.kernel_id: str = uuid.uuid4().hex
        self._plan = plan
        self._lock = threading.RLock()
        self._early_exits = 0
        self._gone: str | None = None
        self._launch = Launch.start(plan)

    @property
    def is_ours(self) -> bool:
        """Whether this process has started the kernel. False in a forked child."""
        return self._launch.process.is_ours

    def launch(self) -> Launch:
        """The current process of the kernel.

        Raises:
            KernelNotFound: The kernel was stopped, or cannot be started any more.
        """
        with self._lock:
            self._check()
            return self._launch

    def is_current(self, launch: Launch) -> bool:
        """Whether ``launch`` is the current process of the kernel."""
        return self._launch is launch and self._gone is None

    def successor(self, launch: Launch) -> Launch:
        """``launch`` has ended: the process that replaces it. It is started if necessary.

        Raises:
            KernelStartError: The process ended before it answered, several times.
            KernelNotFound: The kernel was stopped, or cannot be started any more.
        """
        with self._lock:
            self._check()
            if self._launch is launch:
                ended = launch.process.ended()
                launch.stop()
                early = not launch.answered.is_set()
                self._early_exits = self._early_exits + 1 if early else 0
                if self._early_exits >= _TRIES:
                    self._gone = f"it ended before it answered, {_TRIES} times ({ended})"
                    raise KernelStartError(
                        f"the kernel ended before it answered ({ended}): {launch.described()}"
                    )
                _log.info("kernel %s: ended (%s) and is started again", self.kernel_id, ended)
                self._start(again=early)
            return self._launch

    def interrupt(self, deadline: Deadline) -> None:
        """Interrupt the running cell. Wait while the kernel starts: a signal would kill it."""
        _log.info("kernel %s: interrupt", self.kernel_id)
        launch = self.launch()
        limit = deadline.within(_USUAL_SECONDS)
        if not launch.answered.wait(limit.left()):
            _log.warning("kernel %s is still starting and was not interrupted", self.kernel_id)
        elif launch.plan.spec.interrupt_mode == "message":
            self._ask_to_interrupt(launch, limit)
        else:
            launch.process.interrupt()

    def restart(self, deadline: Deadline) -> None:  # noqa: ARG002 - ``EndTimes`` are the limits
        """Replace the process by a new one with a new key and new addresses."""
        _log.info("kernel %s: restart", self.kernel_id)
        with self._lock:
            self._check()
            self._launch.stop(restart=True)
            self._early_exits = 0
            self._start()

    def state(self, deadline: Deadline) -> str | None:  # noqa: ARG002 - no request is sent
        """``starting`` until the process has answered. After that None, which means unknown."""
        return None if self.launch().answered.is_set() else "starting"

    def stop(self) -> None:
        """End the kernel, even if it is busy. A second call does nothing."""
        with self._lock:
            self._gone = self._gone or "it was stopped"
            self._launch.stop()

    def _start(self, *, again: bool = False) -> None:
        try:
            self._launch = Launch.start(self._plan, again=again)
        except BaseException as exc:
            self._gone = f"it could not be started again: {exc}"
            raise

    def _check(self) -> None:
        if self._gone is not None:
            raise kernel_not_found(self.kernel_id, self._gone)

    def _ask_to_interrupt(self, launch: Launch, deadline: Deadline) -> None:
        """Send an interrupt request on control, because shell is busy with the running cell."""
        session = new_session()
        with contextlib.closing(
            KernelSockets.connected(launch.info, session, ["control"])
        ) as sockets:
            request = interrupt_request(session)
            sockets.send(request)
            while not (deadline.passed or launch.process.has_ended):
                answer = sockets.receive(deadline.within(0.1).left() or 0.0)
                if isinstance(answer, Message) and answer.parent_id == request.msg_id:
                    return
        _log.warning("kernel %s did not acknowledge the interrupt", self.kernel_id)


def kernel_not_found(kernel_id: str, reason: str) -> KernelNotFound:
    """The exception for a kernel that does not exist (any more)."""
    return KernelNotFound(404, f"kernel {kernel_id}", "", f"{reason}: start another")
