"""Ends code by interrupts. One interrupt may be lost, or the code may catch it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from ..errors import GatewayStatus
from .channels import KernelControl
from .deadline import Deadline


def interrupt_until_done(
    interrupt: Callable[[bool], None], is_done: Callable[[], bool], tries: int
) -> bool:
    """Interrupt, wait, and interrupt again.

    Args:
        interrupt: Interrupts once. Its argument says whether this is a repetition.
        is_done: Waits for a while, and returns whether the code has ended.
        tries: Number of interrupts.

    Returns:
        Whether the code has ended.
    """
    for tried in range(tries):
        interrupt(tried > 0)
        if is_done():
            return True
    return False


def interrupt_unless_dead(control: KernelControl, deadline: Deadline) -> None:
    """Interrupt the kernel. Ignore the error if the kernel's process has just died."""
    with unless_dead():
        control.interrupt(deadline)


@contextlib.contextmanager
def unless_dead() -> Iterator[None]:
    """Ignore the error of an interrupt if the kernel's process has just died."""
    try:
        yield
    except GatewayStatus as exc:
        # Servers answer 500 if the process has ended, perhaps by the last interrupt.
        if exc.status < 500:
            raise
