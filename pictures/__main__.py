"""``python -m pictures``: draw all of them, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from . import benchmark, console, house, ways
from .svg import DARK, LIGHT, Colours

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "pictures"

PICTURES: Mapping[str, Callable[[Colours], str]] = {
    "ways": ways.draw,
    "house": house.draw,
    "benchmark": benchmark.draw,
    "console": console.draw,
}


def drawn() -> dict[str, str]:
    """All pictures, by the names of their files."""
    pictures = dict(PICTURES)
    if not console.SESSION.exists():
        del pictures["console"]
    return {
        f"{name}-{theme}.svg": draw(colours)
        for name, draw in pictures.items()
        for theme, colours in (("light", LIGHT), ("dark", DARK))
    }


def main() -> None:
    """Write all pictures, and print their paths."""
    for name, picture in drawn().items():
        (FOLDER / name).write_text(picture, encoding="utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
