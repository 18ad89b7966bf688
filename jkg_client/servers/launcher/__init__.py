"""A program of two files that runs a kernel gateway; its interpreter need not have this package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_FILES = ("__main__.py", "room.py")


def source(name: str) -> str:
    """What is in one of the files, also where the package itself lies in a zip archive."""
    return files(__name__).joinpath(name).read_text("utf-8")


def put_into(folder: Path) -> Path:
    """Write the program into a new directory of ``folder``; the path of the script to run.

    There is nothing beside it that a library of the gateway could be taken for.
    """
    place = folder / "launcher"
    place.mkdir()
    for name in _FILES:
        (place / name).write_text(source(name), encoding="utf-8")
    return place / _FILES[0]
