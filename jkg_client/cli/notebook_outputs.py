"""Shows the outputs of a notebook's cells in the same way as the outputs of other code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field

from ..pages.notebook import NotebookPage
from ..protocol.outputs import Display, Failure, Output, Stream
from ..protocol.values import text_of
from ..rendering import into, render
from .saved_files import announce_files
from .screen import Screen
from .shown import Shown


@define(eq=False)
class CellOutputsShown:
    """Shows the outputs of cells that have ended, and saves their images and pages.

    Attributes:
        screen: Shows messages of the command.
        shown: Shows the outputs.
        folder: Folder for images and pages. None to save none.
    """

    screen: Screen
    shown: Shown
    folder: Path | None
    _page: NotebookPage = field(factory=NotebookPage, init=False)

    def show(self, cell: Mapping[str, Any]) -> None:
        """Show all outputs of a cell."""
        outputs = [_output(node) for node in cell["outputs"]]
        for output in outputs:
            self.shown(output)
        self.shown.settle()
        if self.folder is not None:
            kept = self._not_drawn(outputs)
            pieces = render(kept, into(self.folder), self._page).pieces
            announce_files(pieces, self.shown, self.screen)

    def _not_drawn(self, outputs: list[Output]) -> Iterator[Output]:
        for output in outputs:
            if not (isinstance(output, Display) and self.shown.is_drawn(output)):
                yield output


def _output(node: Mapping[str, Any]) -> Output:
    """An output in the format of a notebook as an ``Output``."""
    kind = node["output_type"]
    if kind == "stream":
        return Stream(node["name"], text_of(node["text"]))
    if kind == "error":
        return Failure(node["ename"], node["evalue"], tuple(node["traceback"]))
    count = node["execution_count"] if kind == "execute_result" else None
    return Display(node["data"], node["metadata"], execution_count=count)
