"""Text of a server or a log, without the secrets that we have sent to the server.

Some servers and proxies repeat the headers of a request in their error pages.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from urllib.parse import quote

from .connection import JupyterConnectionInfo

_SHORTEST = 4
"""Header values below this length are masked only if the header's name suggests a secret: to mask
the value 1 would spoil any text."""

_SECRET_NAME = re.compile(r"auth|cookie|credential|key|pass|pwd|secret|token", re.IGNORECASE)


def masked(info: JupyterConnectionInfo, text: str) -> str:
    """``text`` with ``[token]`` or ``[header]`` in place of each secret of ``info``."""
    secrets = {form: "[header]" for value in _header_secrets(info) for form in _forms(value)}
    secrets.update(dict.fromkeys(_forms(info.token or ""), "[token]"))
    # Replace the longest first, because one secret may be a part of another.
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, secrets[secret])
    return text


def _header_secrets(info: JupyterConnectionInfo) -> Iterator[str]:
    for name, value in info.headers.items():
        if not _SECRET_NAME.search(name):
            if len(value) >= _SHORTEST:
                yield value
            continue
        yield value
        scheme, _, credentials = value.partition(" ")
        yield credentials
        if scheme.lower() == "basic":
            yield from _basic(credentials)
        if "cookie" in name.lower():
            yield from (pair.partition("=")[2].strip() for pair in value.split(";"))


def _basic(credentials: str) -> Iterator[str]:
    try:
        plain = b64decode(credentials).decode("utf-8", "replace")
    except (ValueError, binascii.Error):
        return
    yield plain
    yield plain.partition(":")[2]


def _forms(secret: str) -> set[str]:
    """The spellings of ``secret`` in a page. Empty for an empty secret."""
    if not secret.strip():
        return set()
    return {secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]}
