"""One time budget for many waits."""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import field, frozen


@frozen
class Deadline:
    """A moment after which nothing waits any longer.

    Attributes:
        seconds: The whole budget, from now on; None has no end.
    """

    seconds: float | None
    _clock: Callable[[], float] = field(default=time.monotonic, kw_only=True, alias="clock")
    _end: float | None = field(init=False)

    @_end.default
    def _when(self) -> float | None:
        return None if self.seconds is None else self._clock() + self.seconds

    def left(self) -> float | None:
        """Seconds left, 0.0 when it has passed; None when there is no end."""
        return None if self._end is None else max(0.0, self._end - self._clock())

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return self._end is not None and self._clock() >= self._end

    def later(self, seconds: float) -> Deadline:
        """A deadline ``seconds`` after this one, or from now on if it has passed."""
        left = self.left()
        return Deadline(None if left is None else left + seconds, clock=self._clock)

    def within(self, seconds: float) -> Deadline:
        """A deadline ``seconds`` from now, but never after this one."""
        left = self.left()
        return Deadline(seconds if left is None else min(seconds, left), clock=self._clock)


@frozen
class Clock:
    """The time, and waiting for it; tests have one that goes by hand.

    Attributes:
        now: Seconds since some moment.
        sleep: Waits for so many seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def deadline(self, seconds: float | None) -> Deadline:
        """A deadline so many seconds from now; None has no end."""
        return Deadline(seconds, clock=self.now)


CLOCK = Clock()
"""The real one."""
