"""The cells of earlier sessions, in a private file for each kernelspec."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from prompt_toolkit.history import History

_MOST = 1_000_000
"""Largest history file, in bytes. A larger file is cut to half of this."""

_MARK = b"+"


def history_file(kernel_name: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The history file of a kernelspec."""
    if sys.platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    name = re.sub(r"[^\w.+-]", "_", kernel_name)[:80].lstrip(".") or "kernel"
    return base / "jkg" / "history" / name


class PrivateHistory(History):
    """Cells in a file that only the user may read. Cells that begin with a space are not kept.

    If the file cannot be read or written, there is no history, but no error.

    Args:
        path: Path of the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def load_history_strings(self) -> Iterable[str]:
        """The cells, the newest first."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return []
        if len(data) > _MOST:
            data = self._shortened(data)
        cells: list[list[str]] = [[]]
        for line in data.split(b"\n"):
            if line.startswith(_MARK):
                cells[-1].append(line[1:].decode("utf-8", "replace"))
            elif cells[-1]:
                cells.append([])
        return reversed(["\n".join(lines) for lines in cells if lines])

    def append_string(self, string: str) -> None:
        """Add a cell, unless it begins with a space."""
        if not string.startswith(" "):
            super().append_string(string)

    def store_string(self, string: str) -> None:
        """Append a cell to the file."""
        lines = [_MARK + line.encode("utf-8", "replace") for line in string.split("\n")]
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._append(b"\n".join([*lines, b"", b""]))
        except OSError:
            pass

    def _append(self, data: bytes) -> None:
        with open(self._path, "ab", opener=_private) as stream:
            stream.write(data)

    def _shortened(self, data: bytes) -> bytes:
        kept = data[-_MOST // 2 :].partition(b"\n\n")[2]
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            with open(part, "wb", opener=_private) as stream:
                stream.write(kept)
            part.replace(self._path)
        except OSError:
            pass
        return kept


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
