"""The text of a notebook's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode


def file_text(notebook: NotebookNode) -> str:
    """A notebook as the text of its file, in the layout of nbformat."""
    # Imported only here, because it needs nbformat.
    from .json_text import pieces  # noqa: PLC0415

    return "".join(pieces(notebook))
