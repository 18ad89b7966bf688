"""What runs code can save it as a notebook."""

from __future__ import annotations

import os

from ..session_file import SessionFile, save_session
from . import arguments


class SavesSession:
    """Keeps what was run in ``_session_file``."""

    _session_file: SessionFile

    def save_notebook(self, path: str | os.PathLike[str]) -> None:
        """Write all that was run, with its outputs, to ``path`` as a notebook.

        It also works after ``stop``. A file that exists is replaced as a whole. Code that was
        run silently or with ``store_history=False`` is left out.

        Raises:
            OSError: The file cannot be written. A file that existed is as it was.
        """
        self._complete_session()
        save_session(self._session_file.session, path)

    def add_markdown(self, text: str) -> None:
        """Put ``text`` in Markdown into the saved notebook, before the next code."""
        arguments.text("text", text)
        self._session_file.session.remark(text)
        self._session_file.changed()

    def _complete_session(self) -> None:
        """Find out what the notebook tells of the kernel, unless that is known."""
