"""Which request an output belongs to.

A cell's output belongs to the cell, also what its tasks and threads say when it has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

_PARENT: ContextVar[Mapping[str, Any]] = ContextVar("parent")
_ATTRIBUTE = "_jkg_parent"


class _Last:
    """The request that was begun last: for threads that Python knows nothing of."""

    parent: Mapping[str, Any] = {}


def set_parent(header: Mapping[str, Any]) -> None:
    """What is said in this thread from now on answers the request with this header."""
    _PARENT.set(header)
    _Last.parent = header


def current_parent() -> Mapping[str, Any]:
    """Header of the request that this thread or task works for."""
    try:
        return _PARENT.get()
    except LookupError:
        found: Mapping[str, Any] = getattr(threading.current_thread(), _ATTRIBUTE, _Last.parent)
        return found


def hand_down() -> None:
    """Threads work for the request in which they were started, as in ipykernel."""
    start = threading.Thread.start

    def start_with_parent(thread: threading.Thread) -> None:
        setattr(thread, _ATTRIBUTE, current_parent())
        start(thread)

    threading.Thread.start = start_with_parent  # type: ignore[assignment, method-assign]
