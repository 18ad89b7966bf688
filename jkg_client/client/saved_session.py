"""A base class for clients and executors that save their session as a notebook."""

from __future__ import annotations

import os

from ..session_file import SessionFile, real_path, save_session
from . import arguments


class SavesSession:
    """Saves the session in ``_session_file`` as a notebook."""

    _session_file: SessionFile

    def save_notebook(self, path: str | os.PathLike[str]) -> None:
        """Save all code that was run, with its outputs, as a notebook at ``path``.

        This also works after ``stop``. An existing file is replaced. Code that was run silently or
        with ``store_history=False`` is omitted.

        Raises:
            OSError: The file cannot be written. An existing file is unchanged.
        """
        file = real_path("path", path)
        self._complete_session()
        save_session(self._session_file.session, file)

    def add_markdown(self, text: str) -> None:
        """Put ``text`` in Markdown into the saved notebook, before the next code."""
        arguments.text("text", text)
        self._session_file.session.remark(text)
        self._session_file.changed()

    def _complete_session(self) -> None:
        """Find out the notebook's metadata about the kernel, unless it is known."""
