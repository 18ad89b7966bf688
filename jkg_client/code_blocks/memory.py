"""Remembers what a line means, since pages have few different fences and labels."""

from __future__ import annotations

import functools
from typing import Callable, TypeVar

T = TypeVar("T")

_LONGEST = 120
"""Characters of a text that is remembered: what is remembered must stay small."""


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """A function of a text, which remembers its values for short ones."""
    short = functools.lru_cache(maxsize=512)(function)

    @functools.wraps(function)
    def recalled(text: str) -> T:
        return short(text) if len(text) <= _LONGEST else function(text)

    return recalled
