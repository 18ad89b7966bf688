"""Text as a terminal finally shows it: without overwritten and erased text and escape codes."""

from __future__ import annotations

from .terminal_commands import BEGUN, MOVE, SEQUENCE, SIGNS, in_two
from .terminal_grid import Grid
from .terminal_pieces import pieces

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
    return has_codes(text) and any(map(MOVE.search, pieces(in_two(text))))


def strip_ansi(text: str) -> str:
    """``text`` without escape sequences: colours, cursor movements, titles, links."""
    return "".join([SEQUENCE.sub("", piece) for piece in pieces(in_two(text))])


def picture(text: str) -> str:
    r"""The text that a terminal shows after printing ``text``.

    Tabs, NUL and other control characters are kept. Each character takes one column. The cursor
    cannot move above the first line, and lines are not wrapped at a right margin.
    """
    if not has_codes(text):
        return text
    grid = Grid()
    grid.write(text)
    return str(grid)


def condensed(text: str) -> tuple[str, str]:
    """``text`` without overwritten parts. More text can be appended as to the original.

    Returns:
        Lines that the cursor cannot reach any more, and the rest with colours and with movements to
        the position of the cursor.
    """
    text = in_two(text)
    begun = unfinished(text)
    grid = Grid(keeps_colours=True)
    grid.write(text[: len(text) - len(begun)])
    above, rest = grid.halves()
    return above, rest + begun


def unfinished(text: str) -> str:
    """The unfinished control code at the end of ``text``. More text may complete it."""
    found = BEGUN.search(text, max(0, len(text) - _LONGEST))
    return found.group() if found else ""
