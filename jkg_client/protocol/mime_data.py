"""Data of one MIME type, as kernels and callers pass it: text, lines of text, or base64."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any

from .stepwise import slices


def joined(data: Any) -> str | None:
    """``data`` if it is text, in one piece or as a list of lines. None otherwise."""
    if isinstance(data, list) and all(isinstance(line, str) for line in data):
        return "".join(data)
    return data if isinstance(data, str) else None


def decoded(text: str) -> bytes:
    """Decode base64, in one line or several.

    Raises:
        ValueError: The text is not base64.
    """
    fast = binascii.a2b_base64(text)
    if len(text) == 4 * -(-len(fast) // 3):
        return fast
    # Some characters were skipped. Only whitespace may be skipped, so check the others.
    return b64decode("".join(["".join(part.split()) for part in slices(text)]), validate=True)
