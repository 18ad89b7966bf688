"""How a command ends: its exit status, and who has chosen it."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

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


@frozen
class Ending:
    """How a command has ended.

    Attributes:
        exit_status: Of the process.
        status: In a word: that of a result, ``interrupted``, ``usage`` or ``failed``.
        source: Who has chosen the exit status: ``code``, ``timeout``, ``kernel``, ``signal``
            or ``jkg``, the command itself.
        message: What went wrong, for people; empty if the code has said it.
    """

    exit_status: int
    status: str = "ok"
    source: str = "jkg"
    message: str = ""

    @classmethod
    def of_exit(cls, exit_status: int) -> Ending:
        """The end of code with this exit status."""
        return cls(exit_status, "error" if exit_status else "ok", "code")

    @classmethod
    def of_signal(cls, number: int) -> Ending:
        """The end by a signal."""
        return cls(BY_SIGNAL + number, "interrupted", "signal")
