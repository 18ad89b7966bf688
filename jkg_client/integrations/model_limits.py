"""Limits for the text and the images in an answer to a model."""

from __future__ import annotations

MAX_TEXT = 50_000
"""Default for the longest text in one answer, in characters."""

MAX_IMAGES = 20
"""Largest number of images in one answer."""

MAX_IMAGE = 5_000_000
"""Largest image that models accept, in characters of base64."""


def checked(max_text: int) -> int:
    """``max_text``, if it is a valid limit.

    Raises:
        ValueError: ``max_text`` is not a positive whole number.
    """
    if not isinstance(max_text, int) or isinstance(max_text, bool) or max_text < 1:
        raise ValueError(f"max_text must be a positive number of characters, not {max_text!r}")
    return max_text
