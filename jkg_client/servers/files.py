"""Files in the folder where a local server's kernels start."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Union

from attrs import frozen

from ..client import arguments

LocalPath = Union[str, "os.PathLike[str]"]

LARGEST_FILE = 2**30
"""Size of the largest file that ``get_file`` copies by default, in bytes."""

_PIECE = 2**16

# Without O_NONBLOCK, opening a FIFO waits for a writer, perhaps for ever.
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


@frozen
class LocalFiles:
    """Files of this machine, relative to a server's folder.

    Attributes:
        folder: The folder.
    """

    folder: Path

    def put(self, source: LocalPath, path: str | None) -> str:
        """Copy a file into the folder, and return its path there."""
        check_put(source, path)
        place = self.folder / (path or Path(source).name)
        if path and path.endswith(("/", os.sep)):
            place /= Path(source).name
        with opened(source) as content:
            place.parent.mkdir(parents=True, exist_ok=True)
            with written(place) as file:
                shutil.copyfileobj(content, file)
        return str(place)

    def get(self, path: str, destination: LocalPath | None, max_bytes: int) -> Path:
        """Copy a file out of the folder, and return the path of the copy."""
        check_get(path, destination, max_bytes)
        place = place_for(path, destination)
        with opened(self.folder / path) as content, written(place) as file:
            for piece in within(max_bytes, iter(lambda: content.read(_PIECE), b"")):
                file.write(piece)
        return place

    def names(self, path: str) -> list[str]:
        """Names in a subfolder. Names of folders end with ``/``."""
        arguments.text("path", path)
        with os.scandir(self.folder / path) as entries:
            return sorted(
                f"{entry.name}/" if _is_folder(entry) else entry.name for entry in entries
            )


def check_put(source: object, path: object) -> None:
    """Raise ``ValueError`` for wrong arguments of ``put_file``."""
    arguments.folder("source", source)
    if path is not None:
        arguments.text("path", path)


def check_get(path: object, destination: object, max_bytes: object) -> None:
    """Raise ``ValueError`` for wrong arguments of ``get_file``."""
    arguments.filled("path", path)
    if destination is not None:
        arguments.folder("destination", destination)
    arguments.at_least("max_bytes", max_bytes, 0)


@contextmanager
def opened(path: LocalPath) -> Iterator[BinaryIO]:
    """Open a regular file for reading.

    Raises:
        IsADirectoryError: ``path`` is a folder.
        OSError: ``path`` is a FIFO, a device or a socket, or it cannot be read. Opening never
            waits.
    """
    with open(path, "rb", opener=_opener) as file:
        # Check the open file, not the path: untrusted code could replace the file in between.
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
        yield file


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | _AT_ONCE)


def within(max_bytes: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, up to ``max_bytes`` in all.

    Raises:
        OSError: There are more bytes.
    """
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            said = f"the file has more than {max_bytes} bytes; pass a larger max_bytes="
            raise OSError(errno.EFBIG, said)
        yield piece


def place_for(path: str, destination: LocalPath | None) -> Path:
    """Where to save a copy of a file.

    Args:
        path: Path of the original.
        destination: A file, or an existing folder. None for the current folder.
    """
    place = Path(destination or ".")
    return place / path.replace("\\", "/").rpartition("/")[2] if place.is_dir() else place


@contextmanager
def written(place: Path) -> Iterator[BinaryIO]:
    """Open a file for writing. The file appears at ``place`` only if there was no error."""
    # Do not use tempfile: its files are private, but this file should follow the umask.
    new = place.parent / f".jkg-{secrets.token_hex(8)}"
    try:
        with new.open("xb") as file:
            yield file
        new.replace(place)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a circular link, or a target without permission
