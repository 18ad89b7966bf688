"""Saves a session as a notebook file. The file is always complete, even after a kill."""

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
"""Saving takes at most 1/20 of the time. Otherwise, a long session would spend most time on it."""


_UNKNOWN = ExecutionResult(status="error")


def real_path(name: str, path: object) -> Path:
    """The path of a file, without symbolic links.

    Raises:
        ValueError: ``path`` is not a path. The message names the argument ``name``.
    """
    given = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(given, str) or not given:
        raise ValueError(f"{name} must be the path of a file, not {path!r:.200}")
    return Path(os.path.realpath(given))


def save_session(session: Session, path: str | os.PathLike[str]) -> None:
    """Write ``session`` to ``path`` as a notebook. An existing file is replaced as a whole.

    Raises:
        OSError: The file cannot be written. An existing file is unchanged.
        ValueError: ``path`` is not a path.
    """
    real = real_path("path", path)
    part = real.with_name(f".{real.stem[:50]}-{uuid.uuid4().hex}.tmp")
    try:
        with part.open("x", encoding="utf-8", newline="\n") as stream:
            stream.writelines(notebook_text(session))
        with contextlib.suppress(FileNotFoundError):
            part.chmod(stat.S_IMODE(real.stat().st_mode))
        part.replace(real)
    except BaseException as exc:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(exc, OSError) and exc.errno is not None:
            # The error names the temporary file, which the caller does not know.
            raise OSError(exc.errno, exc.strerror, str(path)) from exc
        raise


def run_kept(
    session: Session | None, code: str, run: Callable[[], ExecutionResult]
) -> ExecutionResult:
    """Run ``code`` by calling ``run``. Add the code and its result to ``session``.

    After an exception, the session keeps the partial result in the exception. If ``session`` is
    None, nothing is kept.
    """
    if session is None:
        return run()
    try:
        result = run()
    except BaseException as exc:
        # Ctrl-C has no partial result.
        known = exc.result if isinstance(exc, JkgError) else None
        session.ran(code, known if isinstance(known, ExecutionResult) else _UNKNOWN)
        raise
    session.ran(code, result)
    return result


@define(eq=False)
class SessionFile:
    """A file that is kept up to date with a session.

    Attributes:
        session: The session.
        path: Path of the file. None for no file.
        now: Clock, in seconds.
    """

    session: Session
    path: Path | None
    now: Callable[[], float] = time.monotonic
    _not_before: float = field(default=float("-inf"), init=False)
    _is_saved: bool = field(default=True, init=False)

    def changed(self) -> None:
        """Save the session, unless it was saved a moment ago. A failure is only logged."""
        self._is_saved = False
        if self.path is not None and self.now() >= self._not_before:
            self.finish()

    def finish(self) -> None:
        """Save the session if it has changed. A failure is only logged."""
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
"""The path of a notebook file, or the session file of another executor, which is continued."""


def session_file_of(notebook: NotebookOption, kernel_name: str = "") -> SessionFile:
    """The session file of an executor. It has no path if ``notebook`` is None.

    Raises:
        ValueError: The path is a folder, or its parent folder does not exist.
    """
    if isinstance(notebook, SessionFile):
        return notebook
    return SessionFile(Session(kernel_name=kernel_name), _checked(notebook))


def _checked(path: object) -> Path | None:
    if path is None:
        return None
    file = real_path("notebook", path)
    if not file.parent.is_dir():
        raise ValueError(f"notebook: there is no folder {file.parent}")
    if file.is_dir():
        raise ValueError(f"notebook: {file} is a folder")
    return file
