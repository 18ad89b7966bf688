"""Text of one stream as it was printed, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .terminal import allowed_moves, condensed, moves, unfinished
from .terminal_commands import SEQUENCE

_JOIN = 2**14
"""Small chunks are joined to this size, because each string takes 50 additional bytes."""

_FOLD = 2**17
"""Overwritten text is dropped each time this number of characters was printed."""

_SETTLE = 2**20
"""Largest number of characters that the cursor can reach. Earlier ones do not change any more."""

_CODE = 256
"""Largest number of characters of an escape code that is cut when text is dropped."""

_SELDOM = 8
"""If folding drops nothing, it is tried again when the text is this many times as long."""

_LINES = 1000
"""Number of lines that the cursor can reach."""


class PrintedText:
    """Text that grows at its end and can be dropped at its start.

    The text is kept as it was printed. Overwritten text is dropped only if there is very much of
    it, for example from a progress bar that runs for hours.
    """

    def __init__(self) -> None:
        self._settled: deque[str] = deque()
        # Text that the cursor can still change, with small chunks at its end.
        self._open: deque[str] = deque()
        self._small: list[str] = []
        self._small_size = 0
        self._size = 0
        self._open_size = 0
        self._limit = 0  # size of the open text at which it is checked again
        self._has_moved = False
        self._news = 0
        self._moves = allowed_moves(0)  # movements that folding may still follow

    def __len__(self) -> int:
        return self._size

    def __str__(self) -> str:
        return "".join([*self._settled, *self._open, *self._small])

    @property
    def news(self) -> int:
        """Characters since the last ``fold``. 0 if folding would change nothing."""
        return self._news if self._has_moved else 0

    def append(self, text: str) -> None:
        """Add ``text`` at the end."""
        self._size += len(text)
        self._open_size += len(text)
        self._news += len(text)
        self._has_moved = self._has_moved or moves(text)
        if len(text) >= _JOIN:
            self._join_small()
            self._open.append(text)  # not copied: that would be slow for megabytes
        else:
            self._small.append(text)
            self._small_size += len(text)
            if self._small_size >= _JOIN:
                self._join_small()
        if self._open_size > max(self._limit, _FOLD if self._has_moved else _SETTLE):
            self._shorten_open()

    def fold(self) -> None:
        """Drop overwritten text, if that makes the text shorter."""
        self._join_small()
        text = "".join(self._open)
        self._moves += allowed_moves(self._news) - allowed_moves(0)
        folded = condensed(text, self._moves)
        self._moves -= folded.followed
        is_shorter = len(folded.above) + len(folded.rest) < len(text)
        if is_shorter:
            self._replace_open(folded.above, folded.rest)
            # There may be cursor movements at the end.
            self._has_moved = moves(folded.rest)
        self._news = 0
        self._limit = (2 if is_shorter else _SELDOM) * self._open_size

    def take_left(self, size: int) -> PrintedText:
        """Remove the first ``size`` characters and return them."""
        taken = PrintedText()
        # Move it piece by piece, so that the text is not in memory twice.
        for piece in self._pieces(size):
            taken._settled.append(piece)
            taken._size += len(piece)
        return taken

    def drop_left(self, size: int) -> int:
        """Drop the first ``size`` characters, and the rest of an escape code that is cut there.

        Returns:
            Number of dropped characters.
        """
        before, last = self._size, ""
        for piece in self._pieces(size):
            last = piece
        for _ in self._pieces(self._rest_of_code(last[-_CODE:])):
            pass
        return before - self._size

    def _rest_of_code(self, dropped: str) -> int:
        """Number of characters in the rest of an escape code that was cut after ``dropped``."""
        begun = unfinished(dropped)
        chunks = self._settled or self._open or self._small
        if not begun.startswith("\x1b") or not chunks:
            return 0
        found = SEQUENCE.match(begun + chunks[0][:_CODE])
        return found.end() - len(begun) if found else 0

    def _pieces(self, size: int) -> Iterator[str]:
        """Remove the first ``size`` characters and yield them piece by piece."""
        while size > 0 and self._size:
            if not self._open:
                self._join_small()
            chunks = self._settled or self._open
            chunk = chunks.popleft()
            piece = chunk[:size]
            if len(piece) < len(chunk):
                # Cut it in pieces, so that taking a few more characters does not copy the whole
                # rest.
                starts = range(len(piece), len(chunk), _JOIN)
                chunks.extendleft(chunk[i : i + _JOIN] for i in reversed(starts))
            size -= len(piece)
            self._size -= len(piece)
            self._open_size -= len(piece) if chunks is self._open else 0
            yield piece

    def _join_small(self) -> None:
        if self._small:
            self._open.append("".join(self._small))
        self._small, self._small_size = [], 0

    def _shorten_open(self) -> None:
        if self._has_moved:
            self.fold()
            return
        self._join_small()
        reached: deque[str] = deque()
        lines = 0
        while self._open and lines < _LINES:
            above, rest, more = _last_lines(self._open.pop(), _LINES - lines)
            lines += more
            if rest:
                reached.appendleft(rest)
            if above:
                self._open.append(above)
        self._settled += self._open
        self._open, self._open_size = reached, sum(map(len, reached))
        self._limit = 2 * self._open_size

    def _replace_open(self, above: str, rest: str) -> None:
        if above:
            self._settled.append(above)
        self._size += len(above) + len(rest) - self._open_size
        self._open, self._open_size = deque([rest] if rest else []), len(rest)


def _last_lines(text: str, most: int) -> tuple[str, str, int]:
    """Split off the last lines of ``text``, at most ``most`` of them.

    Returns:
        The text before these lines, these lines, and how many newlines were counted.
    """
    end = len(text)
    for number in range(most):
        end = text.rfind("\n", 0, end)
        if end < 0:
            return "", text, number
    return text[: end + 1], text[end + 1 :], most
