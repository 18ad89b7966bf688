"""A fake kernel installs no packages, unless the test's script allows it.

This folder comes first in the ``PYTHONPATH`` of a kernel's child processes: each Python finds our
``pip.py`` before pip itself. ``bin`` comes first in their ``PATH``, with replacements of other
programs that install packages.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .pip import Finder

FOLDER = Path(__file__).parent


def refuse_installs() -> None:
    """Refuse to install packages, in this process and in its child processes."""
    _prepend("PYTHONPATH", FOLDER)
    _prepend("PATH", FOLDER / "bin")
    sys.meta_path.insert(0, Finder())


def _prepend(name: str, folder: Path) -> None:
    rest = os.environ.get(name)
    os.environ[name] = f"{folder}{os.pathsep}{rest}" if rest else str(folder)
