"""Text as a terminal finally shows it: without overwritten and erased text and escape codes."""

from __future__ import annotations

from attrs import frozen

from .terminal_commands import BEGUN, MOVE, SEQUENCE, SIGNS, in_two
from .terminal_grid import Grid
from .terminal_pieces import pieces

_MOVES = 2**17
_CHARACTERS = 32
"""Movements that are followed in any text, and one more for each so many characters."""

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
    grid, rest = _drawn(in_two(text), allowed_moves(len(text)))
    return str(grid) + rest


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
    """``text`` without overwritten parts. More text can be appended as to the original.

    Args:
        text: Text for a terminal.
        moves: Number of movements and erasures that are followed. None means
            ``allowed_moves`` of this text.
    """
    text = in_two(text)
    begun = unfinished(text)
    moves = allowed_moves(len(text)) if moves is None else moves
    grid, rest = _drawn(text[: len(text) - len(begun)], moves, keeps_colours=True)
    above, reached = grid.halves(cursor=not rest)
    return Condensed(above, reached + rest + begun, grid.followed)


def allowed_moves(size: int) -> int:
    """Number of movements and erasures that are followed in a text of ``size`` characters.

    Each costs two microseconds. Programs need far fewer: a progress bar has two in a line.
    """
    return _MOVES + size // _CHARACTERS


def _drawn(text: str, moves: int, *, keeps_colours: bool = False) -> tuple[Grid, str]:
    """A grid with ``text``. After too many movements, the rest of the text is returned.

    The rest has no control codes. So nothing is lost, but nothing is overwritten either.
    """
    grid = Grid(len(text), keeps_colours=keeps_colours)
    rest: list[str] = []
    for piece in pieces(text):
        if grid.followed < moves:
            grid.write(piece)
        else:
            rest.append(SEQUENCE.sub("", piece).replace("\b", ""))
    return grid, "\n".join(["", "".join(rest)]) if rest else ""


def unfinished(text: str) -> str:
    """The unfinished control code at the end of ``text``. More text may complete it."""
    found = BEGUN.search(text, max(0, len(text) - _LONGEST))
    return found.group() if found else ""
