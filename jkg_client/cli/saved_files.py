"""Reports which images and pages were saved, and how many could not be saved."""

from __future__ import annotations

from collections.abc import Iterable

from ..rendering import Piece
from .screen import Screen
from .shown import Shown


def announce_files(pieces: Iterable[Piece], shown: Shown, screen: Screen) -> None:
    """Show the paths of saved files, and one note if some could not be saved."""
    lost = []
    for piece in pieces:
        if piece.file is not None:
            shown.saved(str(piece.file), piece.output)
        if piece.is_lost:
            lost.append(piece.text.partition("saved: ")[2].splitlines()[0])
    if lost:
        screen.note(f"images or web pages that could not be saved: {len(lost)} ({lost[0]})")
