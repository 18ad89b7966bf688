"""Where papermill writes a notebook: atomically, and never to nowhere."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from attrs import define, field
from nbformat import NotebookNode
from papermill.iorw import LocalHandler, papermill_io

from .saving import NotebookFile, replace_text

_log = logging.getLogger("jkg_client")


class ExpectedError(NotebookNode):
    """An exception in a cell that may fail: papermill must not take it for a failure of the run.

    It looks at the attribute ``output_type``; what is saved is the item of that name.
    """

    @property
    def output_type(self) -> str:
        """Not ``error``, as long as papermill looks for one."""
        return "expected_error"


@define(eq=False)
class PapermillOutput:
    """Takes the place of papermill's own handler for one output path.

    Papermill writes the last state of a notebook after the engine has returned.

    Attributes:
        path: As papermill has it.
        file: The local file; None if it is somewhere else.
    """

    path: str
    file: NotebookFile | None
    _inner: Any
    _hidden: list[list[NotebookNode]] = field(factory=list, init=False)

    @classmethod
    def at(cls, path: str) -> PapermillOutput:
        """The handler for ``path``, known to papermill from now on.

        Raises:
            ValueError: The folder does not exist.
        """
        inner, file = papermill_io.get_handler(path), None
        if isinstance(inner, LocalHandler):
            # Papermill has changed the directory; the path is relative to the one before.
            before = inner.cwd(None)
            inner.cwd(before)
            file = NotebookFile.at(Path(before or ".") / path)
        elif isinstance(inner, cls):
            inner, file = inner._inner, inner.file  # noqa: SLF001 - it is one of us
        output = cls(path, file, inner)
        papermill_io.register(path, output)
        return output

    def hide(self, notebook: NotebookNode, failed: int | None) -> None:
        """Let papermill not see the exceptions of cells that may fail."""
        for index, cell in enumerate(notebook.cells):
            if index != failed and "outputs" in cell:
                _exchange(cell.outputs, ExpectedError)
                self._hidden.append(cell.outputs)

    def save(self, notebook: NotebookNode) -> None:
        """Save a state of the notebook; what cannot be uploaded is kept on this machine."""
        if self.file is not None:
            self.file.save(notebook)
        else:
            self._upload(nbformat.writes(notebook))

    def write(self, buf: str, path: str) -> None:
        """What papermill calls at the end."""
        for outputs in self._hidden:
            _exchange(outputs, NotebookNode)
        self._hidden.clear()
        if path != self.path:
            self._inner.write(buf, path)
        elif self.file is not None:
            replace_text(self.file.path, [buf])
        else:
            self._upload(buf)

    def read(self, path: str) -> Any:
        """As papermill's own handler."""
        return self._inner.read(path)

    def listdir(self, path: str) -> Any:
        """As papermill's own handler."""
        return self._inner.listdir(path)

    def pretty_path(self, path: str) -> Any:
        """As papermill's own handler."""
        return self._inner.pretty_path(path)

    def _upload(self, text: str) -> None:
        try:
            self._inner.write(text, self.path)
        except BaseException:
            kept = Path(tempfile.mkdtemp(prefix="jkg-")) / "notebook.ipynb"
            kept.write_text(text, encoding="utf-8")
            _log.warning("%s could not be written; the notebook is in %s", self.path, kept)
            raise


def _exchange(outputs: list[NotebookNode], kind: type[NotebookNode]) -> None:
    """Have exceptions among outputs as nodes of another class."""
    outputs[:] = [kind(node) if node["output_type"] == "error" else node for node in outputs]
