"""``sys.stdout`` and ``sys.stderr`` of a kernel, and the file descriptors 1 and 2.

C code, child processes and forked children write to the file descriptors. These are pipes, and
text from them is printed like other text.
"""

from __future__ import annotations

import codecs
import io
import os
import secrets
import sys
import threading
from typing import Callable

from .outbox import Outbox
from .parents import current_parent

SYNC = 1.0
"""Seconds to wait for text that was written to a file descriptor."""


class OutStream(io.TextIOBase):
    """``stdout`` or ``stderr`` of the kernel. Libraries look for the class by this name."""

    __module__ = "ipykernel.iostream"

    def __init__(self, name: str, outbox: Outbox, original: int) -> None:
        super().__init__()
        self.name = name
        self._outbox = outbox
        self._original = original
        self._pid = os.getpid()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute here
        return "UTF-8"

    def fileno(self) -> int:
        # This is the kernel's log. As in a real kernel, no client receives it.
        return self._original

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if os.getpid() != self._pid:
            # A forked child has no connection to the gateway, but it has the pipe.
            os.write({"stdout": 1, "stderr": 2}[self.name], text.encode(errors="replace"))
        else:
            self.print(text)
        return len(text)

    def print(self, text: str) -> None:
        """Print ``text``, even if the stream is closed."""
        if text:
            self._outbox.print(self.name, text, current_parent())

    def flush(self) -> None:
        if os.getpid() == self._pid:
            self._outbox.flush()


class Pipe:
    """Replaces a file descriptor, and passes the text that is written there to ``write``."""

    def __init__(self, fd: int, write: Callable[[str], object]) -> None:
        self._write = write
        self._token = b"\0" + secrets.token_hex(16).encode() + b"\0"
        self._synced = threading.Event()
        read, self._end = os.pipe()
        os.dup2(self._end, fd, inheritable=True)
        thread = threading.Thread(target=self._serve, args=(read,), name="jkg pipe", daemon=True)
        thread.start()

    def sync(self) -> None:
        """Wait until all text that was written to the pipe has been printed."""
        self._synced.clear()
        # When the token has come out of the pipe, all older text has come out, too.
        os.write(self._end, self._token)
        self._synced.wait(SYNC)

    def _serve(self, read: int) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        waiting = b""
        while True:
            waiting += os.read(read, 65536)
            before, token, rest = waiting.partition(self._token)
            while token:
                self._write(decoder.decode(before, final=True))
                self._synced.set()
                before, token, rest = rest.partition(self._token)
            # The text may end with the first part of the token. The rest of the token follows at
            # once.
            sizes = range(len(self._token) - 1, 0, -1)
            cut = next((n for n in sizes if before.endswith(self._token[:n])), 0)
            waiting = before[len(before) - cut :]
            self._write(decoder.decode(before[: len(before) - cut]))


class KernelStreams:
    """All streams of a kernel's process."""

    def __init__(self, outbox: Outbox) -> None:
        names = {"stdout": 1, "stderr": 2}
        streams = {name: OutStream(name, outbox, os.dup(fd)) for name, fd in names.items()}
        sys.stdout, sys.stderr = streams["stdout"], streams["stderr"]
        self._outbox = outbox
        self._log = streams["stderr"].fileno()
        self._pipes = [Pipe(fd, streams[name].print) for name, fd in names.items()]

    def flush(self) -> None:
        """Wait until all printed text is sent."""
        for pipe in self._pipes:
            pipe.sync()
        self._outbox.flush()

    def log(self, text: str) -> None:
        """Write to the kernel's own log, which no client receives."""
        os.write(self._log, text.encode(errors="replace"))
