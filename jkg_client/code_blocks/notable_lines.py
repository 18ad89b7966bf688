"""Finds the lines where a block, or a part that may contain a fence, can begin or end.

One scan finds these lines. The other lines, perhaps millions, are neither read one by one nor
stored.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence

from attrs import frozen

from ..protocol.stepwise import search
from .think_tags import TAG

MOST = 20_000
"""Largest number of notable lines of a page that are read.

Each takes time and memory, and real answers have fewer.
"""

_NOTABLE = re.compile(rf"```|~~~|\"\"\"|'''|<<|{TAG}")


@frozen
class NotableLines:
    """Numbers of the lines that have a fence, a tag, three quotes or the start of a here-document.

    Attributes:
        numbers: The line numbers in order.
        cut: The end of the text that was read. None if the whole text was read.
    """

    numbers: Sequence[int]
    cut: int | None = None

    @classmethod
    def of(cls, text: str) -> NotableLines:
        """The notable lines of ``text``."""
        numbers: list[int] = []
        at = number = 0
        while found := search(_NOTABLE, text, at):
            if len(numbers) == MOST:
                return cls(numbers, at)
            number += text.count("\n", at, found.start())
            numbers.append(number)
            at = text.find("\n", found.end())
            if at < 0:
                break
        return cls(numbers)

    def first_from(self, number: int, otherwise: int) -> int:
        """The first notable line from line ``number`` on."""
        return first_from(self.numbers, number, otherwise)


def first_from(numbers: Sequence[int], number: int, otherwise: int) -> int:
    """The first of the ordered ``numbers`` that is not smaller than ``number``."""
    place = bisect.bisect_left(numbers, number)
    return numbers[place] if place < len(numbers) else otherwise
