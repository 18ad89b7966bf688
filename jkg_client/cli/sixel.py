"""Images as sixel. It needs Pillow, which whoever draws images mostly has."""

from __future__ import annotations

import io

from PIL import Image

_COLOURS = 255
_HEIGHT = 6
"""Pixels of a column that one character shows."""

_FIRST = 63
"""The character for none of them."""


def sixel(data: bytes, most: tuple[int, int]) -> str:
    """What draws the image; empty if it cannot be read.

    Args:
        data: Of the image, in any format that Pillow reads.
        most: Width and height in pixels; larger images are made smaller.
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
    """Six rows of pixels: one line of characters for each colour, one above the other."""
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
    """The characters, with what comes again and again said once."""
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
