"""Finds the request to which an output belongs.

The output of tasks and threads belongs to the cell that started them, also after its end.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

_PARENT: ContextVar[Mapping[str, Any]] = ContextVar("parent")
_ATTRIBUTE = "_jkg_parent"


class _Last:
    """The last request, for threads that were not started by Python."""

    parent: Mapping[str, Any] = {}


def set_parent(header: Mapping[str, Any]) -> None:
    """From now on, output of this thread belongs to the request with this header."""
    _PARENT.set(header)
    _Last.parent = header


def current_parent() -> Mapping[str, Any]:
    """Header of the request that the output of this thread or task belongs to."""
    try:
        return _PARENT.get()
    except LookupError:
        found: Mapping[str, Any] = getattr(threading.current_thread(), _ATTRIBUTE, _Last.parent)
        return found


def hand_down() -> None:
    """Let new threads belong to the request in which they are started, as in ipykernel."""
    start = threading.Thread.start

    def start_with_parent(thread: threading.Thread) -> None:
        setattr(thread, _ATTRIBUTE, current_parent())
        start(thread)

    threading.Thread.start = start_with_parent  # type: ignore[assignment, method-assign]
