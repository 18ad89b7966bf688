"""The private folder of a kernel: its connection file, its sockets, the end of its output.

A folder that its owner could not remove, because it was killed, is removed by the next owner. Each
owner holds a lock on a file in its folder: a process id would not do, containers that share a
folder for temporary files count their processes from one again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from attrs import field, frozen

if sys.platform != "win32":  # there, nobody can remove a file that is open
    import fcntl

_PREFIX = "jkg-k-"
_LOCK = "owner"
_TRIES = 5


@frozen(eq=False)
class Folder:
    """A folder that only we can enter, and that is removed at the end.

    Attributes:
        path: Where it is.
    """

    path: Path
    _lock: int = field(repr=False)

    @classmethod
    def new(cls) -> Folder:
        """A new folder; those whose owners are dead are removed.

        Raises:
            OSError: It cannot be made.
        """
        parent = Path(tempfile.gettempdir())
        _sweep(parent)
        for _ in range(_TRIES):
            # mkdtemp lets only its owner in.
            path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            lock = _locked(path / _LOCK, create=True)
            # Between making and locking it, somebody else may have taken it for left behind.
            if lock is not None and (path / _LOCK).exists():
                return cls(path, lock)
            if lock is not None:
                os.close(lock)
        raise OSError(f"no folder can be made in {parent}: others remove it at once")

    def remove(self) -> None:
        """Remove the folder and let go of the lock; once only."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.close(self._lock)
        if sys.platform == "win32":  # it keeps a file that is open
            shutil.rmtree(self.path, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove the folders of dead owners."""
    for path in parent.glob(f"{_PREFIX}*"):
        if not (path / _LOCK).exists():
            continue  # somebody is just making it
        lock = _locked(path / _LOCK, create=False)
        if lock is not None:
            Folder(path, lock).remove()


def _locked(file: Path, *, create: bool) -> int | None:
    """The file, open and locked; None if somebody else has it, or it is gone."""
    is_made = create or sys.platform == "win32"
    try:
        if sys.platform == "win32" and not create:
            file.unlink()
        number = os.open(file, os.O_RDWR | (os.O_CREAT if is_made else 0), 0o600)
    except OSError:
        return None
    if sys.platform != "win32":
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(number)
            return None
    return number
