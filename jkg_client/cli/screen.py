"""The output of a command: results on stdout, messages on stderr, often on the same terminal."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from attrs import define, field

from .screen_text import ColorWish, Filter, filter_for, has_colours

_COLUMNS = 80


@define(eq=False)
class Screen:
    """Stdout and stderr of a command, which are flushed at once, and a line that is redrawn.

    Attributes:
        out: Stdout. None if it is closed.
        err: Stderr. None if it is closed.
        wish: Value of ``--color``.
    """

    out: TextIO | None
    err: TextIO | None
    wish: ColorWish = "auto"
    _drawn: str = field(default="", init=False)
    # The terminal, or the streams, whose last line is not complete.
    _unfinished: set[str] = field(factory=set, init=False)

    # Filters for text that programs print to stdout and to stderr.
    _printed: tuple[Filter, Filter] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._printed = filter_for(self.out, self.wish), filter_for(self.err, self.wish)

    @classmethod
    def of_process(cls, wish: ColorWish = "auto") -> Screen:
        """The screen of this process."""
        return cls(sys.stdout, sys.stderr, wish)

    @property
    def can_draw(self) -> bool:
        """Whether stderr is a terminal."""
        return self.err is not None and self.err.isatty()

    def has_colours(self, *, to_err: bool = False) -> bool:
        """Whether text on this stream may have colours."""
        return has_colours(self.err if to_err else self.out, self.wish)

    def write(self, text: str, *, to_err: bool = False) -> None:
        """Show text that a program prints. On a terminal it is shown at once."""
        self.clear()
        self._put(self.err if to_err else self.out, self._printed[to_err].feed(text))

    def settle(self) -> None:
        """Show text of programs that was held back."""
        for stream, printed in zip((self.out, self.err), self._printed):
            if held := printed.end():
                self.clear()
                self._put(stream, held)

    def line(self, text: str, *, to_err: bool = False) -> None:
        """Show text on separate lines."""
        self.settle()
        self.clear()
        stream = self.err if to_err else self.out
        start = "\n" if _place(stream) in self._unfinished else ""
        self._put(stream, f"{start}{text}" if text.endswith("\n") else f"{start}{text}\n")

    def raw(self, text: str) -> None:
        """Show text with escape codes on separate lines, without changing it."""
        self.line("", to_err=False) if _place(self.out) in self._unfinished else self.settle()
        self.clear()
        self._put(self.out, text)

    def fresh_line(self) -> None:
        """End an incomplete line, so that a prompt can follow."""
        self.settle()
        self.clear()
        if _place(self.out) in self._unfinished:
            self._put(self.out, "\n")

    def at_line_start(self) -> None:
        """Note that the user has pressed Enter on the terminal."""
        self._unfinished.discard("terminal")

    def in_line(self) -> None:
        """Note that the terminal shows something else in the line, such as ``^C``."""
        self._unfinished.add("terminal")

    def note(self, text: str) -> None:
        """Show a message of the command on stderr."""
        self.line(f"jkg: {text}", to_err=True)

    def draw(self, text: str) -> None:
        """Show ASCII text instead of the last drawn text. Other output replaces it."""
        if _place(self.err) in self._unfinished:
            self._put(self.err, "\n")
        # Some terminals begin a new line after the last column.
        before, self._drawn = self._drawn, text[: _columns(self.err) - 1]
        self._send(self.err, f"\r{self._drawn.ljust(len(before))}")

    def clear(self) -> None:
        """Remove the drawn text."""
        if self._drawn:
            blanks, self._drawn = " " * len(self._drawn), ""
            self._send(self.err, f"\r{blanks}\r")

    def _put(self, stream: TextIO | None, text: str) -> None:
        if text:
            self._send(stream, text)
            keep = self._unfinished.discard if text.endswith("\n") else self._unfinished.add
            keep(_place(stream))

    def _send(self, stream: TextIO | None, text: str) -> None:
        if stream is None:
            return
        encoding = stream.encoding or "utf-8"
        try:
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        except OSError:
            _abandon(stream)
            # Lost results are an error; lost messages are not.
            if stream is self.out:
                raise


def _place(stream: TextIO | None) -> str:
    return "terminal" if stream is not None and stream.isatty() else str(id(stream))


def _columns(stream: TextIO | None) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS if stream else _COLUMNS
    except OSError:
        return _COLUMNS


def _abandon(stream: TextIO) -> None:
    # The rest of the buffer would raise the error again at the end of the process.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)
