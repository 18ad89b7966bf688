"""``jkg run`` of a notebook, with a progress bar on a terminal or lines in a pipe."""

from __future__ import annotations

import argparse
import ast
import math
from collections.abc import Mapping
from typing import Any

from attrs import define

from ..client.channels import KernelProvider
from ..errors import NotebookError
from ..notebooks.interruption import Interruption
from ..notebooks.options import CellProgress, RunLimits, RunOptions, WantedKernel
from ..notebooks.request import RunRequest
from ..notebooks.texts import file_text
from .exit_statuses import Ending
from .notebook_outputs import CellOutputsShown
from .progress import gauge
from .screen import Screen

_SOURCES: Mapping[str, str] = {"error": "code", "timeout": "timeout", "died": "kernel"}
"""Causes of the exit status, by the status of the error. For other statuses, it is ``jkg``."""


def run(
    args: argparse.Namespace,
    screen: Screen,
    provider: KernelProvider,
    outputs: CellOutputsShown | None,
) -> Ending:
    """Run a notebook.

    Args:
        args: The options of the command.
        screen: Shows the progress.
        provider: Starts the kernel.
        outputs: Shows the outputs. None if the outputs are only saved.
    """
    try:
        request = RunRequest.of(
            args.file,
            provider,  # type: ignore[arg-type]  # all our providers list their kernels
            None if args.output == "-" else args.output,
            _parameters(args),
            None,  # no secret parameters
            _options(args, screen, outputs),
        )
        notebook = request.run(Interruption())
        ending = Ending.of_exit(0)
    except NotebookError as exc:
        notebook, ending = exc.notebook, _ending(exc)
        screen.clear()
        if outputs is None and exc.traceback:
            screen.line(exc.traceback, to_err=True)
        screen.note(str(exc))
    if args.output == "-":
        screen.clear()
        screen.line(file_text(notebook))
    return ending


def _options(
    args: argparse.Namespace, screen: Screen, outputs: CellOutputsShown | None
) -> RunOptions:
    limit = None if args.timeout == math.inf else args.timeout
    return RunOptions(
        limits=RunLimits(cell_timeout=limit),
        kernel=WantedKernel(args.kernel, args.kernel_id, args.cwd, dict(args.env) or None),
        allow_errors=args.allow_errors,
        on_cell=_Progress(screen, outputs),
        repeats_captured=outputs is not None,
    )


def _ending(error: NotebookError) -> Ending:
    source = _SOURCES.get(error.status, "jkg")
    return Ending(error.exit_code, error.status, source, str(error))


@define
class _Progress:
    """Shows the progress of a run, and the outputs of each cell at its end."""

    _screen: Screen
    _outputs: CellOutputsShown | None

    def __call__(self, progress: CellProgress) -> None:
        """Show one message."""
        if progress.state != "running" and self._outputs is not None:
            self._outputs.show(progress.cell)
        number = progress.done + (progress.state == "running")
        if self._screen.can_draw:
            self._screen.draw(f"{gauge(progress.done, progress.total)} cell {number}")
        elif progress.state == "running":
            self._screen.note(f"cell {number} of {progress.total}")


def _parameters(args: argparse.Namespace) -> dict[str, Any] | None:
    given = {name: _value(text) for name, text in args.p}
    given.update(dict(args.r))
    return given or None


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
