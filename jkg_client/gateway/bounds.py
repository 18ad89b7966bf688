"""Limits for the time and the memory that one message to or from a server may take."""

from __future__ import annotations

from http.cookies import CookieError

MAX_REQUEST = 10 * 2**20
"""Bytes of a message to a server, at most. Tornado resets the connection on larger ones."""

MAX_MESSAGE = 2**30
"""Bytes of a message from a server, at most. We close the connection on larger ones."""

OVERTIME = 1.0
"""Seconds for which a read may continue after its deadline while data keeps arriving."""

NONSENSE = (ValueError, LookupError, OverflowError, MemoryError, CookieError)
"""Built-in exceptions that libraries raise for invalid data from a server."""
