"""Writes Python values as expressions."""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import math
import pathlib
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_DEEPEST = 100
_IMPORT = '__import__("{}").'


def expression(value: object, depth: int = 0) -> str:
    """An expression whose value is equal to ``value`` and has its type. It needs no import.

    Raises:
        ValueError: Values of this type are not supported.
    """
    if depth > _DEEPEST:
        raise ValueError("the value contains itself, or is nested too deeply")
    write = _WRITERS.get(type(value))
    if write is None:
        kind = type(value)
        raise ValueError(f"type {kind.__module__}.{kind.__qualname__} is not supported")
    return write(value, depth)


def _float(value: float, _: int) -> str:
    return repr(value) if math.isfinite(value) else f"float('{value}')"


def _complex(value: complex, depth: int) -> str:
    return f"complex({_float(value.real, depth)}, {_float(value.imag, depth)})"


def _tuple(value: tuple[Any, ...], depth: int) -> str:
    inner = _items(value, depth)
    return f"({inner},)" if len(value) == 1 else f"({inner})"


def _dict(value: Mapping[Any, Any], depth: int) -> str:
    pairs = (
        f"{expression(key, depth + 1)}: {expression(item, depth + 1)}"
        for key, item in value.items()
    )
    return f"{{{', '.join(pairs)}}}"


def _set(value: set[Any], depth: int) -> str:
    return f"{{{_sorted_items(value, depth)}}}" if value else "set()"


def _sorted_items(value: Iterable[Any], depth: int) -> str:
    # Sorted, because the order in a set of strings differs between processes.
    return ", ".join(sorted(expression(item, depth + 1) for item in value))


def _items(value: Iterable[Any], depth: int) -> str:
    return ", ".join(expression(item, depth + 1) for item in value)


def _of_module(value: Any, _: int) -> str:
    """A value whose ``repr`` calls a class of its module with plain values."""
    text = repr(value)
    name = type(value).__module__.partition(".")[0].lstrip("_")
    prefix = f"{name}."
    return _IMPORT.format(name) + (text.removeprefix(prefix))


def _time(value: dt.datetime | dt.time, depth: int) -> str:
    zone = value.tzinfo
    text = _of_module(value.replace(tzinfo=None), depth)
    if zone is None:
        return text
    return f"{text}.replace(tzinfo={_zone(zone, depth)})"


def _zone(zone: dt.tzinfo, depth: int) -> str:
    if type(zone) is dt.timezone:
        return _IMPORT.format("datetime") + _zone_call(zone, depth)
    key = getattr(zone, "key", None)
    if type(zone).__name__ == "ZoneInfo" and isinstance(key, str):
        return f"{_IMPORT.format('zoneinfo')}ZoneInfo({key!r})"
    raise ValueError(f"time zones of type {type(zone).__name__} are not supported")


def _zone_call(zone: dt.timezone, depth: int) -> str:
    if zone is dt.timezone.utc:
        return "timezone.utc"
    offset = zone.utcoffset(None)
    return f"timezone({_of_module(offset, depth)}, {zone.tzname(None)!r})"


def _plain(value: object, _: int) -> str:
    return repr(value)


_WRITERS: Mapping[type, Callable[[Any, int], str]] = {
    **dict.fromkeys((type(None), bool, int, str, bytes, type(...)), _plain),
    **dict.fromkeys(
        (
            dt.date,
            dt.timedelta,
            decimal.Decimal,
            fractions.Fraction,
            uuid.UUID,
            pathlib.PurePosixPath,
            pathlib.PureWindowsPath,
            pathlib.PosixPath,
            pathlib.WindowsPath,
        ),
        _of_module,
    ),
    dt.datetime: _time,
    dt.time: _time,
    dt.timezone: _zone,
    float: _float,
    complex: _complex,
    tuple: _tuple,
    list: lambda value, depth: f"[{_items(value, depth)}]",
    dict: _dict,
    set: _set,
    frozenset: lambda value, depth: f"frozenset([{_sorted_items(value, depth)}])",
    bytearray: lambda value, _: f"bytearray({bytes(value)!r})",
    range: _plain,
}
