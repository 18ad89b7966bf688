"""Text as a terminal finally shows it: without overwritten and erased text and escape codes."""

from __future__ import annotations

from attrs import frozen

from .terminal_commands import ALTERNATE, BEGUN, MOVE, SEQUENCE, SIGNS, in_two
from .terminal_grid import Grid
from .terminal_limits import Allowance
from .terminal_pieces import pieces

_MOVES = 2**17
_CHARACTERS = 64
"""Movements that are followed in any text. One more is followed per this many characters."""

_ENTER = "\x1b[?1049h"  # shows the alternate screen

_LONGEST = 2**16
"""An unfinished sequence is searched in this number of characters at the end of a text."""


def has_codes(text: str) -> bool:
    """Whether ``text`` contains control codes."""
    # This is called for each chunk of a stream, and any() would take four times as long.
    if "\x1b" in text or "\r" in text or "\b" in text:
        return True
    return not text.isascii() and any(sign in text for sign in SIGNS)


def moves(text: str) -> bool:
    """Whether ``text`` overwrites or erases earlier text."""
    if not has_codes(text):
        return False
    text = in_two(text)
    if "\x1b" not in text:
        return "\b" in text or text.count("\r") > text.count("\r\n")
    return any(map(MOVE.search, pieces(text)))


def strip_ansi(text: str) -> str:
    """``text`` without escape sequences: colours, cursor movements, titles, links."""
    text = in_two(text)
    if "\x1b" not in text:
        return text
    return "".join([SEQUENCE.sub("", piece) for piece in pieces(text)])


def picture(text: str) -> str:
    r"""The text that a terminal shows after printing ``text``.

    Tabs, NUL and other control characters are kept. Each character takes one column. The cursor
    cannot move above the first line, and lines are not wrapped at a right margin.
    """
    if not has_codes(text):
        return text
    screen = Screen(len(text))
    screen.write(text)
    return str(screen)


@frozen
class Condensed:
    """A text without its overwritten parts.

    Attributes:
        above: Lines that the cursor cannot reach any more.
        rest: The other lines, with colours and with movements to the position of the cursor.
        followed: Number of movements and erasures in the text.
    """

    above: str
    rest: str
    followed: int


def condensed(text: str, moves: int | None = None) -> Condensed:
    """``text`` without overwritten parts. More text can be appended to it as to the original.

    Args:
        text: Text for a terminal.
        moves: Number of movements and erasures that are followed. None means
            ``allowed_moves`` of this text.
    """
    screen = Screen(len(text), moves, keeps_colours=True)
    screen.write(text)
    above, reached = screen.halves(cursor=not screen.rest)
    return Condensed(above, reached + screen.rest + screen.begun, screen.followed)


def allowed_moves(size: int) -> int:
    """Number of movements and erasures that are followed in a text of ``size`` characters.

    Each costs two microseconds. Programs need far fewer: a progress bar has two in a line.
    """
    return _MOVES + size // _CHARACTERS


class Screen:
    """The lines that a stream shows. Its text comes in parts.

    After too many movements, the text of further parts is added without control codes. Then no
    character is lost, but nothing is overwritten either.

    Args:
        size: Characters that will be written.
        moves: Number of movements and erasures that are followed. None means ``allowed_moves``.
        keeps_colours: Whether to keep colours.

    Attributes:
        begun: An unfinished control code at the end, which the next part may complete.
    """

    def __init__(self, size: int, moves: int | None = None, *, keeps_colours: bool = False) -> None:
        self._allowed = Allowance(size)
        self._keeps_colours = keeps_colours
        self._grid = Grid(self._allowed, keeps_colours=keeps_colours)
        self._main: Grid | None = None  # while the alternate screen is shown
        self._moves = allowed_moves(size) if moves is None else moves
        self.begun: str = ""
        self._rest: list[str] = []

    def write(self, text: str) -> None:
        """Add a part of the text."""
        text = self.begun + in_two(text)
        self.begun = unfinished(text)
        for piece in pieces(text[: len(text) - len(self.begun)]):
            if self.followed < self._moves:
                self._write(piece)
            else:
                self._rest.append(SEQUENCE.sub("", piece).replace("\b", ""))

    def _write(self, piece: str) -> None:
        first, *more = ALTERNATE.split(piece)
        self._grid.write(first)
        for letter, text in zip(more[::2], more[1::2]):
            self._allowed.followed += 1
            if letter == "h" and self._main is None:
                self._main = self._grid
                self._grid = Grid(self._allowed, keeps_colours=self._keeps_colours)
            elif letter == "l" and self._main is not None:
                # What a pager or an editor has shown is gone when it ends.
                self._grid, self._main = self._main, None
            self._grid.write(text)

    @property
    def followed(self) -> int:
        """Number of movements and erasures so far."""
        return self._allowed.followed

    @property
    def height(self) -> int:
        """Number of lines. A last line that is blank does not count."""
        return self._grid.height + (self._main.height if self._main else 0)

    def halves(self, *, cursor: bool) -> tuple[str, str]:
        """The lines that the cursor cannot reach, and the rest with movements to the cursor."""
        if self._main is None:
            return self._grid.halves(cursor=cursor)
        above, rest = self._main.halves(cursor=cursor)
        change = _ENTER if cursor else "\n" if rest and not rest.endswith("\n") else ""
        return above, "".join([rest, change, *self._grid.halves(cursor=cursor)])

    @property
    def rest(self) -> str:
        """Text after too many movements. It has no control codes except carriage returns."""
        return "\n".join(["", "".join(self._rest)]) if self._rest else ""

    def __str__(self) -> str:
        return "".join(self.halves(cursor=False)) + self.rest.replace("\r\n", "\n").replace(
            "\r", "\n"
        )


def unfinished(text: str) -> str:
    """The unfinished control code at the end of ``text``. More text may complete it."""
    found = BEGUN.search(text, max(0, len(text) - _LONGEST))
    return found.group() if found else ""
