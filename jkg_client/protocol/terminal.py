"""Text as a terminal would show it: carriage returns, backspaces and erasures applied.

Escape sequences are ECMA-48's:
https://ecma-international.org/publications-and-standards/standards/ecma-48/
"""

from __future__ import annotations

import re
from collections import deque

# A control sequence, an operating system command (title, link), or any other. Their
# lengths are bounded, so that a stray introducer cannot hold back all that follows it.
_SEQUENCE = (
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x00-\x1f]{0,4096}(?:\x07|\x1b\\)"
    r"|[ -/]{0,8}[0-Z\\^-~])"
)
_BEGUN = r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|\][^\x00-\x1f]{0,4096}\x1b?|[ -/]{0,8})\Z"
_ANSI = re.compile(_SEQUENCE)
_TOKENS = re.compile(rf"{_SEQUENCE}|(?P<begun>{_BEGUN})|[\r\n\x08\x1b]|[^\r\n\x08\x1b]{{1,65536}}")
_ERASE = re.compile(r"\x1b\[([012]?)K")
_MOVES = re.compile(rf"[\r\x08]|{_ERASE.pattern}|{_BEGUN}")

_WIDTH = 2**20
"""Columns of the terminal: what is farther left in a line is out of the cursor's reach."""

_JOIN = 2**14
"""Small chunks are joined when they add up to this: a string costs 50 bytes by itself."""


def strip_ansi(text: str) -> str:
    """``text`` without escape sequences: colours, cursor movements, titles, links."""
    return _ANSI.sub("", text)


