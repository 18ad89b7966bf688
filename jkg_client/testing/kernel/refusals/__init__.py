"""A fake kernel installs no packages, unless the test's script allows it.

The folder stands first in the ``PYTHONPATH`` of what a kernel starts, so that every Python
finds ``pip.py`` here before pip itself; ``bin`` stands first in its ``PATH``, with stand-ins
for other programs that install.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .pip import Finder

FOLDER = Path(__file__).parent


def refuse_installs() -> None:
    """In this process and in those that it starts."""
    _prepend("PYTHONPATH", FOLDER)
    _prepend("PATH", FOLDER / "bin")
    sys.meta_path.insert(0, Finder())


def _prepend(name: str, folder: Path) -> None:
    rest = os.environ.get(name)
    os.environ[name] = f"{folder}{os.pathsep}{rest}" if rest else str(folder)
