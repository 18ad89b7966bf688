"""Filters for printed text: for a terminal, for a terminal without colours, and for a file."""

from __future__ import annotations

import os
import re
from typing import Literal, Protocol, TextIO

from attrs import define, field

from ..protocol.terminal import condensed, picture, strip_ansi, unfinished
from ..protocol.terminal_commands import MOVE

ColorWish = Literal["auto", "always", "never"]

_FOLD = 4096
"""If more characters are held back, final lines are shown, and overwritten text is dropped."""

_UP_OR_DOWN = re.compile(r"\x1b(?:\[[0-9;]*[ABEFHJdefsu]|[78cDEM])")


class Filter(Protocol):
    """Gets printed text in pieces, and returns the text to show."""

    def feed(self, text: str) -> str:
        """Process a piece, and return the text that can be shown now."""

    def end(self) -> str:
        """The text that was held back. Call it when no more text is expected for now."""


def has_colours(stream: TextIO | None, wish: ColorWish = "auto") -> bool:
    """Whether a stream may have colours. See https://no-color.org and https://force-color.org.

    Args:
        stream: The stream. None if it is closed.
        wish: Value of ``--color``. ``auto`` depends on the environment and on the terminal.
    """
    if stream is None or wish != "auto":
        return stream is not None and wish == "always"
    # Empty variables count as not set.
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def filter_for(stream: TextIO | None, wish: ColorWish = "auto") -> Filter:
    """The filter for text that is printed to ``stream``."""
    if has_colours(stream, wish):
        return _Raw()
    return _Colourless() if stream is not None and stream.isatty() else _FinalLines()


@define
class _Raw:
    def feed(self, text: str) -> str:
        return text

    def end(self) -> str:
        return ""


@define
class _Colourless:
    """Removes escape codes. Carriage returns stay, so progress bars still move."""

    _begun: str = field(default="", init=False)

    def feed(self, text: str) -> str:
        whole = self._begun + text
        begun = unfinished(whole)
        self._begun = begun if begun.startswith("\x1b") else ""
        return strip_ansi(whole[: len(whole) - len(self._begun)])

    def end(self) -> str:
        self._begun = ""
        return ""


@define
class _FinalLines:
    """Returns lines when they are final, because a file cannot show a moving progress bar.

    A line in which the cursor moves back is held until a line without such a move is complete. If
    the cursor moves up, lines are held until the cursor cannot reach them any more.
    """

    _held: str = field(default="", init=False)
    _most: int = field(default=_FOLD, init=False)

    def feed(self, text: str) -> str:
        self._held += text
        moves = [match.start() for match in MOVE.finditer(self._held)]
        if moves and _UP_OR_DOWN.search(self._held):
            return self._out_of_reach()
        end = self._held.rfind("\n") + 1
        if moves and not -1 < self._held.find("\n", moves[-1]) + 1 < end:
            end = self._held.rfind("\n", 0, moves[0]) + 1
        shown, self._held = picture(self._held[:end]), self._held[end:]
        return shown + self._out_of_reach()

    def _out_of_reach(self) -> str:
        if len(self._held) <= self._most:
            return ""
        folded = condensed(self._held)
        self._held = folded.rest
        self._most = max(_FOLD, 2 * len(self._held))
        return strip_ansi(folded.above)

    def end(self) -> str:
        shown, self._held = picture(self._held), ""
        return shown
