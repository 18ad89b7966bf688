"""Shapes of SVG, in the colours of a light or a dark page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from xml.sax.saxutils import escape

FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"


class Colours(NamedTuple):
    """Colours of one picture."""

    text: str
    quiet: str
    line: str
    box: str
    accent: str


LIGHT = Colours("#1f2328", "#59636e", "#8c959f", "#f6f8fa", "#0969da")
DARK = Colours("#f0f6fc", "#9198a1", "#656c76", "#151b23", "#4493f8")


def picture(width: float, height: float, title: str, shapes: Iterable[str]) -> str:
    """The whole file. Screen readers read the title."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img"'
        f' font-family="{FONT}" font-size="14">'
    )
    return "\n".join([head, f"<title>{escape(title)}</title>", *shapes, "</svg>", ""])


def box(
    x: float, y: float, width: float, height: float, colours: Colours, *, accent: bool = False
) -> str:
    """A rectangle with round corners."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8"'
        f' fill="{colours.box}" stroke="{colours.accent if accent else colours.line}"/>'
    )


def bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    """A filled rectangle."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="2" fill="{colour}"/>'
    )


def arrow(x: float, y: float, to: float, colours: Colours) -> str:
    """An arrow to the right."""
    return (
        f'<path d="M{x:g} {y:g} H{to:g}" stroke="{colours.line}" stroke-width="1.5"/>'
        f'<path d="M{to:g} {y - 4:g} l6 4 l-6 4 z" fill="{colours.line}"/>'
    )


def text(
    x: float,
    y: float,
    words: str,
    colour: str,
    *,
    anchor: str = "middle",
    size: int = 14,
    weight: int = 400,
    mono: bool = False,
) -> str:
    """One line of text."""
    family = f' font-family="{MONO}" xml:space="preserve"' if mono else ""
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}" font-size="{size}"'
        f' font-weight="{weight}"{family}>{escape(words)}</text>'
    )
