"""Log messages about cells: their begin and their end, never their code or output."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..protocol.result import ExecutionResult

_log = logging.getLogger("jkg_client")


def logged(
    kernel_id: str, code: str, limit: float | None, run: Callable[[], ExecutionResult]
) -> ExecutionResult:
    """Run a cell, and log its begin and its end.

    An error of the code is only a debug message. A passed time limit and a dead kernel are logged
    as info.
    """
    _log.debug(
        "kernel %s: runs %d characters of code, time limit in seconds: %s",
        kernel_id,
        len(code),
        limit,
    )
    result = run()
    _log.debug("kernel %s: the code ended, status %s", kernel_id, result.status)
    if result.status == "timeout":
        _log.info("kernel %s: the time limit of %g s has passed", kernel_id, limit)
    elif result.status == "died":
        _log.info("kernel %s: died while code ran", kernel_id)
    if result.kernel_restarted:
        _log.info("kernel %s: was restarted, its variables are gone", kernel_id)
    return result
