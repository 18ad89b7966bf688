"""Requests to one kernel and their answers, and getting the kernel back when it is lost."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import evolve

from ..errors import (
    ClientClosed,
    GatewayError,
    GatewayStatus,
    JkgError,
    KernelNotFound,
    KernelNotReady,
)
from ..gateway.channels import Channels
from ..protocol.bounded_output import MAX_OUTPUT
from ..protocol.early_idle import EarlyIdle
from ..protocol.exchange import Exchange, InputRequest, LateOutput
from ..protocol.messages import EOT, Message, input_reply, kernel_info_request
from ..protocol.outputs import Output, OutputArea
from ..protocol.result import ExecutionResult
from .deadline import Deadline
from .timeouts import Timeouts

if TYPE_CHECKING:
    from ..gateway.rest import JupyterClient

OnOutput = Callable[[Output], None]
OnInput = Callable[[InputRequest], str]

_log = logging.getLogger("jkg_client")
_DEATH_TOLD = 2.0  # seconds in which servers tell of a kernel's death
_SETTLING = 0.5  # seconds of silence after reply or idle, before we ask whether that is all


class Conversation:
    """One request after another; not for several threads at once.

    Args:
        client: The server.
        kernel_id: The kernel.
        deadline: For the first connection.
        timeouts: How long to wait for what.
    """

    def __init__(
        self, client: JupyterClient, kernel_id: str, deadline: Deadline, timeouts: Timeouts
    ) -> None:
        self._client = client
        self._kernel_id = kernel_id
        self._timeouts = timeouts
        # What the next request has to see to before it is sent, and to tell.
        self._abandoned: Exchange | None = None  # a cell that may run on
        self._needs_check = False
        self._restarted = False
        self._was_ready = False  # of the kernel whose death was not noticed
        self._process: str | None = None  # session id of the kernel that answered last
        self.channels = Channels(client, kernel_id, deadline, timeouts)
        self._early_idle = EarlyIdle()
        self._cell: Exchange | None = None  # whose result is still to be told
        self._late_output = self._new_late_output(MAX_OUTPUT)

    def prepare(self) -> None:
        """See to it that the kernel is there and free, and find out what happened to it."""
        watch = Exchange("", begun=self._was_ready)
        doubts = self.channels.doubts
        for message in self.channels.drain():
            watch.feed(message)
            self._early_idle.feed(message)
            if self._abandoned is not None:
                self._abandoned.feed(message)
            self._overhear(message)
            if watch.dead:
                self._kernel_died()
        # What was kept for us while we were away comes before the answer.
        self._needs_check |= doubts != self.channels.doubts
        if self._abandoned is not None:
            self._regain(self._abandoned)
        if self._needs_check:
            self.must_answer(Deadline(self._timeouts.ready))

    def run(
        self,
        request: Message,
        exchange: Exchange,
        deadline: Deadline,
        on_output: OnOutput | None,
        on_input: OnInput | None,
    ) -> ExecutionResult:
        """Run one cell, however it ends; ``deadline`` is the cell's."""
        self.channels.whole, self.channels.unread = True, 0
        if on_output is not None:
            for output in self._late_output.area.outputs:
                on_output(output)
        self._hand_over(request, exchange)
        self._cell, gave_up = exchange, False
        try:
            self.pump(exchange, deadline, on_output, on_input)
            self._meet(exchange)
            if not exchange.done:
                gave_up = True
                self._give_up(exchange, on_output, limit_passed=True)
            else:
                self._await_rest(exchange, on_output)
        except ClientClosed:
            raise
        except KernelNotFound:
            self._vanished(exchange)
        except GatewayError as exc:
            self._needs_check = True
            exc.result = self._result(exchange, gave_up)
            raise
        except BaseException:
            # Ctrl-C, or a callback failed: the cell must not run on behind our back.
            with contextlib.suppress(ClientClosed):
                self._give_up(exchange, None)
            raise
        finally:
            self._cell = None
        return self._result(exchange, gave_up)

    def _hand_over(self, request: Message, exchange: Exchange) -> None:
        self._abandoned, exchange.settled = exchange, self._was_ready
        try:
            self.channels.send(request, Deadline(self._timeouts.sending))
        except (JkgError, ValueError):
            self._abandoned = None  # it never left
            raise
        self._was_ready = True

    def _result(self, exchange: Exchange, gave_up: bool) -> ExecutionResult:
        self._abandoned = None if exchange.done else self._abandoned
        restarted, self._restarted = self._restarted, False
        late, self._late_output = (
            self._late_output.area,
            self._new_late_output(exchange.area.max_output),
        )
        return exchange.result(
            gave_up=gave_up,
            kernel_restarted=restarted,
            unread=self.channels.unread,
            connection_lost=not self.channels.whole,
            late=late,
        )

    def _new_late_output(self, max_output: int) -> LateOutput:
        return LateOutput(self.channels.session, OutputArea(max_output))

    def _overhear(self, message: Message) -> Output | None:
        """Keep what is not an answer to the request that is pending."""
        if self._cell is None or message.parent_id != self._cell.msg_id:
            return self._late_output.feed(message)
        # Of a cell that is being ended, while something else is asked.
        return self._cell.feed(message)

    def pump(
        self,
        exchange: Exchange,
        deadline: Deadline,
        on_output: OnOutput | None = None,
        on_input: OnInput | None = None,
        *,
        marker: Exchange | None = None,
        sign: Exchange | None = None,
    ) -> None:
        """Feed ``exchange`` until it is done or the deadline passes, or ``sign`` is answered.

        When the kernel has answered ``marker``, which was asked later, nothing more comes.
        """
        doubts = self.channels.doubts
        while not (exchange.done or deadline.passed or (sign and sign.reply)):
            # Floods take idle with them; an interrupt outside of the code costs the reply.
            ends = exchange.ending and (marker is None or marker.ending)
            message = self.channels.receive(deadline.within(_SETTLING) if ends else deadline)
            overdue = ends and message is None and not deadline.passed
            if overdue or doubts != self.channels.doubts:
                doubts, marker = self.channels.doubts, self._poke()
            if message is None:
                continue
            self._early_idle.feed(message)
            output = exchange.feed(message)
            if exchange is not self._cell or message.parent_id != exchange.msg_id:
                output = self._overhear(message)
            if exchange.dead:
                self._kernel_died()
            if output is not None and on_output is not None:
                on_output(output)
            if exchange.asks is not None:
                self._answer(exchange, on_input)
            if sign is not None:
                sign.feed(message)
            if marker is not None:
                self._overtake(exchange, marker, message)

    def _overtake(self, exchange: Exchange, marker: Exchange, message: Message) -> None:
        marker.feed(message)
        if exchange.done or not marker.done:
            return
        exchange.overtake(marker)
        if exchange.dead:
            self._kernel_died()
        self._meet(marker)

    def _meet(self, exchange: Exchange) -> None:
        """Find out whether another process answers: it may have died while nobody listened."""
        if not exchange.dead:
            before, self._process = self._process, exchange.process or self._process
            self._restarted |= before not in (None, self._process)

    def _answer(self, exchange: Exchange, on_input: OnInput | None) -> None:
        asks, asker = exchange.asks, exchange.asker
        exchange.asks = None
        if asks is None or asker is None:
            return
        try:
            value = on_input(asks) if on_input else EOT
        except EOFError:
            value = EOT
        # Meanwhile servers and proxies may have closed a connection that nobody read.
        self.channels.refresh()
        self.channels.send(
            input_reply(self.channels.session, value, asker), Deadline(self._timeouts.sending)
        )

    def _poke(self, deadline: Deadline | None = None, *, begun: bool = False) -> Exchange:
        request = kernel_info_request(self.channels.session)
        self.channels.send(request, deadline or Deadline(self._timeouts.sending))
        return Exchange(request.msg_id, begun=begun)

    def _give_up(
        self, exchange: Exchange, on_output: OnOutput | None, *, limit_passed: bool = False
    ) -> None:
        try:
            if limit_passed:
                self._see_alive(exchange, on_output)
            self._regain(exchange, on_output)
        except KernelNotFound:
            self._vanished(exchange)
        except GatewayError as exc:
            # The result is what counts now; the next request tries again, and says why not.
            self.channels.whole = False
            _log.warning("kernel %s could not be regained: %s", self._kernel_id, exc)

    def _see_alive(self, exchange: Exchange, on_output: OnOutput | None) -> None:
        """Find out, before the interrupt, whether the kernel has died by itself.

        That is told within this time; others answer on the control channel, or not at all.
        """
        request = evolve(kernel_info_request(self.channels.session), channel="control")
        self.channels.send(request, Deadline(self._timeouts.grace))
        sign = Exchange(request.msg_id)
        limit = Deadline(min(_DEATH_TOLD, self._timeouts.grace / 2))
        self.pump(exchange, limit, on_output, sign=sign)
        exchange.time_is_up()

    def _regain(self, exchange: Exchange, on_output: OnOutput | None = None) -> None:
        """Get the kernel back from a cell that does not end: interrupt it, or restart."""
        for again in range(2):
            if exchange.done:
                break
            if again:
                # The end of the cell may have been told to a dead line.
                self.channels.prove_alive(Deadline(self._timeouts.grace))
            pause = Deadline(self._timeouts.grace / 2)
            self._interrupt()
            # Code that awaits notices an interrupt only when another message comes.
            marker = self._poke(Deadline(self._timeouts.grace))
            self.pump(exchange, pause, on_output, marker=marker)
        if exchange.done:
            self._abandoned = None
            return
        self._client.restart_kernel(self._kernel_id, timeout_seconds=self._timeouts.launch)
        self._abandoned = None
        self._kernel_died()
        # Servers may have closed the connection, and not stand what is sent on it nevertheless.
        for message in self.channels.drain():
            self._overhear(message)
        self.answers(Deadline(self._timeouts.ready))

    def _interrupt(self) -> None:
        try:
            self._client.interrupt_kernel(self._kernel_id, timeout_seconds=self._timeouts.grace)
        except GatewayStatus as exc:
            if exc.status < 500:
                raise
            # The process has just died, perhaps of the last interrupt.

    def _kernel_died(self) -> None:
        # Told once of each kernel: "starting" follows "restarting".
        self._restarted |= self._was_ready
        self._needs_check, self._was_ready, self._process = True, False, None
        self.channels.moved = True

    def _vanished(self, exchange: Exchange) -> None:
        exchange.dead, self._abandoned = True, None
        self._kernel_died()

    def _await_rest(self, exchange: Exchange, on_output: OnOutput | None) -> None:
        """Wait for what follows the end of a cell: that of its kernel, or a value that is late."""
        if exchange.ends_kernel:
            # The next cell shall not be lost in the end that exit() announced.
            self._needs_check = True
            self.pump(Exchange("", begun=True), Deadline(2 * self._timeouts.grace))
        elif not exchange.dead:
            self._early_idle.ended(exchange.msg_id)
            if self._early_idle.is_expected:
                self.pump(self._poke(), Deadline(self._timeouts.grace), on_output)

    def answers(self, deadline: Deadline) -> bool:
        """Whether the kernel answers in time, on iopub too: just after a start that may lag."""
        pause = 1.0
        while not deadline.passed:
            probe = self._poke(deadline.within(self._timeouts.sending), begun=self._was_ready)
            self.pump(probe, deadline.within(pause))
            if probe.idle and probe.reply is not None:
                self._meet(probe)
                self._needs_check, self._was_ready, self.channels.moved = False, True, False
                return True
            if not deadline.passed:
                self.channels.check(deadline)  # or it may never come
            pause = min(2 * pause, 8.0)  # on a slow line no answer is back sooner
        self._needs_check = True
        return False

    def must_answer(self, deadline: Deadline) -> None:
        """Raise KernelNotReady unless it answers in time."""
        if not self.answers(deadline):
            raise KernelNotReady(f"kernel {self._kernel_id} gives no answer")

    def ask(self, request: Message, deadline: Deadline) -> Exchange:
        """Ask one question; whether it was answered in time is for the caller to see."""
        self.prepare()
        exchange = Exchange(request.msg_id)
        self.channels.send(request, Deadline(self._timeouts.sending))
        self.pump(exchange, deadline)
        return exchange

    def restarted(self, deadline: Deadline) -> None:
        """The kernel was restarted on request: wait until it answers."""
        for _ in self.channels.drain():
            pass  # of the kernel that was
        self._kernel_died()
        self._abandoned, self._restarted = None, False
        self._late_output = self._new_late_output(MAX_OUTPUT)
        self.must_answer(deadline)
