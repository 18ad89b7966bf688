"""Ctrl-C while code runs: the first interrupts the code, the second gives up."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from ..client.kernel import JupyterKernelClient
from ..errors import JkgError
from .input_answers import InputAnswers

_FIRST = b"jkg: interrupting the code; Ctrl-C again gives up\n"
_SECOND = b"jkg: giving up\n"
_SECONDS = 10.0


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
        self._answers = answers
        self._before: Any = None
        self._senders: list[threading.Thread] = []

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            # An ignored signal, as in a shell's background job, stays ignored.
            if before is signal.default_int_handler:
                self._before = before
                signal.signal(signal.SIGINT, self._pressed)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        for sender in self._senders:
            # RuntimeError: the thread has not started, because the second Ctrl-C came first.
            with contextlib.suppress(RuntimeError):
                sender.join(_SECONDS)

    def _pressed(self, number: int, _: FrameType | None) -> None:
        self.count += 1
        if self._answers.is_waiting:
            self._answers.is_cancelled = True
            raise KeyboardInterrupt(number)
        if self.count == 1:
            _say(_FIRST)
            sender = threading.Thread(target=self._interrupt, name="jkg-interrupt", daemon=True)
            self._senders.append(sender)
            sender.start()
            return
        _say(_SECOND)
        # Without this, the client would first wait for the interrupt and restart the kernel.
        self._kernel.stop()
        raise KeyboardInterrupt(number)

    def _interrupt(self) -> None:
        with contextlib.suppress(JkgError):
            self._kernel.interrupt()


def _say(text: bytes) -> None:
    # Do not use ``print``: the signal may have interrupted a write to the same buffer.
    with contextlib.suppress(OSError):
        os.write(2, text)
