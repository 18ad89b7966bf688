"""Turns the outputs of a cell into the content of an answer: text and images in their order.

See https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve
from mcp.types import ContentBlock, ImageContent, TextContent

from ...code_result import notes
from ...protocol.mime_data import decoded, joined
from ...protocol.outputs import Display, Output, Stream, as_seen, join_text
from ...protocol.result import ExecutionResult
from ...protocol.shortening import shortened
from ...rendering import render, words_beside
from ..model_limits import MAX_IMAGE, MAX_IMAGES

IMAGES = ("image/png", "image/jpeg", "image/webp", "image/gif")
"""MIME types that are sent as images, in order of preference."""

_READABLE = ("text/plain", "text/markdown", "text/latex", "application/json")


def contents(result: ExecutionResult, seconds: float, max_text: int) -> list[ContentBlock]:
    """The outputs of a cell, with notes about missing output and about the end of the cell.

    Args:
        result: Result of the cell.
        seconds: Time limit of the cell.
        max_text: Longest text, in characters. A note counts the missing characters.
    """
    blocks: list[ContentBlock] = []
    pieces: list[tuple[str, bool]] = []
    images = left_out = 0
    for output in (*as_seen(result.late_outputs), *as_seen(result.outputs)):
        image = _image(output)
        if image is None:
            pieces.append((_readable(output), not isinstance(output, Stream)))
        elif images == MAX_IMAGES or len(image.data) > MAX_IMAGE:
            left_out += 1
        else:
            images += 1
            blocks += [*_text(pieces, max_text), image]
            # The plain text of an image may have facts, such as its size.
            pieces = [(words_beside(output), True)] if isinstance(output, Display) else []
    remarks = "\n".join([*_left_out(left_out), *notes(result, seconds)])
    return [*blocks, *_text(pieces, max_text), *_text([(remarks, True)], max_text)]


def _left_out(images: int) -> Iterator[str]:
    if images:
        size = MAX_IMAGE * 3 // 4 / 1e6
        yield (
            f"Note: {images} images are left out: an answer holds at most {MAX_IMAGES} images"
            f" of at most {size:.2f} MB each."
        )


def _text(pieces: Sequence[tuple[str, bool]], most: int) -> list[ContentBlock]:
    text = join_text(pieces)
    return [TextContent(text=shortened(text, most))] if text else []


def _image(output: Output) -> ImageContent | None:
    if isinstance(output, Display):
        for mime_type in IMAGES:
            data = _base64(output.data.get(mime_type))
            if data:
                return ImageContent(data=data, mime_type=mime_type)
    return None


def _base64(data: Any) -> str | None:
    """``data`` without line breaks, if it is base64. Otherwise None."""
    text = joined(data)
    if text is None:
        return None
    try:
        decoded(text)
    except ValueError:
        return None
    return "".join(text.split())


def _readable(output: Output) -> str:
    if not isinstance(output, Display):
        return output.text
    forms = {name: data for name, data in output.data.items() if name in _READABLE}
    if forms:
        # Most pages and drawings have a readable form, so no file is written.
        return render([evolve(output, data=forms)], lambda suffix, _: Path(suffix)).text
    kinds = ", ".join(name[:80] for name in list(output.data)[:5])
    return f"[output of type {kinds} is not shown]"
