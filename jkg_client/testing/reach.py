"""What faults can lay hands on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import frozen

from ..protocol.wire import Frame


class Line(Protocol):
    """A WebSocket that can be closed and cut."""

    def close(self, code: int) -> threading.Event:
        """Close it; the event is set when the frame is sent."""

    def cut(self, *, rst: bool = False) -> None:
        """Cut it now."""

    def send_frame(self, frame: Frame) -> None:
        """Send a frame of any content."""


class Keeper(Protocol):
    """A kernel that keeps messages for a client that is away."""

    def drop_kept(self) -> None:
        """Lose them."""


@frozen(kw_only=True)
class Reach:
    """What faults can lay hands on."""

    refuse: Callable[[], None]
    accept: Callable[[], None]
    lines: Callable[[], Sequence[Line]]
    kernels: Callable[[], Sequence[Keeper]]
