"""A session of ``jkg console`` as a terminal shows it; ``console.txt`` is what it printed."""

from __future__ import annotations

from pathlib import Path

from .svg import Colours, box, picture, text

SESSION = Path(__file__).parent / "console.txt"
TITLE = "A session of jkg console in a terminal."
WIDTH, ROW, TOP = 880, 20, 52
PROMPTS = ("In [", "$ ")


def draw(colours: Colours) -> str:
    """The picture as SVG."""
    lines = SESSION.read_text(encoding="utf-8").splitlines()
    height = TOP + ROW * len(lines) + 8
    shapes = [box(1, 1, WIDTH - 2, height - 2, colours)]
    shapes += [
        f'<circle cx="{x}" cy="20" r="5" fill="none" stroke="{colours.line}"/>'
        for x in (20, 38, 56)
    ]
    for number, line in enumerate(lines):
        colour = colours.accent if line.startswith(PROMPTS) else colours.text
        y = TOP + ROW * number
        shapes.append(text(18, y, line, colour, anchor="start", size=13, mono=True))
    return picture(WIDTH, height, TITLE, shapes)
