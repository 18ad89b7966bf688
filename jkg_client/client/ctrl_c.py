"""Delays Ctrl-C for a moment, while a resource is started, taken over or ended."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class CtrlCHeldBack:
    """Inside ``with``, Ctrl-C waits until the end. A second Ctrl-C works at once.

    Otherwise, a ``KeyboardInterrupt`` between the server's answer and the line that stores it would
    leave a kernel that is never deleted. The delay works only in the main thread, because other
    threads get no signals, and only if Python handles Ctrl-C.
    """

    def __init__(self) -> None:
        self._before: Any = None
        self._held: tuple[int, FrameType | None] | None = None

    def __enter__(self) -> CtrlCHeldBack:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):
                self._before = before
                signal.signal(signal.SIGINT, self._hold)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        before, self._before = self._before, None
        if before is None:
            return
        # The code inside ``with`` may have set a handler of its own.
        if signal.getsignal(signal.SIGINT) == self._hold:
            signal.signal(signal.SIGINT, before)
        if self._held is not None:
            before(*self._held)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        if self._held is not None and self._before is not None:
            self._before(number, frame)
        self._held = (number, frame)
