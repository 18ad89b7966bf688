"""Searches a long text in steps, between which other threads can run."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STEP = 2**18
"""Characters of a step. A regular expression stops all other threads while it searches."""

_LONGEST = 512
"""Characters that a match and what it looks at behind it have, at most."""


def search(pattern: re.Pattern[str], text: str, at: int = 0) -> re.Match[str] | None:
    """The first match of a ``pattern`` from ``at`` on. Its matches must be short."""
    for start in range(at, len(text), _STEP):
        found = pattern.search(text, start, start + _STEP + _LONGEST)
        # Behind the step, the pattern may not have seen all of the text that it needs.
        if found and found.start() < start + _STEP:
            return found
    return None


def matches(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """All matches of ``pattern``, none of which is empty."""
    at = 0
    while found := search(pattern, text, at):
        yield found
        at = found.end()
