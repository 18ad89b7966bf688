"""Saves a notebook while it runs, and reports its cells to the caller."""

from __future__ import annotations

from attrs import define, field
from nbformat import NotebookNode

from ..protocol.messages import Message
from .cell_end import CellEnd
from .documents import is_run
from .options import CellProgress, OnCell
from .outputs import NotebookOutputs
from .saving import NotebookFile

_PAUSE = 2.0
"""Seconds between two saves while a cell is running."""


@define(eq=False)
class FileObserver:
    """Saves a notebook while it runs, and reports its cells to the caller.

    Attributes:
        notebook: The notebook.
        file: The file of the notebook. None for no file.
        on_cell: Function of the caller.
    """

    notebook: NotebookNode
    file: NotebookFile | None = None
    on_cell: OnCell | None = None
    _outputs: NotebookOutputs | None = field(default=None, init=False)
    _done: int = field(default=0, init=False)
    _is_changed: bool = field(default=False, init=False)

    def starts(self, outputs: NotebookOutputs) -> None:
        """The run is about to start a kernel. ``outputs`` receives its messages."""
        self._outputs = outputs
        if self.file is not None:
            self.file.save(self.notebook)

    def began(self, index: int) -> None:
        """A cell begins."""
        self._is_changed = True
        self._tell("running", index)

    def heard(self, message: Message) -> None:  # noqa: ARG002 - the notebook has it already
        """A message has answered a cell."""
        self._is_changed = True

    def paused(self) -> None:
        """A message has arrived, or no message for a while."""
        self._save_if_due(_PAUSE)

    def ended(self, index: int, end: CellEnd) -> None:
        """A cell has ended."""
        self._done += 1
        self._is_changed = True
        self._save_if_due()
        self._tell(end.status, index)

    def finished(self) -> None:
        """No cell is running any more. Save the notebook, even if that takes long."""
        self._settle()
        if self.file is not None:
            self.file.save(self.notebook)

    def _save_if_due(self, pause: float = 0.0) -> None:
        if self.file is not None and self._is_changed and self.file.is_due(pause):
            self._settle()
            self._is_changed = False
            self.file.try_to_save(self.notebook)

    def _settle(self) -> None:
        if self._outputs is not None:
            settle(self.notebook, self._outputs)

    def _tell(self, state: str, index: int) -> None:
        if self.on_cell is not None:
            total = sum(map(is_run, self.notebook.cells))
            cell = self.notebook.cells[index]
            self.on_cell(CellProgress(state, cell, index, self._done, total))


def settle(notebook: NotebookNode, outputs: NotebookOutputs) -> None:
    """Bring the notebook up to date with all received messages."""
    outputs.settle()
    outputs.widgets.save_into(notebook.metadata)
