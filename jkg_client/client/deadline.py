"""One time limit for several waits."""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import frozen


class Deadline:
    """The end of a time limit.

    A class without ``attrs``, because several objects are created for each message.

    Attributes:
        seconds: The whole time limit. None has no end.

    Args:
        seconds: The time limit, from now on. None has no end.
        clock: Returns the time in seconds.
    """

    __slots__ = ("_clock", "_end", "seconds")

    def __init__(
        self, seconds: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds: float | None = seconds
        self._clock = clock
        self._end: float | None = None if seconds is None else clock() + seconds

    def __repr__(self) -> str:
        return f"Deadline({self.seconds})"

    def left(self) -> float | None:
        """Seconds left. 0.0 if the deadline has passed, None if it has no end."""
        return None if self._end is None else max(0.0, self._end - self._clock())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self._end is not None and self._clock() >= self._end

    def later(self, seconds: float) -> Deadline:
        """A deadline ``seconds`` after this one, or from now on if this one has passed."""
        left = self.left()
        return Deadline(None if left is None else left + seconds, clock=self._clock)

    def within(self, seconds: float) -> Deadline:
        """A deadline ``seconds`` from now, but never after this one."""
        if self._end is not None:
            seconds = max(0.0, min(seconds, self._end - self._clock()))
        return Deadline(seconds, clock=self._clock)


@frozen
class Clock:
    """The time. Tests replace it by a clock that they set themselves.

    Attributes:
        now: Returns the time in seconds.
        sleep: Waits for a number of seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def deadline(self, seconds: float | None) -> Deadline:
        """A deadline ``seconds`` from now. None has no end."""
        return Deadline(seconds, clock=self.now)


CLOCK = Clock()
"""The real clock."""
