"""Runs the cells of one notebook in order, up to the first that fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from attrs import define, evolve, field
from nbformat import NotebookNode

from ..client.deadline import Deadline
from ..errors import JkgError
from ..protocol.result import Truncation
from .cell_end import CellEnd, interrupted_by
from .documents import RAISES, has_tag, is_run
from .interruption import Interruption
from .kernel import NotebookKernel
from .options import RunOptions, limit_of
from .outputs import CellOutputs


class Observer(Protocol):
    """Gets the events of a run, and saves the notebook."""

    def began(self, index: int) -> None:
        """A cell begins."""

    def ended(self, index: int, end: CellEnd) -> None:
        """A cell has ended."""


@define(eq=False)
class CellRun:
    """Runs the cells of a notebook.

    Attributes:
        notebook: The notebook. Its cells are changed.
        kernel: The kernel.
        options: Options of the run.
        code: Code to run instead of the saved code, by index of the cell.
        observer: Gets the events of the run.
        interruption: Allows another thread to end the run.
        failed: Index of the failed cell, and how it ended. None while no cell has failed.
        incomplete: Index of the first cell with lost output, and how much was lost. None if no
            output was lost.
    """

    notebook: NotebookNode
    kernel: NotebookKernel
    options: RunOptions
    code: Mapping[int, str]
    observer: Observer
    interruption: Interruption
    failed: tuple[int, CellEnd] | None = field(default=None, init=False)
    incomplete: tuple[int, Truncation] | None = field(default=None, init=False)

    def run(self) -> None:
        """Run the cells. ``failed`` says which cell stopped the run.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed, or another thread has interrupted the run.
        """
        whole = Deadline(self.options.limits.timeout)
        for index, cell in enumerate(self.notebook.cells):
            if not is_run(cell):
                continue
            self._check_interruption()
            if not self._goes_on(index, self._run(index, whole)):
                break
        self._check_interruption()

    def _run(self, index: int, whole: Deadline) -> CellEnd:
        cell = self.notebook.cells[index]
        outputs = self.kernel.outputs.begin(cell)
        self.observer.began(index)
        try:
            end = self._end(outputs, self.code.get(index, cell.source), whole)
        except BaseException as exc:
            # Ctrl-C, or a callback failed.
            failure = interrupted_by(exc)
            outputs.fail(failure)
            self.observer.ended(index, CellEnd("error", failure))
            raise
        if end.status == "timeout":
            outputs.retract_interrupt()
        if end.failure is not None:
            outputs.fail(end.failure)
        self._tell_loss(index, outputs, end)
        self.observer.ended(index, end)
        return end

    def _end(self, outputs: CellOutputs, code: str, whole: Deadline) -> CellEnd:
        limit = self._limit(outputs.cell["metadata"])
        left, words = limit, _words(limit, "it")
        whole_left = whole.left()
        if whole_left is not None and (limit is None or whole_left < limit):
            left, words = whole_left, _words(self.options.limits.timeout, "the notebook")
        if left is not None and left <= 0:
            return CellEnd.of_limit(words)
        try:
            result = self.kernel.run(outputs, code, left, self.options.on_input)
        except JkgError as exc:
            return CellEnd.of_exception(exc)
        return CellEnd.of_result(result, words)

    def _limit(self, metadata: Mapping[str, object]) -> float | None:
        own = limit_of(metadata)
        if own is not None:
            # Use the first limit that is set: that of the cell, of the caller, or of the notebook.
            return own
        given = self.options.limits.cell_timeout
        return given if given is not None else limit_of(self.notebook.metadata)

    def _tell_loss(self, index: int, outputs: CellOutputs, end: CellEnd) -> None:
        lost = evolve(end.lost, characters=outputs.outputs.dropped)
        if lost != Truncation():
            outputs.outputs.note(f"Note: output is missing: {lost}.")
            self.incomplete = self.incomplete or (index, lost)

    def _goes_on(self, index: int, end: CellEnd) -> bool:
        if end.status == "ok":
            # exit() and sys.exit(0) end the notebook, as they end a script.
            return end.exit_code is None
        is_allowed = self.options.allow_errors or has_tag(self.notebook.cells[index], RAISES)
        if end.status == "error" and is_allowed:
            return True
        self.failed = index, end
        return False

    def _check_interruption(self) -> None:
        if self.interruption.is_requested:
            raise KeyboardInterrupt


def _words(seconds: float | None, whose: str) -> str:
    return f"the limit of {seconds or 0:g} seconds for {whose}"
