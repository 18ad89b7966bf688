"""A running kernel: execute code in it, ask it things."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ClientClosed, JkgError, KernelNotReady
from ..protocol.bounded_output import MAX_OUTPUT
from ..protocol.exchange import Exchange
from ..protocol.messages import (
    Json,
    Message,
    complete_request,
    execute_request,
    history_request,
    inspect_request,
    is_complete_request,
    kernel_info_request,
)
from ..protocol.outputs import OutputArea
from ..protocol.result import ExecutionResult
from ..protocol.session import Session
from ..protocol.values import mapping_of
from ..session_file import kept_in, save_session
from . import arguments
from .callbacks import Callbacks, OnInput, OnOutput
from .channels import KernelProvider
from .conversation import Conversation
from .deadline import Deadline
from .timeouts import TIMEOUTS, Timeouts

_ASKING = 5.0
"""Seconds to ask a kernel for its language, when its session is saved."""


class JupyterKernelClient:
    """A running kernel. Several threads may use it: they queue.

    Args:
        provider: Who has the kernel, such as a ``JupyterClient``; not closed by ``stop``.
        kernel_id: Id of the kernel.
        connect_timeout: Seconds for the first connection; servers let it wait until the
            kernel is up.
        timeouts: Time limits that are not given per call.
        keep_session: Keep what was run, for ``save_notebook``.

    Raises:
        KernelNotFound: There is no such kernel.
        GatewayError: The server cannot be reached, or does not let us in.
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
        limit = arguments.seconds("connect_timeout", connect_timeout)
        arguments.instance("timeouts", timeouts, Timeouts)
        self._kernel_id = kernel_id
        self._lock = threading.RLock()
        self._timeouts = timeouts
        self._holder: int | None = None
        self._process = os.getpid()
        self._session = Session() if keep_session else None
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
        """Close the connection; the kernel stays. May be called twice, and from any thread.

        A thread that waits for the kernel gets ``ClientClosed``. A thread that is in a callback
        is given the grace period to return; the connection is closed when it does. In a child
        that was forked it does nothing.
        """
        if self._process != os.getpid():
            # Even a goodbye would end the parent's connection.
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
        """Wait until the kernel answers; False if it does not within the time limit."""
        limit = arguments.optional_seconds("timeout_seconds", timeout_seconds)
        with self._turn():
            return self._conversation.answers(Deadline(limit))

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
        """Run ``code`` and wait for everything it has to say.

        When the time is up the cell is interrupted; if that does not end it within the
        grace period the kernel is restarted. The result tells.

        Args:
            code: A cell, magics included.
            timeout_seconds: For the whole cell, not for each message; None waits for ever.
            on_output: Called with each output as it comes; stream text in the chunks that came.
            on_input: Called when the code asks for a line, ``input`` itself will do; None
                makes asking an error. EOFError from it ends the code's input.
            silent: No execute_input, no counter, no history.
            store_history: Whether the cell counts and is remembered.
            user_expressions: Name to expression, evaluated after the code.
            max_output: Characters of output to keep.

        Returns:
            What the cell said, however it ended; ``status`` tells which way.

        Raises:
            GatewayError: The server is away or has no such kernel (any more). If that
                happened while the cell ran, ``result`` of it holds what had come.
            ValueError: For bad arguments.
        """
        arguments.text("code", code)
        limit = arguments.optional_seconds("timeout_seconds", timeout_seconds)
        arguments.callback("on_output", on_output)
        arguments.callback("on_input", on_input)
        arguments.words("user_expressions", user_expressions)
        arguments.at_least("max_output", max_output, 2)
        request = execute_request(
            self._channels.session,
            code,
            silent=silent,
            store_history=store_history,
            user_expressions=user_expressions,
            allow_stdin=on_input is not None,
            # Cells of other clients that wait behind ours are not ours to abort.
            stop_on_error=False,
        )
        with self._turn():
            self._conversation.prepare()
            exchange = Exchange(request.msg_id, OutputArea(max_output))
            deadline, callbacks = Deadline(limit), Callbacks(on_output, on_input)
            with kept_in(None if silent else self._session, code) as kept:
                kept.result = self._conversation.run(request, exchange, deadline, callbacks)
            return kept.result

    def save_notebook(self, path: str | os.PathLike[str]) -> None:
        """Write all that was run, with its outputs, to ``path`` as a notebook; also after ``stop``.

        A file that is there is replaced as a whole. Silent code is left out.

        Raises:
            OSError: It could not be written; a file that was there is as it was.
        """
        if self._session is None:
            raise ValueError("the client was told not to keep its session")
        if not self._session.language_info and not self._channels.closed and self._holder is None:
            # JupyterLab asks for the kernel if the file does not say which.
            with contextlib.suppress(JkgError):
                info = self.kernel_info(_ASKING).get("language_info")
                self._session.language_info = mapping_of(info)
        save_session(self._session, path)

    def add_markdown(self, text: str) -> None:
        """Put text between what was run and what will be run, for ``save_notebook``."""
        arguments.text("text", text)
        if self._session is not None:
            self._session.remark(text)

    def kernel_info(self, timeout_seconds: float = 30.0) -> Json:
        """What the kernel is: ``language_info``, ``implementation``, ``banner`` ….

        Raises:
            KernelNotReady: As for all questions: no answer in time.
        """
        return self._ask(kernel_info_request(self._channels.session), timeout_seconds)

    def complete(
        self, code: str, cursor_pos: int | None = None, timeout_seconds: float = 30.0
    ) -> Json:
        """Completions at ``cursor_pos`` (None: the end), as ``matches``."""
        position = _position(code, cursor_pos)
        return self._ask(complete_request(self._channels.session, code, position), timeout_seconds)

    def inspect(
        self,
        code: str,
        cursor_pos: int | None = None,
        detail_level: int = 0,
        timeout_seconds: float = 30.0,
    ) -> Json:
        """About the object at ``cursor_pos``: ``found``, and ``data`` by MIME type."""
        position = _position(code, cursor_pos)
        request = inspect_request(self._channels.session, code, position, detail_level)
        return self._ask(request, timeout_seconds)

    def is_complete(self, code: str, timeout_seconds: float = 30.0) -> Json:
        """Whether ``code`` is whole: ``status`` complete, incomplete, invalid or unknown."""
        arguments.text("code", code)
        return self._ask(is_complete_request(self._channels.session, code), timeout_seconds)

    def history(self, n: int = 10, timeout_seconds: float = 30.0, **options: Any) -> Json:
        """The last ``n`` cells as ``history``; ``options`` as for ``history_request``."""
        access = options.pop("access_type", "tail")
        request = history_request(self._channels.session, access, n=n, **options)
        return self._ask(request, timeout_seconds)

    def interrupt(self) -> None:
        """Interrupt what runs; from any thread. The cell ends as if by Ctrl-C."""
        self._control.interrupt(Deadline(None))

    def restart(self, timeout_seconds: float = 60.0) -> None:
        """Restart the kernel, whatever it does, and wait until it answers.

        Raises:
            KernelNotReady: It does not answer in time.
        """
        limit = arguments.seconds("timeout_seconds", timeout_seconds)
        self._restart(Deadline(limit), is_known=True)

    def end_by_restart(self, timeout_seconds: float) -> None:
        """Restart the kernel to end what another thread runs: the next result tells of it.

        Raises:
            KernelNotReady: It does not answer in time.
        """
        self._restart(Deadline(timeout_seconds), is_known=False)

    def _restart(self, deadline: Deadline, *, is_known: bool) -> None:
        self._check_process()
        self._check_usable()
        self._control.restart(deadline)
        with self._turn():
            self._conversation.restarted(deadline, is_known=is_known)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        # Before the lock: a thread that the child has not got may have held it.
        self._check_process()
        with self._lock:
            self._check_usable()
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = None
                if self._channels.closed:
                    self._channels.close()

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise ClientClosed(
                f"the client of kernel {self._kernel_id} belongs to the process that has made it;"
                " a child that was forked needs one of its own"
            )

    def _check_usable(self) -> None:
        if self._channels.closed:
            raise ClientClosed(f"the client of kernel {self._kernel_id} was stopped")
        if self._holder == threading.get_ident():
            raise RuntimeError("the kernel is busy with the cell whose callback this is")

    def _ask(self, request: Message, timeout_seconds: float) -> Json:
        deadline = Deadline(arguments.seconds("timeout_seconds", timeout_seconds))
        with self._turn():
            exchange = self._conversation.ask(request, deadline)
        if exchange.reply is None:
            # An interrupt may have struck while the kernel was about to answer.
            limit = "" if exchange.lost else f" within {timeout_seconds:g} s"
            raise KernelNotReady(
                f"kernel {self._kernel_id} gave no answer to {request.msg_type}{limit}"
            )
        return exchange.reply


def _position(code: str, cursor_pos: int | None) -> int:
    arguments.text("code", code)
    return len(code) if cursor_pos is None else arguments.at_least("cursor_pos", cursor_pos, 0)
