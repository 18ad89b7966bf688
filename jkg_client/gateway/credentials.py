"""Checks of tokens, headers and certificates. No error shows a token or a header."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Union

from attrs import Attribute

from ..client import arguments

Certificate = Union[str, tuple[str, str]]
"""A client certificate: one PEM file that holds key and certificate, or (certificate, key)."""

# https://www.rfc-editor.org/rfc/rfc9110#section-5, ASCII only.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"(?:[!-~](?:[ \t!-~]*[!-~])?)?")


def check_token(_: Any, __: Attribute[Any], token: object) -> None:
    """Refuse a token that HTTP cannot carry."""
    if token is None:
        return
    text = arguments.text("token", token)
    if not (text.isascii() and text.isprintable()):
        raise ValueError("the token has characters that no HTTP header can carry")


def given_headers(headers: object) -> dict[str, str]:
    """A copy of ``headers``. None means no headers."""
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        kind = type(headers).__name__
        raise ValueError(f"headers must be a mapping, not {kind}")  # noqa: TRY004
    return dict(headers)


def check_headers(_: Any, __: Attribute[Any], headers: Mapping[Any, Any]) -> None:
    """Refuse headers that HTTP cannot carry."""
    for name, value in headers.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise ValueError("names and values of headers must be strings")  # noqa: TRY004
        # Name and value are not shown: either may be a secret. Errors of the libraries would show
        # an invalid header, so it is refused here.
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError("a header has characters that HTTP cannot carry")


def given_verify(value: object) -> bool | str:
    """Whether certificates are checked, or the path of a PEM file with authorities."""
    if isinstance(value, bool):
        return value
    return _file("verify", value, "True, False or a path")


def given_cert(value: object) -> Certificate | None:
    """The path of a client certificate, or the paths of a certificate and its key."""
    wanted = "a path, or the paths of a certificate and its key"
    if value is None or isinstance(value, (str, os.PathLike)):
        return None if value is None else _file("cert", value, wanted)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"cert must be {wanted}, not {value!r:.200}")
    return _file("cert", value[0], wanted), _file("cert", value[1], wanted)


def _file(name: str, value: object, wanted: str) -> str:
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(path, str) or not path:
        raise ValueError(f"{name} must be {wanted}, not {value!r:.200}")
    return path
