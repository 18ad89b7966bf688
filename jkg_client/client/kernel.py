"""A client of a running kernel: it executes code and sends queries."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from ..errors import ClientClosed, JkgError, KernelNotReady
from ..protocol.bounded_output import MAX_OUTPUT
from ..protocol.exchange import Exchange
from ..protocol.messages import Json, Message, execute_request
from ..protocol.outputs import OutputArea
from ..protocol.result import ExecutionResult
from ..protocol.values import mapping_of
from ..session_file import run_kept, session_file_of
from . import arguments
from .callbacks import Callbacks, OnInput, OnOutput
from .cell_log import logged
from .channels import KernelProvider
from .conversation import Conversation
from .deadline import Deadline
from .forks import check_owner
from .half_characters import run_if_text
from .queries import SendsQueries
from .saved_session import SavesSession
from .timeouts import TIMEOUTS, Timeouts

T = TypeVar("T")


class JupyterKernelClient(SendsQueries, SavesSession):
    """A connection to one running kernel. Several threads may use it; their calls run in turn.

    Example::

        from jkg_client import LocalJupyterServer

        with LocalJupyterServer() as server, server.get_client() as client:
            kernel_id = client.start_kernel("python3")
            with client.get_kernel_client(kernel_id) as kernel:
                assert kernel.execute("6 * 7", timeout_seconds=10).output == "42"
            client.delete_kernel(kernel_id)

    Args:
        provider: The owner of the kernel, such as a ``JupyterClient``. ``stop`` does not close it.
        kernel_id: Id of the kernel.
        connect_timeout: Time limit for the first connection, in seconds. A server may delay the
            connection until the kernel has started.
        timeouts: Time limits that the caller does not set per call.
        keep_session: Whether to keep the code that was run, for ``save_notebook``.

    Raises:
        KernelNotFound: There is no such kernel.
        GatewayError: The server cannot be reached, or it refuses the token.
    """

    def __init__(
        self,
        provider: KernelProvider,
        kernel_id: str,
        *,
        connect_timeout: float = 120.0,
        timeouts: Timeouts = TIMEOUTS,
        keep_session: bool = True,
    ) -> None:
        limit = arguments.kernel_client(provider, connect_timeout, keep_session)
        arguments.instance("timeouts", timeouts, Timeouts)
        self._kernel_id = kernel_id
        self._lock = threading.RLock()
        self._timeouts = timeouts
        self._holder: int | None = None
        self._process = os.getpid()
        self._session_file = session_file_of(None)
        self._keeps_session = keep_session
        connection = provider.connect(kernel_id, Deadline(limit), timeouts)
        self._channels, self._control = connection.channels, connection.control
        self._conversation = Conversation(connection, kernel_id, timeouts)

    def __repr__(self) -> str:
        state = "idle" if self._holder is None else "busy"
        state = "stopped" if self._channels.closed else state
        return f"<JupyterKernelClient of kernel {self._kernel_id}, {state}>"

    @property
    def kernel_id(self) -> str:
        """Id of the kernel."""
        return self._kernel_id

    def __enter__(self) -> JupyterKernelClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the connection; the kernel keeps running. Any thread may call this, also twice.

        Threads that wait for the kernel get ``ClientClosed``. If a thread is in a callback,
        ``stop`` waits for the callback, at most for the grace period. In a forked child process,
        ``stop`` does nothing.
        """
        if self._process != os.getpid():
            # Even a close frame would end the parent's connection.
            return
        if not self._lock.acquire(blocking=False):
            self._channels.abort()
            if not self._lock.acquire(timeout=self._timeouts.grace):
                return
        try:
            self._channels.close()
        finally:
            self._lock.release()

    def wait_for_ready(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the kernel answers, and return whether it has answered.

        Args:
            timeout_seconds: Time limit. None waits for ever.

        Raises:
            GatewayError: The server cannot be reached, or the kernel does not exist.
        """
        limit = arguments.optional_seconds("timeout_seconds", timeout_seconds)
        return self._in_turn(lambda: self._conversation.answers(Deadline(limit)))

    def execute(
        self,
        code: str,
        timeout_seconds: float | None = None,
        *,
        on_output: OnOutput | None = None,
        on_input: OnInput | None = None,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> ExecutionResult:
        """Run ``code`` and wait until it has ended and all its output has arrived.

        A cell that exceeds the time limit is interrupted. If it does not end within the grace
        period, the kernel is restarted, and the result says so.

        Args:
            code: A cell. It may contain magics.
            timeout_seconds: Time limit for the whole cell, not for each message. None: no limit.
            on_output: Function that is called with each output as soon as it arrives. Text arrives
                in pieces, as the kernel sends it.
            on_input: Function that answers input requests, such as ``input`` in a terminal. If it
                raises ``EOFError``, the input ends. None makes ``input()`` in the cell fail.
            silent: Run without counting the cell and without keeping it in the history.
            store_history: Whether the kernel counts the cell and keeps it in its history.
            user_expressions: Expressions by name, which the kernel evaluates after the code.
            max_output: Number of characters of output that are kept.

        Returns:
            The outputs of the cell, and how it ended (``status``).

        Raises:
            GatewayError: The server cannot be reached, or it does not have the kernel (any more).
                If the cell was running, ``result`` has its output so far.
            KernelNotReady: The kernel does not answer. The cell was not sent.
            ValueError: An argument is wrong. Nothing has run.
        """
        arguments.text("code", code)
        limit = arguments.optional_seconds("timeout_seconds", timeout_seconds)
        callbacks = Callbacks(on_output, on_input)
        arguments.each(arguments.flag, silent=silent, store_history=store_history)
        arguments.words("user_expressions", user_expressions)
        arguments.at_least("max_output", max_output, 2)
        request = execute_request(
            self._channels.session,
            code,
            silent=silent,
            store_history=store_history,
            user_expressions=user_expressions,
            allow_stdin=on_input is not None,
            # An error must not abort waiting cells of other clients.
            stop_on_error=False,
        )
        exchange = Exchange(request.msg_id, OutputArea(max_output))
        is_kept = self._keeps_session and store_history and not silent
        session = self._session_file.session if is_kept else None

        def run() -> ExecutionResult:
            self._conversation.prepare()
            cell = partial(self._conversation.run, request, exchange, Deadline(limit), callbacks)
            cell = partial(run_if_text, code, callbacks, cell)
            return run_kept(session, code, partial(logged, self._kernel_id, code, limit, cell))

        return self._in_turn(run)

    def interrupt(self) -> None:
        """Interrupt the running cell, as Ctrl-C does. Any thread may call this.

        Raises:
            GatewayError: The server cannot be reached, or the kernel does not exist.
        """
        self._control.interrupt(Deadline(None))

    def restart(self, timeout_seconds: float = 60.0) -> None:
        """Restart the kernel, even if it is busy, and wait until it answers.

        Args:
            timeout_seconds: Time limit for the whole restart.

        Raises:
            GatewayError: The server cannot be reached, or the kernel does not exist.
            KernelNotReady: The kernel does not answer in time.
        """
        self._restart(timeout_seconds, is_known=True)

    def stop_cell_by_restart(self, timeout_seconds: float) -> None:
        """Restart the kernel to end the cell of another thread. The next result reports this.

        Args:
            timeout_seconds: Time limit for the whole restart.

        Raises:
            KernelNotReady: The kernel does not answer in time.
        """
        self._restart(timeout_seconds, is_known=False)

    def _restart(self, timeout_seconds: float, *, is_known: bool) -> None:
        deadline = Deadline(arguments.seconds("timeout_seconds", timeout_seconds))
        self._check_process()
        self._check_usable()
        before = self._conversation.life.deaths
        self._control.restart(deadline)
        self._in_turn(lambda: self._conversation.restarted(deadline, before, is_known=is_known))

    def _complete_session(self) -> None:
        session = self._session_file.session
        if session.language_info or self._channels.closed or self._holder is not None:
            return
        with contextlib.suppress(JkgError):
            session.language_info = mapping_of(self.kernel_info(5.0).get("language_info"))

    def _in_turn(self, do: Callable[[], T]) -> T:
        """Call ``do`` when no other thread uses the kernel, and return its result.

        Raises ClientClosed if the client was stopped, or belongs to another process.
        """
        # Check this before the lock, which in a forked child may belong to a thread of the parent.
        self._check_process()
        with self._lock:
            self._check_usable()
            self._holder = threading.get_ident()
            try:
                return do()
            finally:
                self._holder = None
                if self._channels.closed:
                    self._channels.close()

    def _check_process(self) -> None:
        check_owner(self._process, f"the client of kernel {self._kernel_id}")

    def _check_usable(self) -> None:
        if self._channels.closed:
            raise ClientClosed(f"the client of kernel {self._kernel_id} was stopped")
        if self._holder == threading.get_ident():
            raise RuntimeError("a callback cannot use the kernel while its own cell runs")

    def _ask(self, request_of: Callable[[str], Message], timeout_seconds: float) -> Json:
        deadline = Deadline(arguments.seconds("timeout_seconds", timeout_seconds))
        request = request_of(self._channels.session)
        exchange = self._in_turn(lambda: self._conversation.ask(request, deadline))
        if exchange.reply is None:
            # If no limit passed, the kernel died, or an interrupt came just before the answer.
            limit = "" if exchange.done else f" within {timeout_seconds:g} s"
            kernel = f"kernel {self._kernel_id}{' died and' if exchange.dead else ''}"
            raise KernelNotReady(f"{kernel} gave no answer to {request.msg_type}{limit}")
        return exchange.reply