class TerminalText:
    r"""What a terminal shows after all that was fed to it; cheap to append to.

    A line is settled by its newline. Until then ``\r`` goes back to its start, ``\b`` one
    column, what is written next replaces what stood there, and ``ESC [ K`` erases. Other
    escape sequences take no room and stay in the text. How the text is cut into chunks
    makes no difference.
    """

    def __init__(self, text: str = "") -> None:
        self._chunks: deque[str] = deque()
        self._small: list[str] = []
        self._small_size = 0
        self._stored = 0
        # The unfinished line as cells, once the cursor has moved in it.
        self._emulating = False
        self._line: list[str] = []
        self._line_size = 0
        self._column = 0
        self._leftmost = 0
        self._escape = ""  # stands before the next cell
        self._begun = ""  # a sequence whose end is still to come
        self._store(text)

    def __len__(self) -> int:
        return self._stored + self._line_size + len(self._escape) + len(self._begun)

    def __str__(self) -> str:
        return "".join([*self._chunks, *self._small, *self._line, self._escape, self._begun])

    def feed(self, text: str) -> None:
        """Write ``text`` at the cursor."""
        if not (self._emulating or self._begun or any(sign in text for sign in "\r\b\x1b")):
            self._store(text)  # a pattern takes 300 times as long to find nothing
            return
        text, self._begun = (self._begun + text).replace("\r\n", "\n"), ""
        at = 0
        while at < len(text):
            at = self._emulate(text, at) if self._emulating else self._pass_on(text, at)

    def settle(self) -> None:
        """Take the unfinished line as it stands: as cells it is many times as large."""
        self._settle_line("")
        self._settle_small()

    def take_left(self, size: int) -> TerminalText:
        """The first ``size`` characters of what is settled, taken out."""
        taken = TerminalText()
        # Piece by piece: as a whole it would be twice in memory meanwhile.
        while len(taken) < size and (self._chunks or self._settle_small()):
            chunk, room = self._chunks.popleft(), size - len(taken)
            self._put_back(chunk, room)
            taken._store(chunk[:room])
            self._stored -= min(len(chunk), room)
        return taken

    def drop_left(self, size: int) -> int:
        """Forget up to ``size`` of the first characters; how many they were."""
        left = size
        while left > 0 and (self._chunks or self._settle_small()):
            chunk = self._chunks.popleft()
            self._put_back(chunk, left)
            gone = min(left, len(chunk))
            self._stored -= gone
            left -= gone
        left -= self._drop_cells(left)
        gone = min(left, len(self._escape))
        self._escape = self._escape[gone:]
        left -= gone
        gone = min(left, len(self._begun))
        self._begun = self._begun[gone:]
        return size - left + gone

    def _drop_cells(self, size: int) -> int:
        count = gone = 0
        while count < len(self._line) and gone + len(self._line[count]) <= size:
            gone += len(self._line[count])
            count += 1
        if count < len(self._line) and gone < size:
            self._line[count] = self._line[count][size - gone :]
            gone = size
        del self._line[:count]
        self._line_size -= gone
        self._column = max(0, self._column - count)
        self._leftmost = max(0, self._leftmost - count)
        return gone

    def _store(self, text: str) -> None:
        self._stored += len(text)
        if len(text) >= _JOIN:
            self._settle_small()
            self._chunks.append(text)  # as it came: a copy of megabytes would be felt
            return
        self._small.append(text)
        self._small_size += len(text)
        if self._small_size >= _JOIN:
            self._settle_small()

    def _settle_small(self) -> bool:
        if self._small:
            self._chunks.append("".join(self._small))
        self._small, self._small_size = [], 0
        return bool(self._chunks)

    def _put_back(self, chunk: str, start: int) -> None:
        # In pieces: to drop a few characters more must not copy all that follow them again.
        pieces = range(start, len(chunk), _JOIN)
        self._chunks.extendleft(chunk[i : i + _JOIN] for i in reversed(pieces))

    def _pass_on(self, text: str, at: int) -> int:
        """Store ``text`` up to the line in which the cursor moves; where that line begins."""
        found = _MOVES.search(text, at)
        if found is None:
            self._store(text[at:])
            return len(text)
        start = max(at, text.rfind("\n", at, found.start()) + 1)
        if start > at:
            self._store(text[at:start])
        unfinished = self._take_unfinished()
        self._emulating = True
        self._emulate(unfinished, 0)
        return start

    def _take_unfinished(self) -> str:
        """The stored text behind the last newline, taken out."""
        taken: list[str] = []
        while self._small or self._chunks:
            source = self._small or self._chunks
            chunk = source.pop()
            start = chunk.rfind("\n") + 1
            taken.append(chunk[start:])
            self._small_size -= len(chunk) - start if source is self._small else 0
            if start:
                source.append(chunk[:start])
                break
        unfinished = "".join(reversed(taken))
        self._stored -= len(unfinished)
        return unfinished

    def _emulate(self, text: str, at: int) -> int:
        """Write ``text`` from ``at`` on, up to the end of the line; where that is."""
        for match in _TOKENS.finditer(text, at):
            piece = match.group()
            if piece == "\n":
                self._settle_line("\n")
                return match.end()
            if piece == "\r":
                self._column = self._leftmost
            elif piece == "\b":
                self._column = max(self._leftmost, self._column - 1)
            elif piece[0] != "\x1b":
                self._write(piece)
            elif match.lastgroup == "begun":
                self._begun = piece
            else:
                self._escaped(piece)
        return len(text)

    def _write(self, text: str) -> None:
        start, end = self._column, self._column + len(text)
        cells = list(text)
        cells[0], self._escape = self._escape + cells[0], ""
        if start > len(self._line):
            start, cells = len(self._line), [" "] * (start - len(self._line)) + cells
        self._put(start, end, cells)
        self._column = end
        self._leftmost = max(self._leftmost, len(self._line) - _WIDTH)
        if len(self._line) > 2 * _WIDTH:
            far = len(self._line) - _WIDTH
            self._store("".join(self._line[:far]))
            self._put(0, far, [])
            self._column -= far
            self._leftmost -= far

    def _put(self, start: int, end: int, cells: list[str]) -> None:
        self._line_size += sum(map(len, cells)) - sum(map(len, self._line[start:end]))
        self._line[start:end] = cells

    def _escaped(self, sequence: str) -> None:
        erase = _ERASE.fullmatch(sequence)
        if not erase:
            # Of very many in one place the last one is what counts.
            waiting = self._escape + sequence
            self._escape = waiting if len(waiting) < _JOIN else sequence
        elif erase.group(1) == "1":
            end = min(self._column + 1, len(self._line))
            self._put(self._leftmost, end, [" "] * (end - self._leftmost))
        else:
            start = self._leftmost if erase.group(1) == "2" else self._column
            self._put(start, len(self._line), [])

    def _settle_line(self, end: str) -> None:
        self._store("".join([*self._line, self._escape, self._begun, end]))
        self._emulating, self._line, self._line_size = False, [], 0
        self._column, self._leftmost, self._escape, self._begun = 0, 0, "", ""
