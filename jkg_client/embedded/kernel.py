"""A kernel that we run: one process after another under one id."""

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
"""Starts until a kernel that ends before it has answered is given up."""

_USUAL_SECONDS = 10.0
"""For an interrupt, when the caller says nothing."""


class LocalKernel:
    """A kernel of ours, and the power over it. Any thread may use it.

    Attributes:
        kernel_id: Stays the same across restarts.

    Args:
        plan: What it is started with.

    Raises:
        KernelStartError: It cannot be started.
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
        """Whether this process has started it, and not one that has forked us."""
        return self._launch.process.is_ours

    def launch(self) -> Launch:
        """The present process.

        Raises:
            KernelNotFound: The kernel was stopped, or cannot be started any more.
        """
        with self._lock:
            self._check()
            return self._launch

    def is_current(self, launch: Launch) -> bool:
        """Whether no other process has taken the place of this one."""
        return self._launch is launch and self._gone is None

    def successor(self, launch: Launch) -> Launch:
        """The process that has taken the place of ``launch``, which has ended.

        Raises:
            KernelStartError: It ended before it had answered, again and again.
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
                    self._gone = f"it ended as soon as it was started ({ended})"
                    raise KernelStartError(
                        f"the kernel ended before it answered ({ended}): {launch.described()}"
                    )
                _log.info("kernel %s: %s, it is started again", self.kernel_id, ended)
                self._start(again=early)
            return self._launch

    def interrupt(self, deadline: Deadline) -> None:
        """Interrupt what the kernel runs; not before it is up, for that would end it."""
        _log.info("kernel %s: interrupt", self.kernel_id)
        launch = self.launch()
        limit = deadline.within(_USUAL_SECONDS)
        if not launch.answered.wait(limit.left()):
            _log.warning("kernel %s is not up yet and was not interrupted", self.kernel_id)
        elif launch.plan.spec.interrupt_mode == "message":
            self._ask_to_interrupt(launch, limit)
        else:
            launch.process.interrupt()

    def restart(self, deadline: Deadline) -> None:  # noqa: ARG002 - the end has its own limits
        """Replace the process by another one, with a key, and addresses, of its own."""
        _log.info("kernel %s: restart", self.kernel_id)
        with self._lock:
            self._check()
            self._launch.stop(restart=True)
            self._early_exits = 0
            self._start()

    def state(self, deadline: Deadline) -> str | None:  # noqa: ARG002 - nobody is asked
        """``starting`` until the process has answered; then nothing is known but that it lives."""
        return None if self.launch().answered.is_set() else "starting"

    def stop(self) -> None:
        """End the kernel, whatever it does; may be called twice."""
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
        """By a message on control; shell is busy with what shall be interrupted."""
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
    """The exception for a kernel that is not there (any more)."""
    return KernelNotFound(404, f"kernel {kernel_id}", "", f"{reason}: start another")
