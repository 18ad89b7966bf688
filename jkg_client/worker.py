"""One thread that does jobs in turn, and holds up the end of the program by none of them."""

from __future__ import annotations

import queue
import threading
import weakref
from concurrent.futures import Future
from typing import Any, Callable, TypeVar

T = TypeVar("T")

_Job = Callable[[], None]


class Worker:
    """Does jobs one after the other, in the order in which they came.

    The threads of ``concurrent.futures`` are waited for when the program ends, for as long as a
    cell may run. This one is a daemon; it ends with ``close``, or when nobody refers to the
    worker any more.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=_work, args=(self._jobs,), name=name, daemon=True)
        self._begun = threading.Lock()
        self._finalizer = weakref.finalize(self, self._jobs.put, None)
        self._finalizer.atexit = False

    def submit(self, do: Callable[..., T], *args: Any) -> Future[T]:
        """Have ``do(*args)`` done in turn.

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
                except BaseException as exc:  # noqa: BLE001 - it is for the one who waits
                    future.set_exception(exc)

        with self._begun:
            if self._thread.ident is None:
                self._thread.start()
        self._jobs.put(job)
        return future

    def close(self, *, wait: bool) -> None:
        """Take no more jobs; ``wait`` until those that it has are done. May be called twice."""
        self._finalizer()
        with self._begun:
            begun = self._thread.ident is not None
        if wait and begun and self._thread is not threading.current_thread():
            self._thread.join()


def _work(jobs: queue.SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
        # Nothing of it is held while the next one is waited for.
        del job
