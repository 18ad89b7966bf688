"""What the log says of cells: that they run and how they end, and never what is in them."""

from __future__ import annotations

import logging

from ..protocol.result import ExecutionResult

_log = logging.getLogger("jkg_client")


def log_start(kernel_id: str, code: str, limit: float | None) -> None:
    """A cell is sent."""
    within = "no time limit" if limit is None else f"a time limit of {limit:g} s"
    _log.debug("kernel %s: runs %d characters of code, %s", kernel_id, len(code), within)


def log_end(kernel_id: str, result: ExecutionResult, limit: float | None) -> None:
    """A cell has ended. That it failed is its own affair; a time limit and a death are ours."""
    _log.debug("kernel %s: the code ended, status %s", kernel_id, result.status)
    if result.status == "timeout":
        _log.info("kernel %s: the time limit of %g s has passed", kernel_id, limit)
    elif result.status == "died":
        _log.info("kernel %s: died while code ran", kernel_id)
    if result.kernel_restarted:
        _log.info("kernel %s: was restarted, its variables are gone", kernel_id)
