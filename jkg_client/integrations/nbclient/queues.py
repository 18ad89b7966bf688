"""Queues of messages for coroutines of any event loop."""

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
"""Limit for waiting messages of one channel, in characters. Then the relay waits for the reader."""

UNREAD = 10.0
"""Seconds without a reader after which the oldest messages of a full channel are dropped."""

_Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class MessageQueue:
    """The messages of one channel. One thread fills it; coroutines of any event loop read it.

    A cancelled reader loses no message.

    Args:
        clock: Clock for ``UNREAD``.
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
        """Whether the relay should wait for the reader."""
        return self._weight > MOST_WAITING and not self._is_unread

    def put(self, message: Message) -> None:
        """Add a message. If nobody reads a full channel, drop its oldest messages."""
        size = 1000 + weight(message.content)
        with self._lock:
            self._messages.append((message, size))
            self._weight += size
            while self._weight > MOST_WAITING and self._is_unread and len(self._messages) > 1:
                self._weight -= self._messages.popleft()[1]
            self._wake()

    def fail(self, failure: BaseException) -> None:
        """Note that no more messages will come. Readers get ``failure`` after the last message."""
        with self._lock:
            self._failure = failure
            self._wake()

    def clear(self) -> None:
        """Drop all messages."""
        with self._lock:
            self._messages.clear()
            self._weight = 0

    def is_empty(self) -> bool:
        """Whether there is no message."""
        return not self._messages

    async def get(self, timeout: float | None = None) -> dict[str, Any]:
        """The next message.

        Args:
            timeout: Time limit in seconds. None waits for ever.

        Raises:
            queue.Empty: No message arrived in time.
            GatewayError: The connection to the kernel broke and could not be restored.
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
            with contextlib.suppress(RuntimeError):  # the loop of the reader is closed
                loop.call_soon_threadsafe(_done, future)
        self._waiters.clear()


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
