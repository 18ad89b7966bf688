"""``jkg put``: copies a file to the machine of the kernels."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .exit_statuses import DONE, FAILED
from .kernel_files import add_place, files_of
from .option_types import not_empty
from .screen import Screen
from .server_options import TOKENS

DESCRIPTION = """\
Copy a file to the machine on which kernels run, and print its path there. A Python kernel writes
the file. A relative PATH begins in the folder in which kernels start.
"""
EXAMPLES = f"""\
examples:
  jkg put data.csv                  to the folder in which kernels start
  jkg put data.csv input/           to another folder, which is made if it is missing
  date | jkg put - now.txt          from stdin

{TOKENS}"""


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_place(command)
    command.add_argument(
        "file", type=not_empty, metavar="FILE", help="the file to copy; - is stdin"
    )
    command.add_argument(
        "path",
        nargs="?",
        type=not_empty,
        metavar="PATH",
        help="its path on the other machine (default: its name)",
    )


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Copy the file.

    Raises:
        ValueError: The arguments contradict each other.
        JkgError: No kernel can be reached.
    """
    path = _path(args.file, args.path)
    try:
        data = sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
    except OSError as exc:
        screen.note(f"cannot read {args.file}: {exc.strerror}")
        return FAILED
    with files_of(args, screen) as files:
        try:
            files.put(path, data)
        except OSError as exc:
            screen.note(str(exc))
            return FAILED
    screen.line(path)
    return DONE


def _path(file: str, path: str | None) -> str:
    if path is None:
        if file == "-":
            raise ValueError("stdin has no file name: pass the path on the other machine")
        return Path(file).name
    return f"{path}{Path(file).name}" if path.endswith("/") else path
