"""Limits for the work of a terminal, so that a short text cannot cause much of it."""

from __future__ import annotations

from attrs import define, field

_SPARE = 2**12
"""Blanks and lines that movements may add, in addition to one for each character of the text."""

CHEAP = 16
_WORK = 2**22
"""Each erasure may change ``CHEAP`` cells. All together may change ``_WORK`` further cells."""


@define
class Allowance:
    """What movements and erasures in a text of ``size`` characters may still do.

    Attributes:
        size: Number of characters.
        followed: Number of movements and erasures so far.
    """

    size: int
    followed: int = field(default=0, init=False)
    _spare: int = field(init=False)
    _work: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._spare = _SPARE + self.size
        self._work = _WORK + 4 * self.size

    def added(self, wanted: int) -> int:
        """How many of ``wanted`` blanks or lines a movement may add."""
        # Otherwise, a movement and a letter, ten characters, could add a thousand blanks.
        given = max(0, min(wanted, self._spare))
        self._spare -= given
        return given

    def changed(self, cells: int) -> int:
        """How many of ``cells`` an erasure may change."""
        given = min(cells, CHEAP + self._work)
        self._work -= max(0, given - CHEAP)
        return given
