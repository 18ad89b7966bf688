"""Files where a local server's kernels start."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Union

from attrs import frozen

LocalPath = Union[str, "os.PathLike[str]"]


@frozen
class LocalFiles:
    """Files of this machine, as seen from a server's directory.

    Attributes:
        folder: The directory; other paths are relative to it.
    """

    folder: Path

    def put(self, source: LocalPath, path: str | None) -> str:
        """Copy a file there; its path there."""
        place = self.folder / (path or Path(source).name)
        if path and path.endswith(("/", os.sep)):
            place /= Path(source).name
        place.parent.mkdir(parents=True, exist_ok=True)
        with Path(source).open("rb") as content, written(place) as file:
            shutil.copyfileobj(content, file)
        return str(place)

    def get(self, path: str, destination: LocalPath | None) -> Path:
        """Copy a file from there; where it is now."""
        place = place_for(path, destination)
        with (self.folder / path).open("rb") as content, written(place) as file:
            shutil.copyfileobj(content, file)
        return place

    def names(self, path: str) -> list[str]:
        """What is in a directory there, directories with a ``/`` behind the name."""
        with os.scandir(self.folder / path) as entries:
            return sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries)


def place_for(path: str, destination: LocalPath | None) -> Path:
    """Where a file that is called ``path`` there is to be here.

    Args:
        path: Its path there.
        destination: A file, or a directory that exists; None for the current directory.
    """
    place = Path(destination or ".")
    return place / path.replace("\\", "/").rpartition("/")[2] if place.is_dir() else place


@contextmanager
def written(place: Path) -> Iterator[BinaryIO]:
    """A file that is at ``place`` when all has gone well, and not at all otherwise."""
    number, name = tempfile.mkstemp(dir=place.parent, prefix=".jkg-")
    try:
        with os.fdopen(number, "wb") as file:
            yield file
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(place)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    # There is no way to only look at it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
