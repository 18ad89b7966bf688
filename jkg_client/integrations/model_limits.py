"""How much of an answer fits a model: of its text and of its images."""

from __future__ import annotations

MAX_TEXT = 50_000
"""Characters of text in one answer, unless told otherwise."""

MAX_IMAGES = 20
"""Images in one answer."""

MAX_IMAGE = 5_000_000
"""Characters of one image, in base64: models take no larger ones."""


def checked(max_text: int) -> int:
    """``max_text``, if it is a limit.

    Raises:
        ValueError: If it is not a positive whole number.
    """
    if not isinstance(max_text, int) or isinstance(max_text, bool) or max_text < 1:
        raise ValueError(f"max_text must be a positive number of characters, not {max_text!r}")
    return max_text
