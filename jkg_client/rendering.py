"""Outputs as text and files.

Of each display one form is taken, the best that there is: a file for an image or a page, text
for the rest. File names are random, so that two runs cannot collide, and never the kernel's.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from attrs import frozen

from .protocol.outputs import Display, Output, Stream, as_seen, join_text
from .protocol.terminal import strip_ansi

Write = Callable[[str, bytes], Path]
"""Saves bytes under a fresh name with the suffix given, and says where."""


@frozen
class Rendering:
    """What the outputs of a cell come to.

    Attributes:
        pieces: Text to be read, as ``join_text`` takes it.
        files: Those that were made, in order.
    """

    pieces: tuple[tuple[str, bool], ...]
    files: tuple[Path, ...] = ()

    @property
    def text(self) -> str:
        """The pieces as one."""
        return join_text(self.pieces)


@frozen
class _Form:
    """How a MIME type is saved."""

    suffix: str
    named: str
    is_text: bool = False
    beside_plain: bool = False


_FILES = {
    "image/png": _Form(".png", "Image"),
    "image/jpeg": _Form(".jpeg", "Image"),
    "image/gif": _Form(".gif", "Image"),
    "image/webp": _Form(".webp", "Image"),
    "image/svg+xml": _Form(".svg", "Image", is_text=True),
    "application/pdf": _Form(".pdf", "PDF"),
    "text/html": _Form(".html", "HTML", is_text=True, beside_plain=True),
}
"""Best first."""

_TEXTS = ("text/markdown", "text/latex")


def render(outputs: Iterable[Output], write: Write) -> Rendering:
    """Outputs as one text, with the files that it speaks of."""
    files: list[Path] = []

    def save(suffix: str, data: bytes) -> Path:
        files.append(write(suffix, data))
        return files[-1]

    pieces = tuple(
        (
            strip_ansi(_displayed(output, save)) if isinstance(output, Display) else output.text,
            not isinstance(output, Stream),
        )
        for output in as_seen(outputs)
    )
    return Rendering(pieces, tuple(files))


def into(folder: Path) -> Write:
    """A ``Write`` that makes files in ``folder``, and the folder if it is missing."""

    def write(suffix: str, data: bytes) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{uuid.uuid4().hex}{suffix}"
        path.write_bytes(data)
        return path

    return write


def _displayed(display: Display, save: Write) -> str:
    for mime_type, form in _FILES.items():
        if mime_type in display.data:
            data = _bytes(display.data[mime_type], form)
            said = _saved(form, data, save)
            return f"{said}\n{display.text}" if form.beside_plain and display.text else said
    for mime_type in _TEXTS:
        text = _joined(display.data.get(mime_type))
        if text is not None:
            return text
    if "application/json" in display.data:
        return _json(display.data["application/json"])
    return display.text or _unshown(display)


def _saved(form: _Form, data: bytes | None, save: Write) -> str:
    if data is None:
        return f"{form.named} data could not be read"
    try:
        return f"{form.named} data saved to {save(form.suffix, data)}"
    except OSError as exc:
        # A full disk must not cost the text that stands around the image.
        return f"{form.named} data could not be saved: {exc}"


def _bytes(data: Any, form: _Form) -> bytes | None:
    text = _joined(data)
    if text is None:
        return None
    if form.is_text:
        return text.encode("utf-8", "replace")
    try:
        decoded = binascii.a2b_base64(text)
        if len(text) == 4 * -(-len(decoded) // 3):
            return decoded
        # It has passed over characters: of line breaks that is right.
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _joined(data: Any) -> str | None:
    """``data`` if it is text, in one piece or as a list of lines."""
    if isinstance(data, list) and all(isinstance(line, str) for line in data):
        return "".join(data)
    return data if isinstance(data, str) else None


def _json(data: Any) -> str:
    try:
        return json.dumps(data, ensure_ascii=False)
    except RecursionError:
        return "[JSON nested too deeply to be shown]"


def _unshown(display: Display) -> str:
    rich = [mime_type[:80] for mime_type in display.data if mime_type != "text/plain"]
    kinds = ", ".join(rich[:5])
    return f"[output of type {kinds} is not shown]" if kinds else ""
