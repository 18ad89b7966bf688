"""Creates the exception at the end of a failed run."""

from __future__ import annotations

from nbformat import NotebookNode

from ..errors import NotebookError, NotebookKernelDied, NotebookTimeout
from ..protocol.result import Truncation
from ..protocol.terminal import strip_ansi
from .cell_end import CellEnd

_KINDS = {"timeout": NotebookTimeout, "died": NotebookKernelDied}
_EXIT_CODES = {"timeout": 124, "died": 137, "unreachable": 125}


def error_of_cell(
    notebook: NotebookNode, index: int, number: int | None, end: CellEnd
) -> NotebookError:
    """The exception for a cell that ended the run."""
    said = end.failure.summary if end.failure is not None else "it failed"
    code = end.exit_code or _EXIT_CODES.get(end.status, 1)
    message = f"{_name(notebook, index, number)} failed: {said}"
    traceback = _traceback(notebook.cells[index])
    kind = _KINDS.get(end.status, NotebookError)
    return kind(message, end.status, notebook, index, number, traceback, code)


def error_of_loss(
    notebook: NotebookNode, index: int, number: int | None, lost: Truncation
) -> NotebookError:
    """The exception for a run whose output is incomplete."""
    message = f"{_name(notebook, index, number)} ran, but output is missing: {lost}"
    return NotebookError(message, "incomplete", notebook, index, number)


def _name(notebook: NotebookNode, index: int, number: int | None) -> str:
    count = notebook.cells[index].execution_count
    place = "the cell of the parameters" if number is None else f"the cell at index {number}"
    return place if count is None else f"{place} (In [{count}])"


def _traceback(cell: NotebookNode) -> str:
    errors = [output for output in cell.outputs if output.output_type == "error"]
    return strip_ansi("\n".join(errors[-1].traceback)) if errors else ""
