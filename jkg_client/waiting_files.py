"""Reads and writes pipes that another process has set to non-blocking.

The flag ``O_NONBLOCK`` belongs to all processes that share a pipe. Children of asyncio or Node can
inherit such a pipe. With Python's own files, an empty pipe then looks like the end of the input,
and a full pipe loses output. The flag is not removed here, because the other process needs it.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from typing import Any, BinaryIO

_PAUSE = 1.0
"""Longest wait in seconds. It is then repeated, because a signal just before it does not end it."""


class WaitingReader(io.FileIO):
    """A file that waits for data, even if its descriptor is non-blocking."""

    # The methods of FileIO do not call ``readinto``.

    def read(self, size: int | None = -1, /) -> bytes:
        """At most ``size`` bytes; all data up to the end for -1 and None."""
        return io.RawIOBase.read(self, -1 if size is None else size) or b""

    def readall(self) -> bytes:
        """All data up to the end."""
        return io.RawIOBase.readall(self)

    def readinto(self, buffer: Any) -> int:
        """Wait for data, and return how many bytes were read. 0 at the end."""
        while (count := super().readinto(buffer)) is None:
            select.select([self], [], [], _PAUSE)
        return count


class WaitingWriter(io.BufferedWriter):
    """A buffer that waits for space, even if the descriptor of its file is non-blocking.

    The file below must not be written in Python: if a signal raises an exception there, the buffer
    does not learn what was written, and writes it again.
    """

    def write(self, data: Any) -> int:
        """Write all data to the buffer."""
        rest = memoryview(data)
        while True:
            try:
                super().write(rest)
                return len(data)
            except BlockingIOError as exc:
                rest = rest[exc.characters_written :]
            select.select([], [self], [], _PAUSE)

    def flush(self) -> None:
        """Write the whole buffer to the file."""
        while True:
            with contextlib.suppress(BlockingIOError):
                return super().flush()
            select.select([], [self], [], _PAUSE)


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
            if fd != 0:
                stream.flush()  # what the program has printed comes first
            setattr(sys, name, _waiting(stream, fd))


def _waiting(stream: io.TextIOWrapper, fd: int) -> io.TextIOWrapper:
    buffer: BinaryIO
    if fd == 0:
        buffer = io.BufferedReader(WaitingReader(fd, "rb", closefd=False))
    else:
        buffer = WaitingWriter(io.FileIO(fd, "wb", closefd=False))
    return io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors=stream.errors,
        # With ``python -u``, Python's own stream has no buffer.
        line_buffering=stream.line_buffering or stream.write_through,
    )
