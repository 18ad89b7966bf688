"""``jkg run`` of a notebook: a bar on a terminal or lines in a pipe, and the notebook as it ran."""

from __future__ import annotations

import argparse
import ast
import math
from collections.abc import Mapping
from typing import Any

from attrs import define

from ..client.channels import KernelProvider
from ..errors import NotebookError
from ..notebooks.options import CellProgress
from ..notebooks.run import run_notebook
from ..notebooks.texts import file_text
from ..protocol.terminal import strip_ansi
from ..protocol.values import text_of
from .progress import gauge
from .screen import Screen


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
            env=dict(args.env) or None,
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


def _parameters(args: argparse.Namespace) -> dict[str, Any] | None:
    given = {name: _value(text) for name, text in args.p}
    given.update(dict(args.r))
    return given or None


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
