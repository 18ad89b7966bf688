"""Messages that wait for coroutines, of whichever event loop."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from typing import Any

from ...client.deadline import CLOCK, Clock, Deadline
from ...protocol.messages import Message
from ...protocol.shortening import weight
from .dictionaries import as_dictionary

MOST_WAITING = 2**26
"""Characters of messages of one channel that wait; then the kernel waits for the reader."""

UNREAD = 10.0
"""Seconds after which nobody is believed to read a channel: its oldest messages are dropped."""

_Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class MessageQueue:
    """What came on one channel. Filled by one thread, read by coroutines of any event loop.

    A reader that is cancelled takes nothing with it.

    Args:
        clock: What time it is.
    """

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._messages: deque[tuple[Message, int]] = deque()
        self._weight = 0
        self._waiters: list[_Waiter] = []
        self._failure: BaseException | None = None
        self._read = clock.now()

    @property
    def is_full(self) -> bool:
        """Whether the kernel shall wait for the reader."""
        return self._weight > MOST_WAITING and not self._is_unread

    def put(self, message: Message) -> None:
        """Add a message. Where nobody reads, the oldest ones go."""
        size = 1000 + weight(message.content)
        with self._lock:
            self._messages.append((message, size))
            self._weight += size
            while self._weight > MOST_WAITING and self._is_unread and len(self._messages) > 1:
                self._weight -= self._messages.popleft()[1]
            self._wake()

    def fail(self, failure: BaseException) -> None:
        """Nothing more will come: readers get ``failure`` once they have read what is here."""
        with self._lock:
            self._failure = failure
            self._wake()

    def clear(self) -> None:
        """Forget what is here."""
        with self._lock:
            self._messages.clear()
            self._weight = 0

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._messages

    async def get(self, timeout: float | None = None) -> dict[str, Any]:
        """The next message.

        Args:
            timeout: Seconds; None waits for ever.

        Raises:
            queue.Empty: None came in time.
            GatewayError: The way to the kernel is broken for good.
        """
        deadline = Deadline(timeout)
        loop = asyncio.get_running_loop()
        while True:
            with self._lock:
                self._read = self._clock.now()
                if self._messages:
                    message, size = self._messages.popleft()
                    self._weight -= size
                    return as_dictionary(message)
                if self._failure is not None:
                    raise self._failure
                if deadline.passed:
                    raise queue.Empty
                waiter = (loop, loop.create_future())
                self._waiters.append(waiter)
            try:
                await asyncio.wait([waiter[1]], timeout=deadline.left())
            finally:
                with self._lock, contextlib.suppress(ValueError):
                    self._waiters.remove(waiter)

    @property
    def _is_unread(self) -> bool:
        return not self._waiters and self._clock.now() - self._read > UNREAD

    def _wake(self) -> None:
        for loop, future in self._waiters:
            with contextlib.suppress(RuntimeError):  # its loop is closed
                loop.call_soon_threadsafe(_done, future)
        self._waiters.clear()


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
