"""Ctrl-C while code runs: the first interrupts the code, the second gives up."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Callable

from ..client.kernel import JupyterKernelClient
from ..errors import JkgError
from .input_answers import InputAnswers

_FIRST = b"jkg: interrupting the code; Ctrl-C again gives up\n"
_SECOND = b"jkg: giving up\n"
_SECONDS = 10.0


@contextlib.contextmanager
def ctrl_c_calls(pressed: Callable[[], None], answers: InputAnswers) -> Iterator[None]:
    """In this block, Ctrl-C calls a function. An exception could break what runs at that moment.

    Args:
        pressed: The function.
        answers: Answers input requests. While this object waits for a line, Ctrl-C ends the wait.
    """
    is_main = threading.current_thread() is threading.main_thread()
    # An ignored signal, as in a shell's background job, stays ignored.
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def handle(*_: object) -> None:
        if answers.is_waiting:
            answers.is_cancelled = True
            raise KeyboardInterrupt
        pressed()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Interruptions:
    """In the ``with`` block, Ctrl-C interrupts the code. Its last output is still shown.

    Args:
        kernel: The kernel that runs the code.
        answers: Answers input requests. While this object waits for a line, Ctrl-C ends the wait.

    Attributes:
        count: Number of times that Ctrl-C was pressed.
    """

    def __init__(self, kernel: JupyterKernelClient, answers: InputAnswers) -> None:
        self.count: int = 0
        self._kernel = kernel
        self._handler = ctrl_c_calls(self._pressed, answers)
        self._senders: list[threading.Thread] = []
        self._is_starting = False

    def __enter__(self) -> Interruptions:
        self._handler.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._handler.__exit__(kind, exc, traceback)
        for sender in self._senders:
            sender.join(_SECONDS)

    def _pressed(self) -> None:
        self.count += 1
        if self._is_starting:
            # The thread is starting: an exception here would break a lock of ``Thread.start``.
            return
        if self.count == 1:
            _say(_FIRST)
            self._start_sender()
            if self.count == 1:
                return
        _say(_SECOND)
        # Without this, the client would first wait for the interrupt and restart the kernel.
        self._kernel.stop()
        raise KeyboardInterrupt

    def _start_sender(self) -> None:
        self._is_starting = True
        sender = threading.Thread(target=self._interrupt, name="jkg-interrupt", daemon=True)
        sender.start()
        self._senders.append(sender)
        self._is_starting = False

    def _interrupt(self) -> None:
        with contextlib.suppress(JkgError):
            self._kernel.interrupt()


def _say(text: bytes) -> None:
    # Do not use ``print``: the signal may have interrupted a write to the same buffer.
    with contextlib.suppress(OSError):
        os.write(2, text)
