"""``jkg console``: a terminal session with a kernel. Its libraries are loaded when it runs."""

from __future__ import annotations

import argparse
import os
import sys

from ..option_types import not_empty
from ..screen import Screen
from ..server_options import TOKENS, add_kernel, add_server

DESCRIPTION = """\
Work with a kernel in the terminal: type code, and see its output. TAB completes, name? explains a
name, Ctrl-C interrupts, and exit or Ctrl-D leaves. At the end, the console stops the
kernel that it has started. A kernel of --kernel-id keeps running.
"""
EXAMPLES = f"""\
examples:
  jkg console                       start a kernel
  jkg console --kernel ir           start a kernel for R
  jkg console --url URL --kernel-id ID
                                    use a running kernel

in the console:
  name?           explain a name                         TAB     complete
  %save x.ipynb   save the session as a notebook         F2      paste mode on or off
  exit            leave                                  Ctrl-C  interrupt

{TOKENS}"""


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_server(command)
    add_kernel(command)
    add_view(command)


def add_view(command: argparse.ArgumentParser) -> None:
    """Add the options for the display of outputs."""
    command.add_argument(
        "--no-others",
        default=False,
        action="store_true",
        help="do not show the code of other clients of the kernel",
    )
    command.add_argument(
        "--images",
        choices=("auto", "kitty", "iterm2", "sixel", "none"),
        default="auto",
        help="how the terminal shows images (default: auto, which asks the terminal); images that"
        " it cannot show are saved",
    )
    command.add_argument(
        "--output-dir",
        type=not_empty,
        default=None,
        metavar="DIR",
        help="folder in which images and web pages are saved (default: this folder)",
    )


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Run the console until the user leaves."""
    if args.token_stdin:
        raise ValueError("stdin is the keyboard here: pass the token by --token-file or JKG_TOKEN")
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise ValueError("the console needs a terminal; for code from a pipe use jkg run -")
    if os.environ.get("TERM") != "dumb":
        _check_extra()
    from .session import talk

    return talk(args, screen)


def _check_extra() -> None:
    try:
        import prompt_toolkit
        import pygments
    except ImportError as exc:
        raise ImportError(
            f'the console needs {exc.name}: pip install "jkg-client[cli]", or set TERM=dumb for a'
            " console without it"
        ) from exc
    del prompt_toolkit, pygments
