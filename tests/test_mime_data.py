from __future__ import annotations

import base64
from typing import Any

import pytest
from tables import rows

from jkg_client.protocol.mime_data import decoded, joined


@rows(
    ("data", "text"),
    [("a", "a"), ("", ""), (["a\n", "b"], "a\nb"), ([], ""), (["a", 1], None), (1, None)],
)
def test_text_may_come_in_lines(data: Any, text: str | None) -> None:
    assert joined(data) == text


@rows(
    ("text", "data"),
    [
        ("", b""),
        ("aGk=", b"hi"),
        ("aGk=\n", b"hi"),
        ("aG\nk=\n", b"hi"),
        ("/+8A", b"\xff\xef\x00"),
    ],
)
def test_base64_may_have_line_breaks(text: str, data: bytes) -> None:
    assert decoded(text) == data


def test_large_base64_may_have_line_breaks() -> None:
    data = bytes(range(256)) * 400
    assert decoded(base64.encodebytes(data).decode("ascii")) == data


@rows("text", ["aGk", "a", "aG!k=", "aGk=aGk=x", "\u00e9", "_-8A", "aGkq?"])
def test_invalid_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decoded(text)
