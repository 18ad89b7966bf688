"""Caches results for lines, because pages have few different fences and labels."""

from __future__ import annotations

import functools
from typing import Callable, TypeVar

T = TypeVar("T")

_LONGEST = 120
"""Longer texts are not cached, so that the cache stays small."""


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """Cache the results of ``function`` for short texts."""
    short = functools.lru_cache(maxsize=512)(function)

    @functools.wraps(function)
    def recalled(text: str) -> T:
        return short(text) if len(text) <= _LONGEST else function(text)

    return recalled
