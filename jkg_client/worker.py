"""A thread that runs jobs one after the other, without delaying the end of the program."""

from __future__ import annotations

import queue
import threading
import weakref
from concurrent.futures import Future
from typing import Any, Callable, TypeVar

T = TypeVar("T")

_Job = Callable[[], None]


class Worker:
    """Runs jobs in one thread, in the order of ``submit``.

    A program waits at its end for threads of ``concurrent.futures``, perhaps as long as a cell
    runs. The thread of a ``Worker`` is a daemon. It ends with ``close``, or when no variable refers
    to the worker.

    Args:
        name: Name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=_work, args=(self._jobs,), name=name, daemon=True)
        self._begun = threading.Lock()
        self._finalizer = weakref.finalize(self, self._jobs.put, None)
        self._finalizer.atexit = False

    def submit(self, do: Callable[..., T], *args: Any) -> Future[T]:
        """Run ``do(*args)`` after the jobs before it.

        Raises:
            RuntimeError: After ``close``.
        """
        if not self._finalizer.alive:
            raise RuntimeError("the worker was closed")
        future: Future[T] = Future()

        def job() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(do(*args))
                except BaseException as exc:  # noqa: BLE001 - the waiting thread gets it
                    future.set_exception(exc)

        with self._begun:
            if self._thread.ident is None:
                self._thread.start()
        self._jobs.put(job)
        return future

    def close(self, *, wait: bool) -> None:
        """Accept no more jobs, and optionally wait for the others. A second call does nothing."""
        self._finalizer()
        with self._begun:
            begun = self._thread.ident is not None
        if wait and begun and self._thread is not threading.current_thread():
            self._thread.join()


def _work(jobs: queue.SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
        # Keep no reference to the job while waiting for the next one.
        del job
