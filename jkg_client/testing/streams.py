"""``sys.stdout``, ``sys.stderr`` and a hook, while cells run in this process.

There is one ``sys.stdout`` for all threads. While a cell runs, something stands in its place
that looks who writes: a cell's thread writes to its kernel, everybody else to what was there.
It is put there for each cell anew, since test runners change ``sys.stdout`` between the phases
of a test, and taken away with the last one.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Mapping
from typing import Any, Callable, TextIO, cast

from attrs import frozen

from .cells import Killed

Write = Callable[[str, str], None]
"""Takes the name of a stream and a text; an empty text says flush."""


class KernelStream(io.TextIOBase):
    """A stream of one kernel: ``stdout`` or ``stderr``."""

    def __init__(self, name: str, write: Write) -> None:
        super().__init__()
        self._name = name
        self._write = write

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute here
        return "UTF-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            self._write(self._name, text)
        return len(text)

    def flush(self) -> None:
        self._write(self._name, "")


class _Switch:
    """In the place of ``sys.stdout``: what it is depends on the thread that asks."""

    def __init__(self, name: str, behind: TextIO) -> None:
        self.behind = behind
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        cell = _cells.get(threading.get_ident())
        return getattr(cell.streams[self._name] if cell else self.behind, attribute)


class _Hook:
    """In the place of ``sys.unraisablehook``.

    An interrupt that strikes while Python collects garbage in a cell's thread, in somebody
    else's ``__del__``, is lost: Python only reports it.
    """

    def __init__(self, behind: Callable[[sys.UnraisableHookArgs], Any]) -> None:
        self.behind = behind

    def __call__(self, args: sys.UnraisableHookArgs) -> None:
        cell = _cells.get(threading.get_ident())
        if cell is not None and args.exc_type in {KeyboardInterrupt, Killed}:
            cell.swallowed(args.exc_type)
        else:
            self.behind(args)


@frozen
class Cell:
    """What a thread needs that runs a cell.

    Attributes:
        streams: Where it writes.
        swallowed: Told of an interrupt that was lost; has it sent again, from another thread.
    """

    streams: Mapping[str, KernelStream]
    swallowed: Callable[[type[BaseException]], None]


_cells: dict[int, Cell] = {}
_lock = threading.Lock()


def attach(ident: int, cell: Cell) -> None:
    """The thread ``ident`` runs ``cell`` from now on."""
    with _lock:
        _cells[ident] = cell
        if not isinstance(sys.unraisablehook, _Hook):
            sys.unraisablehook = _Hook(sys.unraisablehook)
        for name in ("stdout", "stderr"):
            current = getattr(sys, name)
            if not isinstance(current, _Switch):
                setattr(sys, name, cast("TextIO", _Switch(name, current)))


def detach(ident: int) -> None:
    """The thread ``ident`` runs no cell any more."""
    with _lock:
        _cells.pop(ident, None)
        if _cells:
            return
        if isinstance(sys.unraisablehook, _Hook):
            sys.unraisablehook = sys.unraisablehook.behind
        for name in ("stdout", "stderr"):
            current = getattr(sys, name)
            if isinstance(current, _Switch):
                setattr(sys, name, current.behind)


def is_redirected() -> bool:
    """Whether somebody has put another ``sys.stdout`` over ours, as ``redirect_stdout`` does."""
    return bool(_cells) and not isinstance(sys.stdout, _Switch)
