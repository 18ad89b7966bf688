"""Values that can be sent as JSON."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from typing import Any


def clean(value: Any) -> Any:
    """``value`` for JSON: bytes in base64, infinity, NaN and unknown objects as text."""
    if isinstance(value, Mapping):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return b64encode(value).decode("ascii")
    # Do not use isinstance: a subclass may change how its values are written.
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(value)
    return int(value) if isinstance(value, int) else repr(value)
