"""The options of a run, which are checked before it begins."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from ..client import arguments
from ..client.callbacks import OnInput
from ..client.timeouts import TIMEOUTS, Timeouts

if TYPE_CHECKING:
    from nbformat import NotebookNode


@frozen
class CellProgress:
    """Progress of a run: a cell begins or has ended.

    Attributes:
        state: ``running``, ``ok``, ``error``, ``timeout`` or ``died``.
        cell: The cell with its outputs so far.
        index: Position of the cell in ``notebook.cells``.
        done: Number of code cells that have ended.
        total: Number of code cells to run.
    """

    state: str
    cell: NotebookNode
    index: int
    done: int
    total: int


OnCell = Callable[[CellProgress], None]


@frozen
class RunLimits:
    """Time limits of a run, in seconds. ``run_notebook`` describes them."""

    timeout: float | None = None
    cell_timeout: float | None = None
    start_timeout: float = 60.0
    final_wait: float = 0.0

    def check(self) -> None:
        """Raise a ValueError with the name of the argument if a limit is wrong."""
        arguments.optional_seconds("timeout", self.timeout)
        arguments.optional_seconds("cell_timeout", self.cell_timeout)
        arguments.seconds("start_timeout", self.start_timeout)
        if self.final_wait != 0:
            arguments.seconds("final_wait", self.final_wait)


@frozen
class WantedKernel:
    """The kernel for a run. ``run_notebook`` describes the options."""

    name: str | None = None
    id: str | None = None
    cwd: str | os.PathLike[str] | None = None
    env: Mapping[str, str] | None = field(default=None, repr=False)

    def check(self) -> None:
        """Raise a ValueError with the name of the argument if an option is wrong."""
        for name, value in (("kernel_name", self.name), ("kernel_id", self.id)):
            if value is not None and not (isinstance(value, str) and value):
                raise ValueError(f"{name} must be a name or None, not {value!r:.200}")
        arguments.optional_path("cwd", self.cwd)
        arguments.variables("env", self.env)
        if self.id is not None and (self.name is not None or self.env):
            raise ValueError("kernel_id is for a running kernel: omit kernel_name and env")


@frozen
class RunOptions:
    """All options of a run. ``run_notebook`` describes them, except for ``repeats_captured``.

    Attributes:
        repeats_captured: As in ``NotebookOutputs``.
    """

    limits: RunLimits = RunLimits()
    kernel: WantedKernel = WantedKernel()
    allow_errors: bool = False
    max_output: int | None = None
    on_cell: OnCell | None = None
    on_input: OnInput | None = None
    timeouts: Timeouts = TIMEOUTS
    repeats_captured: bool = False

    def check(self) -> None:
        """Raise a ValueError with the name of the argument if an option is wrong."""
        self.limits.check()
        self.kernel.check()
        if self.max_output is not None:
            arguments.at_least("max_output", self.max_output, 1)
        arguments.flag("allow_errors", self.allow_errors)
        arguments.each(arguments.callback, on_cell=self.on_cell, on_input=self.on_input)
        arguments.instance("timeouts", self.timeouts, Timeouts)


def limit_of(metadata: Mapping[str, Any]) -> float | None:
    """The time limit in metadata such as ``{"execution": {"timeout": 30}}``, or None."""
    execution = metadata.get("execution")
    seconds = execution.get("timeout") if isinstance(execution, dict) else None
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        return None
    return float(seconds) if seconds > 0 else None


def local_folder(cwd: str | os.PathLike[str] | None) -> Path | None:
    """A folder of this machine.

    Raises:
        ValueError: The folder does not exist.
    """
    if cwd is None:
        return None
    folder = Path(cwd).absolute()
    if not folder.is_dir():
        raise ValueError(f"cwd: there is no folder {folder}")
    return folder
