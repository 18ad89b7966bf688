"""The time in which a connection to a kernel is broken, and its attempts to reconnect."""

from __future__ import annotations

import random

from attrs import define, field

from ..client.deadline import Clock, Deadline
from ..errors import GatewayError, GatewayUnreachable

_FIRST_PAUSE = 0.1
"""Seconds between the first two attempts to connect."""

_LONGEST_PAUSE = 3.0
"""Seconds between two attempts to connect, at most."""

_SHORTEST_PAUSE = 0.01
"""Seconds that are still worth a pause, when the time is almost over."""


@define(eq=False, kw_only=True)
class Outage:
    """A broken connection, from the break until a new connection is open.

    The state is kept between calls. So a reader that comes back often, with short time limits,
    makes no more attempts than a reader that waits for a long time.

    Attributes:
        name: Name of the kernel for the error message.
        cause: Why the connection broke.
        limit: Time limit to restore the connection.
        is_kept: Whether the server keeps all messages for the next connection.
        tries: Number of attempts that have failed.
        is_reported: Whether a reader has got the error that the time limit has passed.
    """

    name: str
    cause: GatewayUnreachable
    limit: Deadline
    is_kept: bool
    tries: int = field(default=0, init=False)
    is_reported: bool = field(default=False, init=False)
    _clock: Clock
    _due: float = field(init=False)  # time of the next attempt
    _pause: float = field(default=_FIRST_PAUSE, init=False)  # after the next attempt
    _reason: GatewayError = field(init=False)  # why the last attempt has failed

    def __attrs_post_init__(self) -> None:
        self._due = self._clock.now()
        self._reason = GatewayError("the time limit has passed")

    def delay(self, fruitless: int) -> None:
        """Delay the first attempt, because ``fruitless`` connections broke before a message came.

        A server that ends each new connection must not get hundreds of them in a second.
        """
        pause = _FIRST_PAUSE * 2 ** min(fruitless - 2, 9) if fruitless > 1 else 0.0
        self._due = self._clock.now() + _jittered(min(pause, _LONGEST_PAUSE))

    def hurry(self, limit: Deadline) -> None:
        """Let the next attempt begin soon, because a request waits for it until ``limit``."""
        half = (limit.left() or 0.0) / 2  # the other half is left to connect
        soon = half if self.tries == 0 and half > _SHORTEST_PAUSE else 0.0
        self._due = min(self._due, self._clock.now() + soon)
        self._pause = _FIRST_PAUSE

    def wait(self, limit: Deadline) -> bool:
        """Wait until the next attempt may begin. False if ``limit`` passes first."""
        pause, left = max(0.0, self._due - self._clock.now()), limit.left()
        is_long_enough = left is None or pause < left
        if pause:
            self._clock.sleep(pause if left is None else min(pause, left))
        return is_long_enough and not limit.passed

    def failed(self, reason: GatewayError) -> None:
        """Note that an attempt has failed, so that the next one begins later."""
        self.tries += 1
        self._reason = reason
        self._due = self._clock.now() + _jittered(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def reported(self) -> None:
        """Note that a reader gets the error."""
        self.is_reported = True

    def error(self) -> GatewayUnreachable:
        """The error for a connection that could not be restored."""
        error = GatewayUnreachable(
            f"the connection to kernel {self.name} broke ({self.cause})"
            f" and could not be restored: {self._reason}; is the server still running?"
        )
        error.__cause__ = self._reason
        return error


def _jittered(pause: float) -> float:
    return pause * (0.5 + random.random() / 2)  # noqa: S311
