"""What one message to or from a server may take, in time and in memory, whatever it sends."""

from __future__ import annotations

from http.cookies import CookieError

MAX_REQUEST = 10 * 2**20
"""Bytes a message may have: a larger one makes servers (tornado) reset the connection."""

MAX_MESSAGE = 2**30
"""Bytes of a message from a server, in one frame or in fragments; more breaks the connection."""

OVERTIME = 1.0
"""Seconds that a read goes on after its deadline, while there is something to be read."""

NONSENSE = (ValueError, LookupError, OverflowError, MemoryError, CookieError)
"""What libraries raise, beside exceptions of their own, when a server makes no sense."""
