"""Requests to one kernel and their answers, and recovery after errors."""

from __future__ import annotations

import contextlib
import logging

from ..errors import ClientClosed, GatewayError, JkgError, KernelNotFound, KernelNotReady
from ..protocol.exchange import Exchange, Happened
from ..protocol.idle_before_value import IdleBeforeValue
from ..protocol.late_output import LateOutput
from ..protocol.message_gaps import Gap
from ..protocol.messages import Message, again
from ..protocol.outputs import OutputArea
from ..protocol.questions import Question
from ..protocol.result import ExecutionResult
from .callbacks import SILENT, Callbacks
from .channels import KernelConnection
from .deadline import CLOCK, Clock, Deadline
from .interrupts import interrupt_until_done
from .kernel_life import KernelLife
from .line import Line
from .queued_cells import QueuedCells
from .timeouts import Timeouts

_log = logging.getLogger("jkg_client")
_DEATH_TOLD = 2.0  # seconds until servers have reported a kernel's death


class Conversation:
    """Sends one request after another. Only one thread may use it at a time.

    Args:
        connection: Connection to the kernel. The caller closes it.
        name: Name of the kernel for log and error messages.
        timeouts: Time limits.
        clock: The clock.
    """

    def __init__(
        self, connection: KernelConnection, name: str, timeouts: Timeouts, clock: Clock = CLOCK
    ) -> None:
        self._channels = connection.channels
        self._control = connection.control
        self._line = Line(self._channels, self._control, timeouts, clock)
        self._name = name
        self._timeouts = timeouts
        self._clock = clock
        self.life: KernelLife = KernelLife()  # any thread may read it
        self._abandoned: Exchange | None = None  # a cell that may still run
        self._idle_before_value = IdleBeforeValue()
        self._cell: Exchange | None = None  # the cell whose result is not yet complete
        self._callbacks = SILENT  # of this cell
        self._late_output = LateOutput(self._channels.session)
        self._queued = QueuedCells(self._channels.session)

    def prepare(self) -> None:
        """Make sure that the kernel is alive and idle, and find out whether it was restarted."""
        begins = False
        for incoming in self._channels.drain():
            if isinstance(incoming, Gap):
                # Messages that the server has kept arrive before the answer.
                if incoming.end_unseen:
                    self.life.doubt()
                continue
            begins |= self._listen(incoming)
            if self._abandoned is not None:
                self._abandoned.feed(incoming)
            self._overhear(incoming)
        if begins and self._queued.is_running:
            self._line.interrupt()
        if self._abandoned is not None:
            self._regain(self._abandoned)
        if self.life.needs_check:
            self.must_answer(self._clock.deadline(self._timeouts.ready))

    def run(
        self, request: Message, exchange: Exchange, deadline: Deadline, callbacks: Callbacks
    ) -> ExecutionResult:
        """Run one cell; ``deadline`` is its time limit.

        Kernels abort waiting cells when the running code fails: code of another client, or code
        that we have interrupted. An aborted cell has not run, so it is sent again.
        """
        result = self._run(request, exchange, deadline, callbacks)
        for _ in range(20):
            if result.status != "aborted" or deadline.passed:
                break
            request = again(request)
            exchange = Exchange(request.msg_id, OutputArea(exchange.area.max_output))
            result = self._run(request, exchange, deadline, callbacks).after(result)
        return result

    def _run(
        self, request: Message, exchange: Exchange, deadline: Deadline, callbacks: Callbacks
    ) -> ExecutionResult:
        self._hand_over(request, exchange)
        self._cell, self._callbacks, gave_up = exchange, callbacks, False
        try:
            callbacks.tell(*self._late_output.outputs)
            self._follow(exchange, deadline)
            if exchange.is_moved:
                exchange.wait_for_new_process()
                self.answers(deadline.within(self._timeouts.ready), exchange)
                if not (exchange.begun or deadline.passed):
                    exchange.kernel_gone()
                self._follow(exchange, deadline)
            self.life.answered(exchange)
            if not exchange.done:
                gave_up = True
                self._give_up(exchange, limit_passed=True)
            else:
                self._await_rest(exchange)
        except ClientClosed:
            raise
        except KernelNotFound:
            self._vanished(exchange)
        except GatewayError as exc:
            self.life.doubt()
            exchange.skip(Gap(may_lack=True))
            exc.result = self._result(exchange, gave_up=False)
            raise
        except BaseException:
            # Ctrl-C, or a callback failed: the cell must not keep running.
            self._callbacks = SILENT
            with contextlib.suppress(ClientClosed):
                self._give_up(exchange)
            raise
        finally:
            self._cell, self._callbacks = None, SILENT
        return self._result(exchange, gave_up)

    def ask(self, request: Message, deadline: Deadline) -> Exchange:
        """Send one request. The caller has to check whether the answer came in time."""
        self.prepare()
        exchange = Exchange(request.msg_id)
        self._line.send(request)
        self._follow(exchange, deadline)
        return exchange

    def answers(self, deadline: Deadline, cell: Exchange | None = None) -> bool:
        """Whether the kernel begins ``cell``, or answers in time on all channels."""
        pause = self._line.first_pause
        while not deadline.passed:
            probe = self._poke(deadline.within(self._timeouts.sending), begun=self.life.is_up)
            self._follow(probe, deadline.within(pause))
            if probe.idle and probe.reply is not None:
                self.life.is_ready(probe)
                return True
            if cell is not None and cell.begun:
                return True
            if not (probe.done or deadline.passed):
                # The answer may never arrive on this connection.
                self._channels.check(deadline, is_new_kernel=self.life.is_new)
            pause = min(2 * pause, 8.0)  # a slow connection needs this long for an answer
        self.life.doubt()
        return False

    def must_answer(self, deadline: Deadline) -> None:
        """Raise KernelNotReady unless the kernel answers in time."""
        if not self.answers(deadline):
            raise KernelNotReady(f"kernel {self._name} does not answer")

    def restarted(self, deadline: Deadline, deaths_before: int, *, is_known: bool) -> None:
        """The kernel was restarted on request: wait until it answers.

        Args:
            deadline: Time limit for the wait.
            deaths_before: ``life.deaths`` before the request. If it has grown since, the cell of
                another thread has noticed the restart and reports it.
            is_known: The caller knows that variables are lost, so no result has to report it.
        """
        for _ in self._channels.drain():
            pass  # a message of the old process
        self.life.died(is_noticed=self.life.deaths != deaths_before)
        self._queued.clear()
        self._abandoned = None
        self._late_output = LateOutput(self._channels.session)
        self.must_answer(deadline)
        if is_known:
            self.life.take_restarted()

    def _hand_over(self, request: Message, exchange: Exchange) -> None:
        self._abandoned = exchange
        try:
            self._line.send(request)
        except (JkgError, ValueError):
            self._abandoned = None  # the request was not sent
            raise
        self._line.forget_gap()  # this gap is before the cell
        self.life.sent(request, exchange)

    def _result(self, exchange: Exchange, gave_up: bool) -> ExecutionResult:
        is_left = exchange.done or self._queued.waits(exchange)
        self._abandoned = None if is_left else self._abandoned
        late = self._late_output.take(exchange.area.max_output)
        restarted = self.life.take_restarted()
        return exchange.result(gave_up=gave_up, kernel_restarted=restarted, late=late)

    def _follow(
        self,
        exchange: Exchange,
        deadline: Deadline,
        marker: Exchange | None = None,
        sign: Exchange | None = None,
    ) -> None:
        """Feed ``exchange`` until it is done, request ``sign`` has a reply, or the time is over.

        ``marker`` is a later request. After its answer, no more messages of ``exchange`` follow.
        """
        while not (exchange.done or deadline.passed or (sign and sign.reply)):
            # After too much output, servers drop even idle. If an interrupt comes outside of the
            # code, the reply may be missing.
            ends = exchange.ending and (marker is None or marker.ending)
            limit = self._line.settling(deadline) if ends or self._queued.is_running else deadline
            incoming = self._line.receive(limit)
            if incoming is None:
                if ends and not deadline.passed:
                    marker = self._poke()
                elif self._queued.is_running and not deadline.passed:
                    self._line.interrupt()  # the first was lost, or the code has caught it
            elif isinstance(incoming, Gap):
                exchange.skip(incoming)
                if self._cell is not None and self._cell is not exchange:
                    self._cell.skip(incoming, is_value_due=self._idle_before_value.is_expected)
                if incoming.end_unseen:
                    marker = self._poke()
            else:
                self._tell(self._hear(incoming, exchange))
                if sign is not None:
                    sign.feed(incoming)
                if marker is not None:
                    self._overtake(exchange, marker, incoming)

    def _hear(self, message: Message, exchange: Exchange) -> Happened | None:
        if exchange is self._cell and message.parent_id == exchange.msg_id:
            # An answer to the cell says nothing else, except that all earlier code has ended.
            if not exchange.begun:
                self._queued.clear()
            return exchange.feed(message)
        if self._listen(message):
            self._line.interrupt()
        exchange.feed(message)
        return self._overhear(message)

    def _listen(self, message: Message) -> bool:
        self.life.feed(message)
        self._idle_before_value.feed(message)
        return self._queued.feed(message)

    def _overhear(self, message: Message) -> Happened | None:
        """Process a message that does not answer the pending request."""
        if self._cell is None:
            return self._late_output.feed(message)
        # The message may belong to a cell that we are ending while another request is pending.
        if message.parent_id == self._cell.msg_id:
            return self._cell.feed(message)
        self._cell.gaps.feed(message)  # otherwise, its number would look like a lost message
        return self._late_output.feed(message)

    def _tell(self, happened: Happened | None) -> None:
        if isinstance(happened, Question):
            self._line.answer(happened, self._callbacks.answer(happened.request))
        elif happened is not None:
            self._callbacks.tell(happened)

    def _overtake(self, exchange: Exchange, marker: Exchange, message: Message) -> None:
        marker.feed(message)
        if marker.done and not exchange.done:
            exchange.overtake(marker)
            if exchange.dead:
                self.life.died()
            self.life.answered(marker)

    def _poke(self, deadline: Deadline | None = None, *, begun: bool = False) -> Exchange:
        return Exchange(self._line.ask(deadline), begun=begun)

    def _give_up(self, exchange: Exchange, *, limit_passed: bool = False) -> None:
        try:
            if limit_passed and not self._queued.waits(exchange):
                self._see_alive(exchange)
            if self._queued.waits(exchange):
                self._queued.add(exchange)
            else:
                self._regain(exchange)
        except KernelNotFound:
            self._vanished(exchange)
        except GatewayError as exc:
            # Return the result anyway. The next request tries again and raises the error.
            exchange.skip(Gap(may_lack=True))
            _log.warning("kernel %s could not be recovered: %s", self._name, exc)

    def _see_alive(self, exchange: Exchange) -> None:
        """Find out, before the interrupt, whether the kernel has died by itself.

        Servers report a death within ``_DEATH_TOLD`` seconds. A living kernel answers on the
        control channel, or not at all.
        """
        limit = self._clock.deadline(self._timeouts.grace)
        sign = Exchange(self._line.ask(limit, channel="control"))
        limit = self._clock.deadline(min(_DEATH_TOLD, self._timeouts.grace / 2))
        self._follow(exchange, limit, sign=sign)
        if sign.reply and not self.life.is_known:
            self._queued.suppose_other_code()
        exchange.time_is_up()

    def _regain(self, exchange: Exchange) -> None:
        """End a cell that does not end by itself: interrupt it, or restart the kernel."""
        if exchange.is_followed:
            exchange.overtake(Exchange(""))  # an interrupt would hit the other code
        self._queued.add_unseen(exchange)
        if not exchange.done and not self._ends_by_interrupt(exchange):
            self._control.restart(self._clock.deadline(self._timeouts.launch))
            self._abandoned = None
            self.life.died()
            for message in self._line.unread():
                self._overhear(message)
            self.answers(self._clock.deadline(self._timeouts.ready))
        self._abandoned = None

    def _ends_by_interrupt(self, exchange: Exchange) -> bool:
        def interrupt(is_repeated: bool) -> None:
            if is_repeated:
                # The end of the cell may have been lost with a dead connection.
                self._channels.prove_alive(self._clock.deadline(self._timeouts.grace))
            self._line.interrupt()

        def is_done() -> bool:
            # Asynchronous code notices an interrupt only when another message arrives.
            marker = self._poke(self._clock.deadline(self._timeouts.grace))
            self._follow(exchange, self._clock.deadline(self._timeouts.grace / 2), marker)
            return exchange.done

        return interrupt_until_done(interrupt, is_done, tries=2)

    def _vanished(self, exchange: Exchange) -> None:
        exchange.kernel_gone()
        self._abandoned = None
        self.life.died()

    def _await_rest(self, exchange: Exchange) -> None:
        """Wait for messages after the end of a cell: the death of its kernel, or a late value."""
        if exchange.ends_kernel:
            # After exit(), the kernel ends. The next cell must not be sent to the old process.
            self.life.doubt()
            self._follow(Exchange("", begun=True), self._clock.deadline(2 * self._timeouts.grace))
        elif not exchange.dead:
            self._idle_before_value.ended(exchange.msg_id)
            if self._idle_before_value.is_expected:
                self._follow(self._poke(), self._clock.deadline(self._timeouts.grace))
