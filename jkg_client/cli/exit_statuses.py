"""How a command ends: its exit status, and the cause of this status."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..protocol.result import Status

DONE = 0
FAILED = 1
USAGE = 2
TIMEOUT = 124
COMMAND_FAILED = 125
"""The command itself failed. ``docker run`` and ``timeout`` use this status, too."""

DIED = 137

BY_SIGNAL = 128
"""Added to the number of a signal, as in a shell."""

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
        exit_status: Exit status of the process.
        status: Status of a result, or ``interrupted``, ``usage`` or ``failed``.
        source: Cause of the exit status: ``code``, ``timeout``, ``kernel``, ``signal`` or ``jkg``,
            which is the command itself.
        message: Error message for people. Empty if the code has printed the error.
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
        """The end after a signal."""
        return cls(BY_SIGNAL + number, "interrupted", "signal")
