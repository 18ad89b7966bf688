"""Images and containers of servers: ``jkg build`` and ``jkg containers``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from ..servers.docker.server import DockerJupyterServer
from .progress import Progress
from .screen import Screen


def build(args: argparse.Namespace, screen: Screen) -> int:
    """Build the image of servers, and print its name."""
    progress = Progress(screen)
    name = DockerJupyterServer.build_image(args.dockerfile, on_progress=progress)
    if not progress.has_begun:
        screen.note("the image is there already")
    screen.line(name)
    return 0


def containers(args: argparse.Namespace, screen: Screen) -> int:
    """Print which containers of servers there are, or which are removed."""
    if args.remove_orphans:
        lines = iter(DockerJupyterServer.remove_orphans())
    else:
        lines = aligned(
            [
                (one.name, one.status, one.image, one.owner, "orphan" if one.is_orphan else "")
                for one in DockerJupyterServer.containers()
            ]
        )
    for line in lines:
        screen.line(line)
    return 0


def aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows as lines, so that the columns stand one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
