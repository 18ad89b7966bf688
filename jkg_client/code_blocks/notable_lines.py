"""The lines of a page in which a block can begin or end, or something that may hold a fence.

They are found in one scan. All other lines are neither looked at one by one nor kept in mind: an
answer may have millions of them.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence

from attrs import frozen

from .thoughts import TAG

MOST = 50_000
"""Notable lines that are read of a page. No answer has so many, and each takes time and memory."""

_NOTABLE = re.compile(rf"```|~~~|\"\"\"|'''|<<|{TAG}")


@frozen
class NotableLines:
    """Numbers of the lines that have a fence, a tag, three quotes or the start of a here-document.

    Attributes:
        numbers: In order.
        cut: Where the text ends in which these are all of them; None if that is the whole text.
    """

    numbers: Sequence[int]
    cut: int | None = None

    @classmethod
    def of(cls, text: str) -> NotableLines:
        """The notable lines of ``text``."""
        numbers: list[int] = []
        at = number = 0
        while found := _NOTABLE.search(text, at):
            if len(numbers) == MOST:
                return cls(numbers, at)
            number += text.count("\n", at, found.start())
            numbers.append(number)
            at = text.find("\n", found.end())
            if at < 0:
                break
        return cls(numbers)

    def first_from(self, number: int, otherwise: int) -> int:
        """The first of them from line ``number`` on."""
        return first_from(self.numbers, number, otherwise)


def first_from(numbers: Sequence[int], number: int, otherwise: int) -> int:
    """The first of ``numbers``, which are in order, that is not smaller than ``number``."""
    place = bisect.bisect_left(numbers, number)
    return numbers[place] if place < len(numbers) else otherwise
