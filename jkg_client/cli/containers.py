"""``jkg containers``: lists and removes the containers of servers."""

from __future__ import annotations

import argparse

from ..servers.docker.server import DockerJupyterServer
from .exit_statuses import DONE
from .screen import Screen
from .tables import aligned

DESCRIPTION = """\
List the containers that jkg and other programs with this package have started: name, status, image
and owner. An orphan is a container whose program has ended.
"""
EXAMPLES = """\
examples:
  jkg containers
  jkg containers --remove-orphans   remove containers of programs that were killed
"""


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    command.add_argument(
        "--remove-orphans",
        action="store_true",
        help="remove the orphans and print their names, instead of the list",
    )


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print the containers, or remove the orphans and print their names."""
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
    return DONE
