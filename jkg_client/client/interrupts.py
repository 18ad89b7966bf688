"""Ending code by interrupts: one alone may be lost, or be caught by the code."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import GatewayStatus
from .channels import KernelControl
from .deadline import Deadline


def interrupt_until_done(
    interrupt: Callable[[bool], None], is_done: Callable[[], bool], tries: int
) -> bool:
    """Interrupt, wait, and interrupt again.

    Args:
        interrupt: Interrupts once; it is told whether it has done so before.
        is_done: Waits for a while; whether the code has ended.
        tries: How often to interrupt.

    Returns:
        Whether it has ended.
    """
    for tried in range(tries):
        interrupt(tried > 0)
        if is_done():
            return True
    return False


def interrupt_unless_dead(control: KernelControl, deadline: Deadline) -> None:
    """Interrupt the kernel; if its process has just died, that is told by other means."""
    try:
        control.interrupt(deadline)
    except GatewayStatus as exc:
        # Of a process that is gone, perhaps by the last interrupt, servers answer 500.
        if exc.status < 500:
            raise
