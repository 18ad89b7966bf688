"""Reads and writes pipes that another process has set to non-blocking.

The flag ``O_NONBLOCK`` belongs to all processes that share a pipe. Children of asyncio or Node can
inherit such a pipe. With Python's own files, an empty pipe then looks like the end of the input,
and a full pipe loses output. The flag is not removed here, because the other process needs it.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import Any, BinaryIO

_PAUSE = 1.0
"""Seconds after which a wait is repeated. A signal just before a wait would not end it."""


class WaitingFile(io.FileIO):
    """A file that waits for data or space, even if its descriptor is non-blocking."""

    # Those of FileIO do not call ``readinto``.
    read = io.RawIOBase.read  # type: ignore[assignment]  # FileIO also allows the size None
    readall = io.RawIOBase.readall

    def readinto(self, buffer: Any) -> int:
        """Wait for data, and return how many bytes were read. 0 at the end."""
        while (count := super().readinto(buffer)) is None:
            select.select([self], [], [], _PAUSE)
        return count

    def write(self, data: Any) -> int:
        """Wait for space, and return how many bytes were written."""
        while (count := super().write(data)) is None:
            select.select([], [self], [], _PAUSE)
        return count


def let_streams_wait() -> None:
    """Replace stdin, stdout and stderr of this process by streams that wait.

    Streams that the program itself has replaced stay as they are.
    """
    if sys.platform == "win32":
        # On Windows, ``select`` only waits for sockets.
        return
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None or stream is not getattr(sys, f"__{name}__"):
            continue
        # The other process may set the flag later. But a new stdin would lose data that the
        # program has already buffered.
        if fd != 0 or not os.get_blocking(fd):
            setattr(sys, name, _waiting(stream, fd))


def _waiting(stream: io.TextIOWrapper, fd: int) -> io.TextIOWrapper:
    file = WaitingFile(fd, "wb" if fd else "rb", closefd=False)
    buffer: BinaryIO = io.BufferedWriter(file) if fd else io.BufferedReader(file)
    return io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors=stream.errors,
        # With ``python -u``, Python's own stream has no buffer.
        line_buffering=stream.line_buffering or stream.write_through,
    )
