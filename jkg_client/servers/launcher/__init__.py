"""A program of two files that runs a kernel gateway, without importing this package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_FILES = ("__main__.py", "queue_limits.py")


def source(name: str) -> str:
    """The content of one of the files, also if the package is in a zip archive."""
    return files(__name__).joinpath(name).read_text("utf-8")


def put_into(folder: Path) -> Path:
    """Write the program into a new folder in ``folder``, and return the path of the script to run.

    The new folder has no other file that could hide a library of the gateway.
    """
    place = folder / "launcher"
    place.mkdir()
    for name in _FILES:
        (place / name).write_text(source(name), encoding="utf-8")
    return place / _FILES[0]
