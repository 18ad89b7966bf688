"""Limits for the time and the memory that one message to or from a server may take."""

from __future__ import annotations

from http.cookies import CookieError

MAX_REQUEST = 10 * 2**20
"""Size of the largest message to a server, in bytes. Tornado refuses larger ones by a TCP reset."""

MAX_MESSAGE = 2**30
"""Size of the largest message from a server, in bytes. Larger ones close the connection."""

NONSENSE = (ValueError, LookupError, OverflowError, MemoryError, CookieError)
"""Built-in exceptions that libraries raise for invalid data from a server."""
