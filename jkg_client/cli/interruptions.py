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
        self._is_starting = False

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
            sender.join(_SECONDS)

    def _pressed(self, number: int, _: FrameType | None) -> None:
        self.count += 1
        if self._answers.is_waiting:
            self._answers.is_cancelled = True
            raise KeyboardInterrupt(number)
        if self._is_starting:
            return  # an exception inside of ``start`` would break its lock; the first call goes on
        if self.count == 1:
            _say(_FIRST)
            self._start_sender()
            if self.count == 1:
                return
        _say(_SECOND)
        # Without this, the client would first wait for the interrupt and restart the kernel.
        self._kernel.stop()
        raise KeyboardInterrupt(number)

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
