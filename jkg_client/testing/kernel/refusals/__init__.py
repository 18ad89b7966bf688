"""A fake kernel installs no packages, unless the test's script allows it.

This folder comes first in the ``PYTHONPATH`` of a kernel's child processes: each Python finds our
``pip.py`` before pip itself. ``bin`` comes first in their ``PATH``, with replacements of other
programs that install packages. A command that ignores both variables is refused before it starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .pip import ALLOWED, CHANGING, MESSAGE, Finder

FOLDER = Path(__file__).parent


def refuse_installs() -> None:
    """Refuse to install packages, in this process and in its child processes."""
    _prepend("PYTHONPATH", FOLDER)
    _prepend("PATH", FOLDER / "bin")
    sys.meta_path.insert(0, Finder())
    sys.addaudithook(_refuse_start)


def _refuse_start(event: str, details: tuple[Any, ...]) -> None:
    """Refuse to start a command that would install packages without our replacements."""
    if event != "subprocess.Popen" or os.environ.get(ALLOWED):
        return
    _, words, _, env = details
    if isinstance(words, (list, tuple)):
        program, *rest = (os.fsdecode(word) for word in words)
        path, variables = Path(program), os.environ if env is None else env
        is_pip = path.name.startswith("python") and _passes_pip(rest, variables)
        is_other = path.is_absolute() and (FOLDER / "bin" / path.name).exists()
        if {*rest} & {*CHANGING} and (is_pip or is_other) and FOLDER not in path.parents:
            raise PermissionError(MESSAGE)


def _passes_pip(words: list[str], env: Mapping[str, str]) -> bool:
    """Whether Python runs the real pip with these arguments, and not ours."""
    options = words[: words.index("-m")] if "-m" in words else []
    is_isolated = any(word.startswith("-") and {*word} & {*"IE"} for word in options)
    return "pip" in words and (is_isolated or str(FOLDER) not in env.get("PYTHONPATH", ""))


def _prepend(name: str, folder: Path) -> None:
    rest = os.environ.get(name)
    os.environ[name] = f"{folder}{os.pathsep}{rest}" if rest else str(folder)
