"""Requests to one kernel and their answers, and getting the kernel back when it is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import ClientClosed, GatewayError, KernelNotFound, KernelNotReady
from ..protocol.exchange import Exchange, ExecutionResult, InputRequest
from ..protocol.messages import EOT, Message, input_reply, kernel_info_request
from ..protocol.outputs import Output
from .channels import Channels
from .deadline import Deadline
from .patience import Patience

if TYPE_CHECKING:
    from .rest import JupyterClient

OnOutput = Callable[[Output], None]
OnInput = Callable[[InputRequest], str]

_log = logging.getLogger("jkg_client")


class Conversation:
    """One request after another; not for several threads at once.

    Args:
        client: The server.
        kernel_id: The kernel.
        deadline: For the first connection.
        patience: How long to wait for what.
    """

    def __init__(
        self, client: JupyterClient, kernel_id: str, deadline: Deadline, patience: Patience
    ) -> None:
        self._client = client
        self._kernel_id = kernel_id
        self._patience = patience
        # What the next request has to see to before it is sent, and to tell.
        self._needs_restart = False
        self._needs_check = False
        self._restarted = False
        self._was_ready = False
        self.channels = Channels(client, kernel_id, deadline, patience)

    def prepare(self) -> None:
        """See to it that the kernel is there and free, and find out what happened to it."""
        watch = Exchange("", begun=self._was_ready)
        for message in self.channels.drain():
            watch.feed(message)
        if watch.dead:
            self._needs_check = self._restarted = True
        if self._needs_restart:
            self._client.restart_kernel(self._kernel_id)
            self._needs_restart, self._needs_check, self._restarted = False, True, True
        if self._needs_check:
            self.must_answer(Deadline(self._patience.ready))

    def run(
        self,
        request: Message,
        exchange: Exchange,
        deadline: Deadline,
        on_output: OnOutput | None,
        on_input: OnInput | None,
    ) -> ExecutionResult:
        """Run one cell, however it ends; ``deadline`` is the cell's."""
        restarted_before, self._restarted = self._restarted, False
        self.channels.whole, self.channels.unread = True, 0
        gave_up = False
        try:
            self.channels.send(request, Deadline(self._patience.sending))
            self.pump(exchange, deadline, on_output, on_input)
            if not exchange.done:
                gave_up = True
                self._regain(exchange, on_output)
            elif exchange.ends_kernel:
                self._await_end()
        except ClientClosed:
            raise
        except KernelNotFound:
            exchange.dead = True
        except GatewayError as exc:
            self._needs_check = True
            exc.result = self._result(exchange, gave_up, restarted_before)
            raise
        except BaseException:
            # Ctrl-C, or a callback failed: the cell must not run on behind our back.
            if not exchange.done:
                self._regain(exchange, None)
            raise
        self._was_ready = True
        if exchange.dead:
            self._needs_check = self._restarted = True
        result = self._result(exchange, gave_up, restarted_before or self._restarted)
        self._restarted = False
        return result

    def _result(self, exchange: Exchange, gave_up: bool, restarted: bool) -> ExecutionResult:
        return exchange.result(
            gave_up=gave_up,
            kernel_restarted=restarted,
            unread=self.channels.unread,
            connection_lost=not self.channels.whole,
        )

    def pump(
        self,
        exchange: Exchange,
        deadline: Deadline,
        on_output: OnOutput | None = None,
        on_input: OnInput | None = None,
    ) -> None:
        """Feed ``exchange`` until it is done or the deadline passes."""
        doubts, marker = self.channels.doubts, None
        while not (exchange.done or deadline.passed):
            message = self.channels.receive(deadline)
            if doubts != self.channels.doubts:
                # The kernel answers in order: when it has answered this, what it has not
                # answered before will not come any more.
                doubts, marker = self.channels.doubts, self._poke()
            if message is None:
                continue
            output = exchange.feed(message)
            if output is not None and on_output is not None:
                on_output(output)
            if exchange.asks is not None:
                self._answer(exchange, on_input)
            if marker is not None:
                marker.feed(message)
                exchange.lost |= marker.done

    def _answer(self, exchange: Exchange, on_input: OnInput | None) -> None:
        asks, asker = exchange.asks, exchange.asker
        exchange.asks = None
        if asks is None or asker is None:
            return
        try:
            value = on_input(asks) if on_input else EOT
        except EOFError:
            value = EOT
        self.channels.send(
            input_reply(self.channels.session, value, asker), Deadline(self._patience.sending)
        )

    def _poke(self) -> Exchange:
        request = kernel_info_request(self.channels.session)
        self.channels.send(request, Deadline(self._patience.sending))
        return Exchange(request.msg_id)

    def _regain(self, exchange: Exchange, on_output: OnOutput | None) -> None:
        """Get the kernel back from a cell that does not end: interrupt it, or restart."""
        self._needs_restart = True
        try:
            for seconds in (self._patience.grace / 2, self._patience.grace / 2):
                pause = Deadline(seconds)
                self._client.interrupt_kernel(self._kernel_id, timeout_seconds=self._patience.grace)
                # Code that awaits notices an interrupt only when another message comes.
                self._poke()
                self.pump(exchange, pause, on_output)
                if exchange.done:
                    self._needs_restart = False
                    return
            self._client.restart_kernel(self._kernel_id)
            self._needs_restart, self._needs_check, self._restarted = False, True, True
            self._needs_check = not self.answers(Deadline(self._patience.ready))
        except KernelNotFound:
            exchange.dead, self._needs_restart = True, False
        except GatewayError as exc:
            # The result is what counts now; the next request tries again, and says why not.
            _log.warning("kernel %s could not be regained: %s", self._kernel_id, exc)

    def _await_end(self) -> None:
        """Wait for the end that ``exit()`` announced, so that the next cell is not lost in it."""
        watch = Exchange("", begun=True)
        self.pump(watch, Deadline(2 * self._patience.grace))
        if watch.dead:
            self._needs_check = self._restarted = True

    def answers(self, deadline: Deadline) -> bool:
        """Whether the kernel answers in time, on iopub too: just after a start that may lag."""
        while not deadline.passed:
            probe = self._poke()
            self.pump(probe, deadline.within(1.0))
            if probe.idle and probe.reply is not None:
                self._needs_check, self._was_ready = False, True
                return True
            if not deadline.passed:
                self._client.get_kernel(self._kernel_id)  # or it may never come
        return False

    def must_answer(self, deadline: Deadline) -> None:
        """Raise KernelNotReady unless it answers in time."""
        if not self.answers(deadline):
            raise KernelNotReady(f"kernel {self._kernel_id} gives no answer")

    def ask(self, request: Message, deadline: Deadline) -> Exchange:
        """Ask one question; whether it was answered in time is for the caller to see."""
        self.prepare()
        exchange = Exchange(request.msg_id)
        self.channels.send(request, Deadline(self._patience.sending))
        self.pump(exchange, deadline)
        return exchange

    def restarted(self, deadline: Deadline) -> None:
        """The kernel was restarted on request: wait until it answers."""
        for _ in self.channels.drain():
            pass  # of the kernel that was
        self._needs_restart = self._restarted = False
        self.must_answer(deadline)
