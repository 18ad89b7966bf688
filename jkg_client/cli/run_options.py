"""Options of ``jkg run``."""

from __future__ import annotations

import argparse
import os

from .file_text import as_text
from .notebook_options import add_options as add_notebook
from .option_types import not_empty, seconds
from .server_options import TOKENS, add_kernel, add_server

DESCRIPTION = """\
Run code in a kernel, and print the output as it arrives. A script runs as python would run it: its
arguments are in sys.argv, it can import the modules beside it, input() reads the terminal or stdin,
and the exit status of the script is the exit status of the command.
"""
EXAMPLES = f"""\
examples:
  jkg run script.py a b             a script, with its arguments
  jkg run -c "6 * 7"                code, as in a notebook: the value is printed
  jkg run -m timeit "2**64"         a module
  jkg run page.md                   the code blocks of a Markdown page
  jkg run page.ipynb -o out.ipynb   a notebook, saved with its outputs
  cat code.py | jkg run -           code from stdin
  jkg run --docker script.py        in a container
  jkg run --url https://hub.example.com/user/me --kernel-id 3f2a -c "x"
  jkg run --json -c "6 * 7"         one JSON object per line, for programs

Options come before FILE, -c and -m: all arguments after these belong to the code. Options of a
notebook may also come after it.

exit status:
  0     done
  n     exit status of the code: sys.exit(n), or "exit n" in a shell block; 1 for an exception
  2     the command line is wrong, or a file cannot be read or written
  124   the time limit of --timeout has passed
  125   there is no kernel: the server or Docker engine cannot be reached, or refuses a request
  137   the kernel died
  130   Ctrl-C (143: SIGTERM, 129: SIGHUP, 141: the program that reads the output has ended)

{TOKENS}"""
USAGE = "jkg run [OPTION ...] [FILE | -c CODE | -m MODULE] [ARGUMENT ...]"


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    command.usage = USAGE
    _add_code(command)
    command.add_argument(
        "--language",
        type=not_empty,
        metavar="LANG",
        help="language of the code: python, bash, …, or markdown (default: from the"
        " name of the file, otherwise the kernel's own)",
    )
    command.add_argument(
        "--timeout",
        type=seconds,
        default=float("inf"),
        metavar="S",
        help="time limit in seconds; in a Markdown file for each block, in a notebook for each cell"
        " (default: none)",
    )
    command.add_argument(
        "--env",
        type=_variable,
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="set an environment variable of the kernel; without =VALUE, take it from this shell",
    )
    command.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object per line; the last object has the exit status",
    )
    _add_images(command)
    add_notebook(command)
    add_kernel(command)
    add_server(command)


def _add_code(command: argparse.ArgumentParser) -> None:
    code = command.add_argument_group("code")
    code.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="FILE",
        help="a script, a Markdown file (.md) with code blocks, or a notebook (.ipynb); - is"
        " stdin, which is the default",
    )
    code.add_argument(
        "-c", dest="code", nargs=argparse.REMAINDER, metavar="CODE", help="run this code"
    )
    code.add_argument(
        "-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE", help="run this module"
    )


def _add_images(command: argparse.ArgumentParser) -> None:
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
        metavar="DIR",
        help="folder in which images and web pages are saved (default: this folder)",
    )


def settle(args: argparse.Namespace) -> None:
    """Set ``file``, ``code`` or ``module``, and the ``words`` after it.

    Raises:
        ValueError: ``-c`` or ``-m`` has no argument, or the code is not text.
    """
    words = list(args.words)
    if words[:1] == ["--"]:
        del words[0]
    for option, name in (("-c", "code"), ("-m", "module")):
        given = getattr(args, name)
        if given is not None:
            if not given:
                raise ValueError(f"{option} needs an argument: jkg run {option} {name.upper()}")
            words, value = given[1:], as_text(given[0])
            setattr(args, name, value)
    args.file = "-"
    if args.code is None and args.module is None and words:
        args.file = as_text(words.pop(0))
    args.words = [as_text(word) for word in words]


def _variable(text: str) -> tuple[str, str]:
    name, is_given, value = text.partition("=")
    if not name:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, not {text!r}")
    if not is_given and name not in os.environ:
        raise argparse.ArgumentTypeError(f"the variable {name} is not set here")
    return name, value if is_given else os.environ[name]
