"""Says which images and pages were saved, and which could not be."""

from __future__ import annotations

from collections.abc import Iterable

from ..rendering import Piece
from .screen import Screen
from .shown import Shown


def announce_files(pieces: Iterable[Piece], shown: Shown, screen: Screen) -> None:
    """Name the files that were made of outputs; say once if some could not be written."""
    lost = []
    for piece in pieces:
        if piece.file is not None:
            shown.saved(str(piece.file), piece.output)
        if piece.is_lost:
            lost.append(piece.text.partition("saved: ")[2].splitlines()[0])
    if lost:
        screen.note(f"images or pages that could not be saved: {len(lost)} ({lost[0]})")
