"""The file of a session, saved so that neither a reader nor a kill meets half of it."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Union

from attrs import define, field

from .errors import JkgError
from .protocol.result import ExecutionResult
from .protocol.session import Session
from .protocol.session_notebook import notebook_text

_log = logging.getLogger("jkg_client")

_SHARE = 20
"""Saving takes one part in so many of the time: else a long session is all saving."""


_UNKNOWN = ExecutionResult(status="error")


def save_session(session: Session, path: str | os.PathLike[str]) -> None:
    """Write ``session`` to ``path`` as a notebook; a file that is there is replaced as a whole.

    Raises:
        OSError: It could not be written; a file that was there is as it was.
    """
    real = Path(os.path.realpath(path))
    part = real.with_name(f".{real.stem[:50]}-{uuid.uuid4().hex}.tmp")
    try:
        with part.open("x", encoding="utf-8", newline="\n") as stream:
            stream.writelines(notebook_text(session))
        with contextlib.suppress(FileNotFoundError):
            part.chmod(stat.S_IMODE(real.stat().st_mode))
        part.replace(real)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def run_kept(
    session: Session | None, code: str, run: Callable[[], ExecutionResult]
) -> ExecutionResult:
    """Run ``code`` by calling ``run``, and keep it in ``session`` with its result.

    Of an exception the session keeps the partial result. None as session keeps nothing.
    """
    if session is None:
        return run()
    try:
        result = run()
    except BaseException as exc:
        # Of Ctrl-C nothing is known but that the code was run.
        known = exc.result if isinstance(exc, JkgError) else None
        session.ran(code, known if isinstance(known, ExecutionResult) else _UNKNOWN)
        raise
    session.ran(code, result)
    return result


@define(eq=False)
class SessionFile:
    """A file that follows a session.

    Attributes:
        session: The session.
        path: Of the file; None for none.
        now: What time it is, in seconds.
    """

    session: Session
    path: Path | None
    now: Callable[[], float] = time.monotonic
    _not_before: float = field(default=float("-inf"), init=False)
    _is_saved: bool = field(default=True, init=False)

    def changed(self) -> None:
        """Save, unless that was done a moment ago; a failure is only logged."""
        self._is_saved = False
        if self.path is not None and self.now() >= self._not_before:
            self.finish()

    def finish(self) -> None:
        """Save what has changed since; a failure is only logged."""
        if self.path is None or self._is_saved:
            return
        begun = self.now()
        try:
            save_session(self.session, self.path)
            self._is_saved = True
        except OSError as exc:
            _log.warning("the session could not be saved: %s", exc)
        ended = self.now()
        self._not_before = ended + (ended - begun) * _SHARE


NotebookOption = Union[str, "os.PathLike[str]", SessionFile, None]
"""Where executors keep their session: a path, or a file that another one has kept before."""


def session_file_of(notebook: NotebookOption, kernel_name: str = "") -> SessionFile:
    """The file of an executor's session; without a path for None.

    Raises:
        ValueError: There is no folder for it.
    """
    if isinstance(notebook, SessionFile):
        return notebook
    return SessionFile(Session(kernel_name=kernel_name), _checked(notebook))


def _checked(path: object) -> Path | None:
    if path is None:
        return None
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise ValueError(f"notebook must be the path of a file, not {path!r}")
    file = Path(os.path.realpath(path))
    if not file.parent.is_dir():
        raise ValueError(f"notebook: there is no folder {file.parent}")
    if file.is_dir():
        raise ValueError(f"notebook: {file} is a folder")
    return file
