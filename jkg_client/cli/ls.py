"""``jkg ls``: lists files on the machine of the kernels."""

from __future__ import annotations

import argparse

from .exit_statuses import DONE, FAILED
from .kernel_files import add_place, files_of
from .screen import Screen
from .server_options import TOKENS

DESCRIPTION = """\
List the files of a folder on the machine on which kernels run, one name per line. A Python kernel
reads the folder. Names of folders end with /.
"""
EXAMPLES = f"""\
examples:
  jkg ls                            the folder in which kernels start
  jkg ls /tmp
  jkg ls --kernel-id 3f             the current folder of a running kernel

{TOKENS}"""


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_place(command)
    command.add_argument(
        "path",
        nargs="?",
        default="",
        metavar="PATH",
        help="the folder (default: the one in which kernels start)",
    )


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print the names.

    Raises:
        ValueError: The options contradict each other.
        JkgError: No kernel can be reached.
    """
    with files_of(args, screen) as files:
        try:
            names = files.names(args.path)
        except OSError as exc:
            screen.note(str(exc))
            return FAILED
    for name in names:
        screen.line(name)
    return DONE
