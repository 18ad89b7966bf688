"""Ending code by interrupts: one alone may be lost, or be caught by the code."""

from __future__ import annotations

from collections.abc import Callable


def interrupt_until_done(
    interrupt: Callable[[], None], is_done: Callable[[], bool], tries: int
) -> bool:
    """Interrupt, wait, and interrupt again.

    Args:
        interrupt: Interrupts once.
        is_done: Waits for a while; whether the code has ended.
        tries: How often to interrupt.

    Returns:
        Whether it has ended.
    """
    for _ in range(tries):
        interrupt()
        if is_done():
            return True
    return False
