"""``jkg get``: copies a file from the machine of the kernels."""

from __future__ import annotations

import argparse
import sys

from ..servers.files import place_for, written
from .exit_statuses import DONE, FAILED
from .kernel_files import add_place, files_of
from .option_types import not_empty
from .screen import Screen
from .server_options import TOKENS

DESCRIPTION = """\
Copy a file from the machine on which kernels run, and print the path of the copy. A Python kernel
reads the file. A relative PATH begins in the folder in which kernels start.
"""
EXAMPLES = f"""\
examples:
  jkg get result.csv                to this folder
  jkg get result.csv out/           to another folder
  jkg get log.txt - | tail          to stdout

{TOKENS}"""


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_place(command)
    command.add_argument(
        "path", type=not_empty, metavar="PATH", help="the file on the other machine"
    )
    command.add_argument(
        "file",
        nargs="?",
        type=not_empty,
        metavar="FILE",
        help="the copy, or a folder for it (default: this folder); - is stdout",
    )


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Copy the file.

    Raises:
        ValueError: The options contradict each other.
        OSError: The copy cannot be written.
        JkgError: No kernel can be reached.
    """
    with files_of(args, screen) as files:
        try:
            if args.file == "-":
                for piece in files.get(args.path):
                    sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
                return DONE
            place = place_for(args.path, args.file)
            with written(place) as copy:
                for piece in files.get(args.path):
                    copy.write(piece)
        except OSError as exc:
            screen.note(str(exc))
            return FAILED
    screen.line(str(place))
    return DONE
