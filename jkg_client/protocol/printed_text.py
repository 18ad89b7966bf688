"""Text of one stream as it was printed, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .terminal import condensed, moves, unfinished
from .terminal_commands import SEQUENCE

_JOIN = 2**14
"""Small chunks are joined when they add up to this: a string costs 50 bytes by itself."""

_FOLD = 2**17
"""Characters that may overwrite each other before what they have overwritten is dropped."""

_SETTLE = 2**20
"""Characters in reach of the cursor before the first of them are settled."""

_CODE = 256
"""Characters of an escape code that is cut where text is dropped."""

_LINES = 1000
"""Lines that stay in reach."""


class PrintedText:
    """Text that grows at its end and can be dropped at its start.

    It stays as it was printed, but for text that overwrites itself again and again, such as a
    progress bar of hours: then what cannot be seen any more is dropped now and then.
    """

    def __init__(self) -> None:
        self._settled: deque[str] = deque()
        # What a cursor may still change, and small chunks at the end of it.
        self._open: deque[str] = deque()
        self._small: list[str] = []
        self._small_size = 0
        self._size = 0
        self._open_size = 0
        self._limit = 0  # of the size of what is open, until it is looked at again
        self._has_moved = False
        self._news = 0

    def __len__(self) -> int:
        return self._size

    def __str__(self) -> str:
        return "".join([*self._settled, *self._open, *self._small])

    @property
    def news(self) -> int:
        """How many characters came since it was folded; 0 if folding would change nothing."""
        return self._news if self._has_moved else 0

    def append(self, text: str) -> None:
        """Add ``text`` at the end."""
        self._size += len(text)
        self._open_size += len(text)
        self._news += len(text)
        self._has_moved = self._has_moved or moves(text)
        if len(text) >= _JOIN:
            self._join_small()
            self._open.append(text)  # as it came: a copy of megabytes would be felt
        else:
            self._small.append(text)
            self._small_size += len(text)
            if self._small_size >= _JOIN:
                self._join_small()
        if self._open_size > max(self._limit, _FOLD if self._has_moved else _SETTLE):
            self._shorten_open()

    def fold(self) -> None:
        """Drop what is overwritten, if that makes the text shorter."""
        self._join_small()
        text = "".join(self._open)
        above, rest = condensed(text)
        if len(above) + len(rest) < len(text):
            self._replace_open(above, rest)
            # There may be movements at the end, to where the cursor is.
            self._has_moved = moves(rest)
        self._news = 0
        self._limit = 2 * self._open_size

    def take_left(self, size: int) -> PrintedText:
        """The first ``size`` characters, taken out."""
        taken = PrintedText()
        # Piece by piece: as a whole it would be twice in memory meanwhile.
        for piece in self._pieces(size):
            taken._settled.append(piece)
            taken._size += len(piece)
        return taken

    def drop_left(self, size: int) -> int:
        """Forget the first ``size`` characters and the escape code that ends there.

        Returns:
            How many characters they were.
        """
        before, last = self._size, ""
        for piece in self._pieces(size):
            last = piece
        for _ in self._pieces(self._rest_of_code(last[-_CODE:])):
            pass
        return before - self._size

    def _rest_of_code(self, dropped: str) -> int:
        """How many characters belong to the escape code that was cut by dropping these."""
        begun = unfinished(dropped)
        chunks = self._settled or self._open or self._small
        if not begun.startswith("\x1b") or not chunks:
            return 0
        found = SEQUENCE.match(begun + chunks[0][:_CODE])
        return found.end() - len(begun) if found else 0

    def _pieces(self, size: int) -> Iterator[str]:
        """The first ``size`` characters, taken out piece by piece."""
        while size > 0 and self._size:
            if not self._open:
                self._join_small()
            chunks = self._settled or self._open
            chunk = chunks.popleft()
            piece = chunk[:size]
            if len(piece) < len(chunk):
                # In pieces: to take a few characters more must not copy all that follow again.
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
        text = "".join(self._open)
        end = len(text)
        for _ in range(_LINES):
            end = text.rfind("\n", 0, max(0, end))
        self._replace_open(text[: end + 1], text[end + 1 :])
        self._limit = 2 * self._open_size

    def _replace_open(self, above: str, rest: str) -> None:
        if above:
            self._settled.append(above)
        self._size += len(above) + len(rest) - self._open_size
        self._open, self._open_size = deque([rest] if rest else []), len(rest)
