"""Encodes images as sixel. This needs Pillow, which most users who draw images have."""

from __future__ import annotations

import io

from PIL import Image

_COLOURS = 255
_HEIGHT = 6
"""Height of one character, in pixels."""

_FIRST = 63
"""Code of the character without any pixel."""


def sixel(data: bytes, most: tuple[int, int]) -> str:
    """The text that draws the image. Empty if the image cannot be read.

    Args:
        data: The image in any format that Pillow reads.
        most: Largest width and height in pixels. Larger images are scaled down.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.thumbnail(most)
            image = _on_white(opened.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""
    reduced = image.quantize(_COLOURS)
    palette = reduced.getpalette() or []
    colours = [
        f"#{at // 3};2;" + ";".join(str(round(part * 100 / 255)) for part in palette[at : at + 3])
        for at in range(0, len(palette) - 2, 3)
    ]
    width, height = reduced.size
    pixels = reduced.tobytes()
    rows = [pixels[at : at + width] for at in range(0, width * height, width)]
    bands = [_band(rows[top : top + _HEIGHT]) for top in range(0, height, _HEIGHT)]
    return f'\x1bP0;1q"1;1;{width};{height}{"".join(colours)}{"-".join(bands)}\x1b\\\n'


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return white.convert("RGB")


def _band(rows: list[bytes]) -> str:
    """Six rows of pixels, as one line of characters for each colour."""
    lines = []
    for colour in sorted(set(b"".join(rows))):
        bits = bytearray(len(rows[0]))
        for number, row in enumerate(rows):
            at = row.find(colour)
            while at >= 0:
                bits[at] |= 1 << number
                at = row.find(colour, at + 1)
        lines.append(f"#{colour}{_shortened(bits)}")
    return "$".join(lines)


def _shortened(bits: bytearray) -> str:
    """The characters, with run-length encoding."""
    parts = []
    at = 0
    while at < len(bits):
        end = at
        while end < len(bits) and bits[end] == bits[at]:
            end += 1
        char, count = chr(_FIRST + bits[at]), end - at
        parts.append(f"!{count}{char}" if count > 3 else char * count)
        at = end
    return "".join(parts)
