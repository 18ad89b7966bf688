"""Text as a terminal shows it at the end: overwritten and erased, without escape codes."""

from __future__ import annotations

from .terminal_commands import BEGUN, MOVE, SEQUENCE, SIGNS, in_two
from .terminal_grid import Grid
from .terminal_pieces import pieces

_LONGEST = 2**16
"""Characters at the end of a text in which an unfinished sequence is looked for."""


def has_codes(text: str) -> bool:
    """Whether ``text`` has anything that a terminal would not simply write."""
    # Each chunk of a stream is asked this: any() would take four times as long.
    if "\x1b" in text or "\r" in text or "\b" in text:
        return True
    return not text.isascii() and any(sign in text for sign in SIGNS)


def moves(text: str) -> bool:
    """Whether ``text`` overwrites or erases what is before it."""
    return has_codes(text) and any(map(MOVE.search, pieces(in_two(text))))


def strip_ansi(text: str) -> str:
    """``text`` without escape sequences: colours, cursor movements, titles, links."""
    return "".join([SEQUENCE.sub("", piece) for piece in pieces(in_two(text))])


def picture(text: str) -> str:
    r"""What a terminal shows after ``text``; ``text`` itself if it has no control codes.

    Tabs, NUL and other control characters stay as they are. Each character takes one column.
    Nothing is above the first line, and nothing is cut at the right margin.
    """
    if not has_codes(text):
        return text
    grid = Grid()
    grid.write(text)
    return str(grid)


def condensed(text: str) -> tuple[str, str]:
    """``text`` without what it has overwritten itself; what is still to come changes nothing.

    Returns:
        Lines that are out of the cursor's reach, and the rest, with its colours and with
        the cursor where it was.
    """
    text = in_two(text)
    begun = unfinished(text)
    grid = Grid(keeps_colours=True)
    grid.write(text[: len(text) - len(begun)])
    above, rest = grid.halves()
    return above, rest + begun


def unfinished(text: str) -> str:
    """The control code at the end of ``text`` that the text to come may end."""
    found = BEGUN.search(text, max(0, len(text) - _LONGEST))
    return found.group() if found else ""
