"""Files where a local server's kernels start."""

from __future__ import annotations

import os
import secrets
import shutil
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
        with Path(source).open("rb") as content:
            place.parent.mkdir(parents=True, exist_ok=True)
            with written(place) as file:
                shutil.copyfileobj(content, file)
        return str(place)

    def get(self, path: str, destination: LocalPath | None) -> Path:
        """Copy a file from there; where it is now."""
        place = place_for(path, destination)
        there = self.folder / path
        # Code that is not trusted has been there: a FIFO would be waited for.
        if there.exists() and not there.is_file():
            raise IsADirectoryError(path) if there.is_dir() else OSError(f"no file: {path}")
        with there.open("rb") as content, written(place) as file:
            shutil.copyfileobj(content, file)
        return place

    def names(self, path: str) -> list[str]:
        """What is in a directory there, directories with a ``/`` behind the name."""
        with os.scandir(self.folder / path) as entries:
            return sorted(
                f"{entry.name}/" if _is_folder(entry) else entry.name for entry in entries
            )


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
    # Not by tempfile, whose files are for nobody else: the umask cannot be asked for safely.
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
        return False  # a link that leads in a circle, or to where we may not look
