"""``jkg build``: builds the image for servers in containers."""

from __future__ import annotations

import argparse

from ..servers.docker.server import DockerJupyterServer
from .exit_statuses import DONE
from .option_types import not_empty
from .progress import Progress
from .screen import Screen

DESCRIPTION = """\
Build the Docker image for --docker, unless it exists, and print its name. The Docker engine is the
one that the docker command uses.
"""
EXAMPLES = """\
examples:
  jkg build                         the bundled image
  jkg build --dockerfile ./Dockerfile
"""


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    command.add_argument(
        "--dockerfile",
        type=not_empty,
        metavar="FILE",
        help="build the image from this file (default: the bundled one)",
    )


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Build the image, and print its name."""
    progress = Progress(screen)
    name = DockerJupyterServer.build_image(args.dockerfile, on_progress=progress)
    if not progress.has_begun:
        screen.note("the image exists already")
    screen.line(name)
    return DONE
