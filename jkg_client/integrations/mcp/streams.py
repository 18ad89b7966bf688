"""Makes reading stdin and writing stdout interruptible."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading

from ...waiting_files import WaitingReader, WaitingWriter

_CHUNK = 65536

_LAST_WORDS = 1.0
"""Seconds for a client to read the last output."""


class Streams:
    """Replaces stdin and stdout by a socket. Two threads copy the data.

    A thread that waits for stdin or stdout cannot be stopped, but a socket can be shut down.

    Attributes:
        is_cut: Whether the client has not read the whole output.

    Raises:
        OSError: stdin or stdout is closed.
    """

    def __init__(self) -> None:
        if sys.stdin is None or sys.stdout is None:
            raise OSError("stdin and stdout must be open")
        self.is_cut: bool = False
        self._known = os.dup(0), os.dup(1)
        self._inner, self._outer = socket.socketpair()
        taking = threading.Thread(target=self._take, args=[os.dup(0)], daemon=True)
        self._giving = threading.Thread(target=self._give, args=[os.dup(1)], daemon=True)
        for fd in (0, 1):
            os.dup2(self._inner.fileno(), fd)
        taking.start()
        self._giving.start()

    def __enter__(self) -> Streams:
        return self

    def __exit__(self, *exc_info: object) -> None:
        _shut(self._inner)
        if not self.is_cut:
            self._giving.join(_LAST_WORDS)
        for fd, known in enumerate(self._known):
            os.dup2(known, fd)
            os.close(known)
        self._inner.close()
        self._outer.close()

    def end_input(self) -> None:
        """Stop reading stdin, as if it had ended."""
        _shut(self._outer)

    def cut(self) -> None:
        """End both streams. Further output is dropped, even if the client does not read."""
        threading.Thread(target=self._throw_away, daemon=True).start()

    def _take(self, stdin: int) -> None:
        with contextlib.suppress(OSError), WaitingReader(stdin, "rb") as file:
            while chunk := file.read(_CHUNK):
                self._outer.sendall(chunk)
        self.end_input()

    def _give(self, stdout: int) -> None:
        try:
            with WaitingWriter(open(stdout, "wb", buffering=0)) as file:
                while chunk := self._outer.recv(_CHUNK):
                    file.write(chunk)
                    file.flush()
        except OSError:
            self._throw_away()

    def _throw_away(self) -> None:
        self.is_cut = True
        self.end_input()
        with contextlib.suppress(OSError):
            while self._outer.recv(_CHUNK):
                pass


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_WR)
