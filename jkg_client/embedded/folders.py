"""The private folder of a kernel, with its connection file, its sockets and its last output.

If the owner of a folder was killed, the next owner removes that folder. Each owner locks a file in
its folder. Process ids would not be enough: containers that share a temporary folder have processes
with the same ids.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from attrs import field, frozen

if sys.platform != "win32":  # on Windows, an open file cannot be removed
    import fcntl

_PREFIX = "jkg-k-"
_LOCK = "owner"
_TRIES = 5


@frozen(eq=False)
class Folder:
    """A folder that only this user can enter. It is removed at the end.

    Attributes:
        path: Path of the folder.
    """

    path: Path
    _lock: int = field(repr=False)

    @classmethod
    def new(cls) -> Folder:
        """Create a folder, and remove the folders of owners that have ended.

        Raises:
            OSError: The folder cannot be created.
        """
        parent = Path(tempfile.gettempdir())
        _sweep(parent)
        for _ in range(_TRIES):
            # mkdtemp creates a folder that only this user can enter.
            path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            lock = _locked(path / _LOCK, create=True)
            # Before the lock, another process may have removed this folder as an abandoned one.
            if lock is not None and (path / _LOCK).exists():
                return cls(path, lock)
            if lock is not None:
                os.close(lock)
        raise OSError(f"cannot create a folder in {parent}: other processes remove it at once")

    def remove(self) -> None:
        """Remove the folder and release the lock. Call it only once."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.close(self._lock)
        if sys.platform == "win32":  # the lock file can be removed only when it is closed
            shutil.rmtree(self.path, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove the folders of owners that have ended."""
    for path in parent.glob(f"{_PREFIX}*"):
        if not (path / _LOCK).exists():
            continue  # another process is creating the folder
        lock = _locked(path / _LOCK, create=False)
        if lock is not None:
            Folder(path, lock).remove()


def _locked(file: Path, *, create: bool) -> int | None:
    """Open and lock the file. None if another process has the lock, or there is no file."""
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
