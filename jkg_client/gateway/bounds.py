"""What one message to or from a server may take, in time and in memory, whatever it sends."""

from __future__ import annotations

import errno
from http.cookies import CookieError
from typing import Any

from ..client.deadline import Deadline

MAX_REQUEST = 10 * 2**20
"""Bytes a message may have: a larger one makes servers (tornado) reset the connection."""

MAX_MESSAGE = 2**30
"""Bytes of a message from a server, in one frame or in fragments; more breaks the connection."""

OVERTIME = 1.0
"""Seconds that a read goes on after its deadline, while there is something to be read."""

NONSENSE = (ValueError, LookupError, OverflowError, MemoryError, CookieError)
"""What libraries raise, beside exceptions of their own, when a server makes no sense."""


def check_bounds(overdue: Deadline, length: int | None, fragments: list[Any] | None) -> None:
    """Raise unless more may be read.

    Args:
        overdue: When a read ends although there is more: pings and fragments may never end.
        length: Of the frame that is being read, as it says itself.
        fragments: Opcode and data so far, where a message comes in several frames.

    Raises:
        BlockingIOError: It takes too long.
        OSError: It is too large.
    """
    if overdue.passed:
        raise BlockingIOError(errno.EAGAIN, "no whole message in time")
    if (length or 0) + (len(fragments[1]) if fragments else 0) > MAX_MESSAGE:
        raise OSError(errno.EMSGSIZE, f"a message of over {MAX_MESSAGE} bytes")
