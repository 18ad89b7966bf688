"""Options of ``jkg run`` for notebooks."""

from __future__ import annotations

import argparse
from pathlib import Path

_SUFFIX = ".ipynb"


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of notebooks."""
    group = command.add_argument_group(
        "notebooks", "for a FILE that ends in .ipynb; options may also come after it"
    )
    group.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="save the notebook with its outputs in OUT, after each cell; OUT may be FILE itself,"
        " and - is stdout (default: print the outputs)",
    )
    for option, text in (
        ("-p", "set a parameter; VALUE is a Python literal such as [1, 2], otherwise a string"),
        ("-r", "set a parameter to a string, even if VALUE looks like a number"),
    ):
        group.add_argument(
            option, nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help=text
        )
    group.add_argument("--allow-errors", action="store_true", help="continue if a cell fails")
    group.add_argument("--cwd", metavar="DIR", help="folder in which the code runs")


def names_notebook(word: str) -> bool:
    """Whether FILE is a notebook."""
    return Path(word).suffix.lower() == _SUFFIX


def is_notebook(args: argparse.Namespace) -> bool:
    """Whether the arguments of the command name a notebook.

    Raises:
        ValueError: There are options for notebooks but no notebook, or a notebook but options for
            other code.
    """
    is_file = args.code is None and getattr(args, "module", None) is None
    if is_file and names_notebook(args.file):
        if args.language is not None:
            raise ValueError("--language is not for notebooks: they name their language themselves")
        if args.json and args.output == "-":
            raise ValueError("--json and -o - both print to stdout: save the notebook to a file")
        if not Path(args.file).is_file():
            why = "it is not a file" if Path(args.file).exists() else "there is no such file"
            raise ValueError(f"cannot read {args.file}: {why}")
        return True
    given = [args.output, *args.p, *args.r, args.allow_errors or None, args.cwd]
    if any(option is not None for option in given):
        raise ValueError("-o, -p, -r, --allow-errors and --cwd are for notebooks (.ipynb)")
    return False
