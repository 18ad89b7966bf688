"""Papermill's record of a run: status of the cells, progress bar, and saving."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from nbformat import NotebookNode
from papermill.engines import NotebookExecutionManager

from .documents import SKIP, code_cells, has_tag, is_run
from .papermill_output import PapermillOutput

_SHARE = 20
"""Saving takes at most 1/20 of the time."""


class ExecutionManager(NotebookExecutionManager):  # type: ignore[misc]  # papermill has no types
    """Papermill's manager, but cells that did not run stay ``pending``, and saving is limited.

    Args:
        notebook: The notebook.
        output: Destination of the notebook. None if it is not saved.
        options: ``progress_bar``, ``log_output`` and ``autosave_cell_every`` of papermill.
    """

    def __init__(
        self, notebook: NotebookNode, output: PapermillOutput | None, **options: Any
    ) -> None:
        if not _is_watched():
            options["progress_bar"] = False
        super().__init__(notebook, None, **options)
        self._output = output
        self._settle: Callable[[], None] = lambda: None
        self.last_save_time: datetime = self.now()
        self._saving = 0.0  # duration of the last save, in seconds
        self._is_complete = False

    def settle_by(self, settle: Callable[[], None]) -> None:
        """Call ``settle`` before each save, to bring the notebook up to date."""
        self._settle = settle

    def save(self, **_: Any) -> None:
        """Save the notebook, unless recent saves have taken much of the time."""
        passed = (self.now() - self.last_save_time).total_seconds()
        if self._output is None or (passed < self._saving * _SHARE and not self._is_complete):
            return
        begun = self.now()
        self._settle()
        self._output.save(self.nb)
        self.last_save_time = self.now()
        self._saving = (self.last_save_time - begun).total_seconds()

    def notebook_start(self, **kwargs: Any) -> None:
        """Clear the outputs of earlier runs, except for skipped cells."""
        kept = [
            (cell, cell.outputs, cell.execution_count)
            for cell in code_cells(self.nb)
            if has_tag(cell, SKIP)
        ]
        output, self._output = self._output, None
        super().notebook_start(**kwargs)
        for cell, outputs, count in kept:
            cell.outputs, cell.execution_count = outputs, count
        self.nb.metadata.papermill["parameters"] = _strict(
            self.nb.metadata.papermill.get("parameters", {})
        )
        self._output = output
        self.save()

    def cell_complete(self, cell: NotebookNode, cell_index: int = 0, **kwargs: Any) -> None:
        """A cell has ended. The progress bar also counts the cells without code before it."""
        if self.pbar:
            self.pbar.n = cell_index
        super().cell_complete(cell, cell_index, **kwargs)

    def notebook_complete(self, **_: Any) -> None:
        """No cell is running any more. Save the notebook."""
        self.end_time = self.now()
        papermill = self.nb.metadata.papermill
        papermill["end_time"] = self.end_time.isoformat()
        papermill["duration"] = (self.end_time - self.start_time).total_seconds()
        is_failed = papermill.get("exception") is True
        for cell in self.nb.cells:
            if cell.cell_type != "code":
                # Papermill needs these marks only while the notebook runs.
                cell.metadata.pop("papermill", None)
                if not cell.metadata.get("tags"):
                    cell.metadata.pop("tags", None)
            elif not is_failed and not is_run(cell):
                cell.metadata.papermill["status"] = self.COMPLETED
        self.cleanup_pbar()
        self._is_complete = True
        self.save()

    def fail(self) -> None:
        """Record that the run has failed."""
        self.nb.metadata.papermill["exception"] = True


def _is_watched() -> bool:
    """Whether a progress bar is visible: on a terminal or in a notebook."""
    kernel = type(sys.stderr).__module__.startswith("ipykernel")
    return kernel or (sys.stderr is not None and sys.stderr.isatty())


def _strict(value: Any) -> Any:
    """``value`` without NaN and infinity, because Jupyter accepts only strict JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _strict(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return value
