"""The cells that a client has run, so that they can be saved as a notebook.

Keeping a result takes almost no time. Results are converted to cells when the session is saved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Union

from attrs import define, evolve, field, frozen

from .messages import Json
from .outputs import Output, Stream
from .result import ExecutionResult
from .shortening import dropped_here, weight
from .values import Display, Failure

MAX_SESSION = 2**26
"""Number of characters of a session that are kept, in addition to the last cell."""

_CELL = 1000
"""Number of characters that each cell counts in addition to its text."""


@frozen
class RanCode:
    """A cell of code.

    Attributes:
        number: Place of the cell in the session, from 1.
        code: The code.
        outputs: Outputs of the cell, including the outputs after its end.
        execution_count: The number in ``In [n]``. None if the cell has none.
        size: Number of characters in code and outputs.
    """

    number: int
    code: str
    outputs: tuple[Output, ...] = ()
    execution_count: int | None = None
    size: int = 0


@frozen
class Remark:
    """Text in Markdown between cells of code.

    Attributes:
        number: Place of the text in the session, from 1.
        text: The text.
        size: Number of its characters.
    """

    number: int
    text: str
    size: int = 0


SessionCell = Union[RanCode, Remark]


@define(eq=False)
class Session:
    """The cells of a session. Beyond ``limit``, the oldest outputs are dropped, then cells.

    Attributes:
        limit: Characters to keep, in addition to the last cell.
        kernel_name: Name of the kernel. Empty if it is unknown.
        language_info: The ``language_info`` of the kernel.
        forgotten: Number of cells that were dropped.
    """

    limit: int = MAX_SESSION
    kernel_name: str = ""
    language_info: Json = field(factory=dict)
    forgotten: int = field(default=0, init=False)
    _cells: deque[SessionCell] = field(factory=deque, init=False)
    _size: int = field(default=0, init=False)
    _emptied: int = field(default=0, init=False)  # first cells, whose outputs were dropped

    def __iter__(self) -> Iterator[SessionCell]:
        return iter(tuple(self._cells))

    def ran(self, code: str, result: ExecutionResult) -> None:
        """Add a cell and its result."""
        if result.late_outputs:
            self._end_earlier(result.late_outputs)
        outputs = (*result.outputs, *_remarks(result))
        size = _CELL + len(code) + sum(map(_size_of, outputs))
        self._add(RanCode(self._next, code, outputs, result.execution_count, size))

    def remark(self, text: str) -> None:
        """Add text in Markdown."""
        self._add(Remark(self._next, text, _CELL + len(text)))

    @property
    def _next(self) -> int:
        return self.forgotten + len(self._cells) + 1

    def _add(self, cell: SessionCell) -> None:
        self._cells.append(cell)
        self._size += cell.size
        while self._size > self.limit and self._emptied < len(self._cells) - 1:
            self._empty(self._emptied)
            self._emptied += 1
        while self._size > self.limit and len(self._cells) > 1:
            self._size -= self._cells.popleft().size
            self._emptied = max(0, self._emptied - 1)
            self.forgotten += 1

    def _empty(self, place: int) -> None:
        cell = self._cells[place]
        if isinstance(cell, RanCode) and cell.outputs:
            size = _CELL + len(cell.code)
            gone = Stream("stderr", dropped_here(cell.size - size))
            self._cells[place] = evolve(cell, outputs=(gone,), size=size)
            self._size -= cell.size - size

    def _end_earlier(self, outputs: tuple[Output, ...]) -> None:
        """Add late outputs to the last cell, because it is unknown which cell they belong to."""
        for place in range(len(self._cells) - 1, -1, -1):
            cell = self._cells[place]
            if isinstance(cell, RanCode):
                more = sum(map(_size_of, outputs))
                self._size += more
                shown = (*cell.outputs, *outputs)
                self._cells[place] = evolve(cell, outputs=shown, size=cell.size + more)
                return


def _remarks(result: ExecutionResult) -> Iterable[Output]:
    """Outputs that explain the end of the cell, if its own outputs do not."""
    if result.truncated is not None and not result.truncated.characters:
        yield Stream("stderr", f"[{result.truncated}]\n")
    if result.status in _ENDS:
        name, text = _ENDS[result.status]
        yield Failure(name, text, (f"{name}: {text}",))


_ENDS = {
    "timeout": ("ExecutionTimeout", "the cell exceeded its time limit"),
    "died": ("KernelDied", "the kernel died while the cell ran"),
    "aborted": ("NotRun", "the cell did not run because an earlier one failed"),
}


def _size_of(output: Output) -> int:
    if isinstance(output, Stream):
        return len(output.text)
    if isinstance(output, Display):
        return sum(map(weight, output.data.values())) + weight(output.metadata)
    return len(output.evalue) + sum(map(len, output.traceback))
