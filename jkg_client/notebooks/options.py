"""What a run of a notebook was asked for, checked before anything happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from nbformat import NotebookNode

from ..client import arguments
from ..client.callbacks import OnInput
from ..client.timeouts import TIMEOUTS, Timeouts


@frozen
class CellProgress:
    """A cell of a run begins, or has ended.

    Attributes:
        state: ``running``, ``ok``, ``error``, ``timeout`` or ``died``.
        cell: The cell, as far as it ran.
        index: Where it is in ``notebook.cells``.
        done: Number of code cells that have ended.
        total: Number of code cells that are to run.
    """

    state: str
    cell: NotebookNode
    index: int
    done: int
    total: int


OnCell = Callable[[CellProgress], None]


@frozen(kw_only=True)
class RunOptions:
    """How a notebook is run; ``run_notebook`` describes each."""

    timeout: float | None = None
    cell_timeout: float | None = None
    start_timeout: float = 60.0
    final_wait: float = 0.0
    allow_errors: bool = False
    kernel_name: str | None = None
    kernel_id: str | None = None
    cwd: str | None = None
    env: Mapping[str, str] | None = None
    max_output: int | None = None
    on_cell: OnCell | None = None
    on_input: OnInput | None = None
    timeouts: Timeouts = TIMEOUTS

    def check(self) -> None:
        """Raise ValueError, which names the argument, unless all of it makes sense."""
        for name in ("timeout", "cell_timeout"):
            arguments.optional_seconds(name, getattr(self, name))
        arguments.seconds("start_timeout", self.start_timeout)
        if self.final_wait != 0:
            arguments.seconds("final_wait", self.final_wait)
        for name in ("kernel_name", "kernel_id"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and value):
                raise ValueError(f"{name} must be a name or None, not {value!r:.200}")
        arguments.words("env", self.env)
        if self.max_output is not None:
            arguments.at_least("max_output", self.max_output, 1)
        arguments.callback("on_cell", self.on_cell)
        arguments.callback("on_input", self.on_input)
        arguments.instance("timeouts", self.timeouts, Timeouts)
        if self.kernel_id is not None and (self.kernel_name is not None or self.env):
            raise ValueError("kernel_id names a kernel that runs: it takes no kernel_name or env")


def folder_of(cwd: object) -> str | None:
    """A working directory as text.

    Raises:
        ValueError: It is no path.
    """
    return None if cwd is None else str(arguments.folder("cwd", cwd))


def limit_of(metadata: Mapping[str, Any]) -> float | None:
    """The time limit that metadata name for cells, as ``{"execution": {"timeout": 30}}`` does."""
    execution = metadata.get("execution")
    seconds = execution.get("timeout") if isinstance(execution, dict) else None
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        return None
    return float(seconds) if seconds > 0 else None


def local_folder(cwd: str | None) -> Path | None:
    """A folder of this machine.

    Raises:
        ValueError: It does not exist.
    """
    if cwd is None:
        return None
    folder = Path(cwd).absolute()
    if not folder.is_dir():
        raise ValueError(f"cwd: there is no folder {folder}")
    return folder
