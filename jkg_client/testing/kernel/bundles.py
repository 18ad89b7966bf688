"""Values that can be sent as JSON, in the form in which ipykernel sends them."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from numbers import Integral, Real
from typing import Any


def clean(value: Any) -> Any:
    """``value`` for JSON: bytes in base64; times, infinity and NaN as text.

    Raises:
        ValueError: JSON cannot express the value.
    """
    if isinstance(value, Mapping):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, (bytes, bytearray)):
        return b64encode(value).decode("ascii")
    # Do not use isinstance: a subclass may change how its values are written.
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.astimezone()
    if isinstance(value, date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Iterable):
        return [clean(item) for item in value]
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else repr(float(value))
    raise ValueError(f"Can't clean for JSON: {value!r}")
