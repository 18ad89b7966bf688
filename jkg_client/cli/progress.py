"""Progress of a build or pull: a bar on a terminal, otherwise lines."""

from __future__ import annotations

from attrs import define, field

from ..protocol.terminal import strip_ansi
from ..servers.docker.images import ImageProgress
from .screen import Screen

_WIDTH = 20
_MEGABYTE = 1e6


@define
class Progress:
    """Shows the progress messages of an engine. It is called with each message.

    Attributes:
        has_begun: Whether there was a message.
    """

    _screen: Screen
    has_begun: bool = field(default=False, init=False)
    _step: ImageProgress | None = field(default=None, init=False)

    def __call__(self, progress: ImageProgress) -> None:
        """Show one message."""
        self.has_begun = True
        if progress.layer is None and progress.is_step:
            self._step = progress
        if self._screen.can_draw:
            self._screen.draw(bar(self._step, progress))
        elif progress.layer is None or progress.is_step:
            self._screen.line(str(progress), to_err=True)


def bar(step: ImageProgress | None, progress: ImageProgress) -> str:
    """A progress bar with the last message, as one line of ASCII.

    Args:
        step: The last step that has begun. None for a pull, which has no steps.
        progress: The last message of the engine.
    """
    if step is None:
        return f"[{_filled(progress.current or 0, progress.total or 0)}] {_told(progress)}"
    begun, total = step.current or 0, step.total or 0
    return f"[{_filled(begun - 1, total)}] {begun}/{total} {_told(progress)}"


def gauge(done: int, total: int) -> str:
    """A progress bar in ASCII."""
    return f"[{_filled(done, total)}] {done}/{total}"


def _filled(done: int, total: int) -> str:
    return ("#" * (_WIDTH * done // total if total else 0)).ljust(_WIDTH, "-")[:_WIDTH]


def _told(progress: ImageProgress) -> str:
    text = str(progress)
    if progress.layer is None:
        text = text.partition(" : ")[2] or text if progress.is_step else text
    elif progress.current is not None:
        whole = f" of {progress.total / _MEGABYTE:.1f}" if progress.total else ""
        text += f" {progress.current / _MEGABYTE:.1f}{whole} MB"
    seen = strip_ansi(text).rstrip("\r").rpartition("\r")[2]
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in seen)
