"""Text as a terminal would show it: carriage returns and backspaces applied."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

_CONTROLS = re.compile("[\r\b]")
_TOKENS = re.compile("\x1b\\[[0-9;?]*[ -/]*[@-~]|[\r\n\b\x1b]|[^\r\n\b\x1b]+")
_ERASE = re.compile("\x1b\\[([012]?)K")
_ANSI = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[@-Z\\\\^_])")

_WIDTH = 2**20
"""Columns of the terminal: what is farther left in a line is out of the cursor's reach."""

_JOIN = 2**16
"""Small chunks are joined when they add up to this: a string costs 50 bytes by itself."""


def strip_ansi(text: str) -> str:
    """``text`` without escape sequences: colours, cursor movements, titles, links."""
    return _ANSI.sub("", text)


class TerminalText:
    r"""What a terminal shows after all that was fed to it; cheap to append to.

    A line is settled by its newline. Until then ``\\r`` goes back to its start, ``\\b`` one
    column, what is written next replaces what stood there, and ``ESC [ K`` erases. Other
    escape sequences take no room and stay in the text.
    """

    def __init__(self, chunks: Iterable[str] = ()) -> None:
        self._chunks = deque(chunks)
        self._small: list[str] = []
        self._small_size = 0
        self._stored = sum(map(len, self._chunks))
        # The unfinished line as cells, once the cursor has moved in it.
        self._line: list[str] | None = None
        self._column = 0
        self._escape = ""

    def __len__(self) -> int:
        return self._stored + len(self._line or ())

    def __str__(self) -> str:
        return "".join([*self._chunks, *self._small, *(self._line or ()), self._escape])

    def feed(self, text: str) -> None:
        """Write ``text`` at the cursor."""
        text = text.replace("\r\n", "\n")
        if self._line is None:
            if not _CONTROLS.search(text):
                self._store(text)
                return
            self._line = self._take_unfinished()
            self._column = len(self._line)
        self._emulate(text)

    def split_off(self, size: int) -> TerminalText:
        """Keep the first ``size`` characters; the rest, cursor and all, is returned."""
        whole = "".join([*self._chunks, *self._small])
        rest = TerminalText([whole[size:]])
        rest._line, rest._column, rest._escape = self._line, self._column, self._escape
        self.__init__([whole[:size]])  # type: ignore[misc]  # a fresh start is what is meant
        return rest

    def drop_left(self, size: int) -> int:
        """Forget up to ``size`` of the first characters; how many they were."""
        left = size
        while left > 0 and self._settle_small():
            chunk = self._chunks.popleft()
            if len(chunk) > left:
                self._chunks.appendleft(chunk[left:])
            gone = min(left, len(chunk))
            self._stored -= gone
            left -= gone
        if left > 0 and self._line:
            gone = min(left, len(self._line))
            del self._line[:gone]
            self._column = max(0, self._column - gone)
            left -= gone
        return size - left

    def _store(self, text: str) -> None:
        self._small.append(text)
        self._small_size += len(text)
        self._stored += len(text)
        if self._small_size >= _JOIN:
            self._settle_small()

    def _settle_small(self) -> bool:
        if self._small:
            self._chunks.append("".join(self._small))
            self._small, self._small_size = [], 0
        return bool(self._chunks)

    def _take_unfinished(self) -> list[str]:
        """The stored text behind the last newline, taken out."""
        self._settle_small()
        taken: list[str] = []
        size = 0
        while self._chunks and size < _WIDTH:
            chunk = self._chunks.pop()
            start = max(chunk.rfind("\n") + 1, len(chunk) + size - _WIDTH)
            taken.append(chunk[start:])
            size += len(chunk) - start
            if start:
                self._chunks.append(chunk[:start])
                break
        self._stored -= size
        return list("".join(reversed(taken)))

    def _emulate(self, text: str) -> None:
        for match in _TOKENS.finditer(text):
            piece = match.group()
            if self._line is None:
                # Settled by a newline: the rest takes the fast way again.
                self.feed(text[match.start() :])
                return
            if piece == "\r":
                self._column = 0
            elif piece == "\b":
                self._column = max(0, self._column - 1)
            elif piece == "\n":
                self._settle_line("\n")
            elif piece[0] == "\x1b":
                self._escaped(piece)
            else:
                self._write(self._line, piece)

    def _write(self, line: list[str], text: str) -> None:
        cells = list(text)
        cells[0], self._escape = self._escape + cells[0], ""
        if self._column > len(line):
            line.extend(" " * (self._column - len(line)))
        line[self._column : self._column + len(cells)] = cells
        self._column += len(cells)
        if len(line) > _WIDTH:
            self._settle_line("")

    def _escaped(self, sequence: str) -> None:
        erase = _ERASE.fullmatch(sequence)
        if not erase or self._line is None:
            self._escape += sequence
        elif erase.group(1) == "1":
            self._line[: self._column] = " " * min(self._column, len(self._line))
        else:
            del self._line[0 if erase.group(1) == "2" else self._column :]

    def _settle_line(self, end: str) -> None:
        self._store("".join([*(self._line or ()), self._escape, end]))
        self._line, self._column, self._escape = None, 0, ""
