"""Papermill's output handler. It writes files as a whole, and keeps a copy if an upload fails."""

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
    """An exception in a cell that may fail. Papermill must not treat it as a failure of the run.

    Papermill reads the attribute ``output_type``, but the item of that name is saved.
    """

    @property
    def output_type(self) -> str:
        """A value other than ``error``, because papermill searches for ``error``."""
        return "expected_error"


@define(eq=False)
class PapermillOutput:
    """Replaces papermill's own handler for one output path.

    Papermill writes the last state of the notebook after the engine has returned.

    Attributes:
        path: Path in the form of papermill.
        file: The local file. None for a remote path.
    """

    path: str
    file: NotebookFile | None
    _inner: Any
    _hidden: list[list[NotebookNode]] = field(factory=list, init=False)

    @classmethod
    def at(cls, path: str) -> PapermillOutput:
        """Create the handler for ``path``, and register it with papermill.

        Raises:
            ValueError: The folder does not exist.
        """
        inner, file = papermill_io.get_handler(path), None
        if isinstance(inner, LocalHandler):
            # Papermill has changed the working directory; the path is relative to the old
            # directory.
            before = inner.cwd(None)
            inner.cwd(before)
            file = NotebookFile.at(Path(before or ".") / path)
        elif isinstance(inner, cls):
            inner, file = inner._inner, inner.file  # noqa: SLF001 - of this class
        output = cls(path, file, inner)
        papermill_io.register(path, output)
        return output

    def hide(self, notebook: NotebookNode, failed: int | None) -> None:
        """Hide from papermill the exceptions of cells that may fail."""
        for index, cell in enumerate(notebook.cells):
            if index != failed and "outputs" in cell:
                _exchange(cell.outputs, ExpectedError)
                self._hidden.append(cell.outputs)

    def save(self, notebook: NotebookNode) -> None:
        """Save the notebook. If an upload fails, keep a copy on this machine."""
        if self.file is not None:
            self.file.save(notebook)
        else:
            self._upload(nbformat.writes(notebook))

    def write(self, buf: str, path: str) -> None:
        """Write the last state. Papermill calls this at the end."""
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
        """The same as papermill's own handler."""
        return self._inner.read(path)

    def listdir(self, path: str) -> Any:
        """The same as papermill's own handler."""
        return self._inner.listdir(path)

    def pretty_path(self, path: str) -> Any:
        """The same as papermill's own handler."""
        return self._inner.pretty_path(path)

    def _upload(self, text: str) -> None:
        try:
            self._inner.write(text, self.path)
        except BaseException:
            kept = Path(tempfile.mkdtemp(prefix="jkg-")) / "notebook.ipynb"
            kept.write_text(text, encoding="utf-8")
            _log.warning("cannot write %s; the notebook was saved to %s", self.path, kept)
            raise


def _exchange(outputs: list[NotebookNode], kind: type[NotebookNode]) -> None:
    """Change the class of the exceptions among the outputs."""
    outputs[:] = [kind(node) if node["output_type"] == "error" else node for node in outputs]
