"""Exit statuses of the command. Code that ends itself has its own."""

from __future__ import annotations

from collections.abc import Mapping

from ..protocol.result import Status

DONE = 0
FAILED = 1
USAGE = 2
TIMEOUT = 124
COMMAND_FAILED = 125
"""As ``docker run`` and ``timeout`` say it of their own failures."""

DIED = 137

BY_SIGNAL = 128
"""Added to the number of the signal, as a shell does."""

SIGINT, SIGPIPE = 2, 13  # Windows has no SIGPIPE

OF_CODE: Mapping[Status, int] = {
    "ok": DONE,
    "error": FAILED,
    "aborted": FAILED,
    "timeout": TIMEOUT,
    "died": DIED,
}
