"""Saves a notebook. The file is always complete, even after a kill."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import uuid
from collections.abc import Iterable
from pathlib import Path

from attrs import define, field
from nbformat import NotebookNode

from ..client.deadline import CLOCK, Clock
from .json_text import pieces

_log = logging.getLogger("jkg_client")
_SHARE = 20
"""Saving takes at most 1/20 of the time. Otherwise, a run could spend most time on saving."""


@define(eq=False)
class NotebookFile:
    """The file to which a run is saved.

    Attributes:
        path: Path of the file. Its folder exists.
        clock: Clock for the time between saves.
    """

    path: Path
    clock: Clock = CLOCK
    _saved: float = field(default=float("-inf"), init=False)
    _not_before: float = field(default=float("-inf"), init=False)

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> NotebookFile:
        """The file at ``path``. Symbolic links are followed.

        Raises:
            ValueError: The folder does not exist, or the path is a folder.
        """
        real = Path(os.path.realpath(path))
        if not real.parent.is_dir():
            raise ValueError(f"output: there is no folder {real.parent}")
        if real.is_dir():
            raise ValueError(f"output: {real} is a folder")
        return cls(real)

    def is_due(self, pause: float = 0.0) -> bool:
        """Whether to save now. Saving must not take much of the time.

        Args:
            pause: Shortest time since the last save, in seconds.
        """
        now = self.clock.now()
        return now >= self._not_before and now >= self._saved + pause

    def try_to_save(self, notebook: NotebookNode) -> None:
        """Save the notebook. A failure is only logged, because the run continues."""
        try:
            self.save(notebook)
        except OSError as exc:
            _log.warning("cannot save %s: %s", self.path, exc)

    def save(self, notebook: NotebookNode) -> None:
        """Save the notebook. The old file is kept until the new one is complete."""
        begun = self.clock.now()
        replace_text(self.path, pieces(notebook))
        self._saved = now = self.clock.now()
        self._not_before = now + (now - begun) * _SHARE


def replace_text(path: Path, texts: Iterable[str]) -> None:
    """Replace a file. The path always has a complete file: the old one or the new one."""
    part = path.with_name(f".{path.stem[:50]}-{uuid.uuid4().hex}.tmp")
    try:
        with part.open("x", encoding="utf-8", newline="\n") as stream:
            stream.writelines(texts)
        with contextlib.suppress(FileNotFoundError):
            part.chmod(stat.S_IMODE(path.stat().st_mode))
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
