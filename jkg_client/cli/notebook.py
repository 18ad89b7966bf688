"""``jkg run`` of a notebook: a bar on a terminal or lines in a pipe, and the notebook as it ran."""

from __future__ import annotations

import argparse
import ast
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define

from ..client.channels import KernelProvider
from ..errors import NotebookError
from ..notebooks.options import CellProgress
from ..notebooks.run import run_notebook
from ..notebooks.texts import file_text
from ..protocol.terminal import strip_ansi
from ..protocol.values import text_of
from .option_types import seconds
from .progress import gauge
from .screen import Screen
from .server_options import add_kernel, add_server

_SUFFIX = ".ipynb"


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of notebooks."""
    group = command.add_argument_group("notebooks", "for a FILE that ends in .ipynb")
    group.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="save the notebook with its outputs here, after each cell; - for stdout;"
        " may be FILE itself; without it the outputs are printed",
    )
    for option, text in (
        ("-p", "set a parameter: a Python literal such as 5, True or [1, 2]; otherwise text"),
        ("-r", "set a parameter to text, whatever it looks like"),
    ):
        group.add_argument(
            option, nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help=text
        )
    group.add_argument("--allow-errors", action="store_true", help="go on after cells that fail")
    group.add_argument("--cwd", metavar="DIR", help="folder in which the code runs")


def is_notebook(args: argparse.Namespace) -> bool:
    """Whether the words of the command name a notebook.

    Raises:
        ValueError: They do not, but have options that only notebooks have.
    """
    is_file = args.code is None and getattr(args, "module", None) is None
    if is_file and Path(args.file).suffix.lower() == _SUFFIX:
        _read_options_behind(args)
        if args.language is not None:
            raise ValueError("--language: a notebook says itself what it is written in")
        if not Path(args.file).is_file():
            raise ValueError(f"cannot read {args.file}: there is no such file")
        return True
    given = [args.output, *args.p, *args.r, args.allow_errors or None, args.cwd]
    if any(option is not None for option in given):
        raise ValueError("-o, -p, -r, --allow-errors and --cwd are for notebooks (.ipynb)")
    return False


def run(args: argparse.Namespace, screen: Screen, provider: KernelProvider) -> int:
    """Run a notebook; the exit status."""
    shown = _Shown(screen, prints=args.output is None)
    try:
        notebook = run_notebook(
            args.file,
            provider,  # type: ignore[arg-type]  # all of ours list their kernels
            output=None if args.output == "-" else args.output,
            parameters=_parameters(args),
            cell_timeout=None if args.timeout == math.inf else args.timeout,
            allow_errors=args.allow_errors,
            kernel_name=args.kernel,
            kernel_id=args.kernel_id,
            cwd=args.cwd,
            on_cell=shown,
        )
        status = 0
    except NotebookError as exc:
        notebook, status = exc.notebook, exc.exit_code
        screen.clear()
        if args.output is not None and exc.traceback:
            screen.line(exc.traceback, to_err=True)
        screen.note(str(exc))
    if args.output == "-":
        screen.clear()
        screen.line(file_text(notebook))
    return status


@define
class _Shown:
    """Shows how a run goes on; ``prints`` what the cells show, too."""

    _screen: Screen
    _prints: bool

    def __call__(self, progress: CellProgress) -> None:
        """Show it."""
        if progress.state != "running" and self._prints:
            for output in progress.cell["outputs"]:
                self._print(output)
            self._screen.settle()
        number = progress.done + (progress.state == "running")
        if self._screen.can_draw:
            self._screen.draw(f"{gauge(progress.done, progress.total)} cell {number}")
        elif progress.state == "running":
            self._screen.note(f"cell {number} of {progress.total}")

    def _print(self, output: Mapping[str, Any]) -> None:
        kind = output["output_type"]
        if kind == "stream":
            self._screen.write(output["text"], to_err=output["name"] == "stderr")
        elif kind == "error":
            self._screen.line(strip_ansi("\n".join(output["traceback"])), to_err=True)
        else:
            text = strip_ansi(text_of(output["data"].get("text/plain")))
            if text:
                self._screen.line(text)


def _read_options_behind(args: argparse.Namespace) -> None:
    """Read the words behind FILE: a notebook takes none, so they are options of the command."""
    words, args.words = list(getattr(args, "words", None) or ()), []
    if words:
        behind = argparse.ArgumentParser(f"jkg run {args.file}", allow_abbrev=False)
        add_server(behind)
        add_kernel(behind)
        add_options(behind)
        behind.add_argument("--timeout", type=seconds, metavar="S", help="seconds for each cell")
        # What was given before FILE is in ``args`` already, and stays unless it is given again.
        behind.parse_args(words, args)


def _parameters(args: argparse.Namespace) -> dict[str, Any] | None:
    given = {name: _value(text) for name, text in args.p}
    given.update(dict(args.r))
    return given or None


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
