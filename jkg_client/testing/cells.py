"""The thread in which a fake kernel runs its cells, and how it is interrupted.

A thread cannot be sent a signal. What interrupts it is an exception set from outside,
which strikes between two bytecodes: at once in a loop, but in a blocking call only when
that returns. Whoever waits in a cell's thread therefore waits by ``CellThread.wait``.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import threading
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Callable

from attrs import frozen

_START = threading.Thread.start.__code__


class _NoCollection:
    """While a thread is inside, and one at a time, no garbage is collected."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._was_on = False

    def __enter__(self) -> None:
        self._lock.acquire()
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *exc_info: object) -> None:
        if self._was_on:
            gc.enable()
        self._lock.release()


_NO_COLLECTION = _NoCollection()


class _Nothing(BaseException):
    """Strikes so that nothing else is waited for."""


class Killed(BaseException):
    """Ends the cell of a kernel that is gone; nothing that a cell should catch."""


@frozen
class Job:
    """What to run in the thread, and whom to tell of its result or exception.

    ``done`` may be called more than once: an interrupt can strike while it runs.
    """

    work: Callable[[], Any]
    done: Callable[[Any], None]


class CellThread:
    """Runs one job after the other, always in the same thread, as kernels do."""

    def __init__(self, name: str, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._ending = False
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._job: Job | None = None
        self._interrupted = False
        self._awaited: SimpleQueue[Any] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    @property
    def ident(self) -> int:
        """The thread's identifier."""
        assert self._thread.ident is not None
        return self._thread.ident

    def run(self, job: Job) -> None:
        """Start ``job``; the one before must be done."""
        self._job = job
        self._jobs.put(job)

    def wait(self, awaited: SimpleQueue[Any], timeout: float | None = None) -> Any:
        """The next thing in ``awaited``, None after ``timeout`` or when interrupted.

        Only for code that runs in the thread.
        """
        self._awaited = awaited
        try:
            return awaited.get(timeout=timeout)
        except Empty:
            # An interrupt that came with the end of the time strikes at the next call: here,
            # not where the cell goes on.
            return _none()

    def interrupt(self, exception: type[BaseException] = KeyboardInterrupt) -> None:
        """Raise ``exception`` in the job."""
        for _ in range(1000):
            # Python takes a thread that is just being born for the one that bears it: the
            # child would be hit, and die before its parent is told that it lives.
            if not any(frame.f_code is _START for frame in self._frames()):
                break
            time.sleep(0.001)
        self._interrupted = True
        # In this order: who is woken first would go on, and be hit later.
        _set_exception(self.ident, exception)
        self._awaited.put(None)

    def settle(self) -> None:
        """Take back an interrupt that came too late for the job."""
        self._job = None
        if self._interrupted:
            self._interrupted = False
            _take_back(self.ident)

    def runs(self, files: str) -> bool:
        """Whether code from files of which the name begins so is being run, and not awaited."""
        return any(frame.f_code.co_filename.startswith(files) for frame in self._frames())

    def end(self, timeout: float) -> bool:
        """Stop the job and the thread; False if it is stuck and has to be abandoned."""
        if self._job is not None:
            # First this: a thread that has ended may have left its identifier to another.
            self.interrupt(Killed)
        self._ending = True
        self._jobs.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _frames(self) -> Iterator[FrameType]:
        frame = sys._current_frames().get(self.ident)  # noqa: SLF001 - there is no other way
        while frame is not None:
            yield frame
            frame = frame.f_back

    def _serve(self) -> None:
        # An interrupt that struck in a tracer's own code (coverage's is Python in part) would
        # leave the tracer's lock held, and stop every thread that is traced.
        sys.settrace(None)
        with contextlib.suppress(Killed):
            self._work()
        with contextlib.suppress(Killed):
            self._on_end()
        # Once more, in case that it was still hit there.
        self._on_end()

    def _work(self) -> None:
        while not self._ending:
            self._work_once()

    def _work_once(self) -> None:
        try:
            job = self._jobs.get()
            if job is not None:
                job.done(job.work())
        except BaseException as exc:  # noqa: BLE001 - an interrupt may strike anywhere here
            if self._job is not None:
                self._job.done(exc)


def _none() -> None:
    return None


def _take_back(ident: int) -> None:
    """Cancel an exception that has not struck yet.

    Python 3.11 goes on looking for one afterwards, and under a tracer (coverage, a debugger)
    never gets beyond the beginning of the next function. Only an exception that strikes
    ends that: so one strikes here, before any other function is called.
    """
    thread, own = ctypes.c_ulong(ident), ctypes.c_ulong(threading.get_ident())
    nothing = ctypes.py_object(_Nothing)
    set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
    turns = range(10_000)
    # A callback of the garbage collector (hypothesis has one) swallows what strikes in it.
    with _NO_COLLECTION, contextlib.suppress(_Nothing):
        set_exception(thread, None)
        while True:
            set_exception(own, nothing)
            for _ in turns:
                pass


def _set_exception(ident: int, exception: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(exception))
