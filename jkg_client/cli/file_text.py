"""Decodes the text of files and arguments."""

from __future__ import annotations

import io
import os
import tokenize


def decoded(data: bytes, name: str, *, is_python: bool) -> str:
    """The text of a file. In Python code, a comment may name the encoding (PEP 263).

    Args:
        data: The bytes of the file.
        name: The name of the file, for messages.
        is_python: Whether it is Python code.

    Raises:
        ValueError: The file is not text in its encoding. The message names the line.
    """
    encoding = _encoding(data, name) if is_python else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        known = "UTF-8" if encoding.startswith("utf-8") else encoding
        raise ValueError(
            f"cannot read {name}: it is not text in {known}: line {line} has the byte"
            f" 0x{data[exc.start]:02x}"
        ) from exc
    # Convert the line ends of Windows and of old Macs.
    return io.IncrementalNewlineDecoder(None, translate=True).decode(text, final=True)


def _encoding(data: bytes, name: str) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError as exc:
        if "unknown encoding" in str(exc):
            raise ValueError(f"cannot read {name}: line 1 or 2 names an {exc}") from exc
        # The first lines are not UTF-8. Decoding will report the line.
        return "utf-8"


def as_text(word: str) -> str:
    """An argument of the command line as text, decoded as UTF-8 in every locale.

    In the locale ``C``, Python decodes non-ASCII bytes as lone surrogates.

    Raises:
        ValueError: The argument is not UTF-8.
    """
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:
        try:
            return os.fsencode(word).decode("utf-8")
        except UnicodeError as exc:
            raise ValueError(f"the argument {word!a} is not text in UTF-8") from exc
    return word


def system_path(name: str) -> str | bytes:
    """A path in a form that the system accepts in this locale."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return name.encode("utf-8")
    return name
