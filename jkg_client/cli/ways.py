"""Chooses where the kernel runs, by the options, the environment, or the installed packages."""

from __future__ import annotations

import argparse
import importlib.util
import os
from collections.abc import Mapping
from typing import Literal

from attrs import frozen

PREFIX = "JUPYTER_GATEWAY_"

Kind = Literal["embedded", "local", "docker", "url", "hub"]

_NEEDED: Mapping[Kind, tuple[str, ...]] = {
    "embedded": ("zmq", "jupyter_core"),
    "local": ("kernel_gateway",),
}


@frozen
class Way:
    """A place where kernels run: a server, a container, or this machine.

    Attributes:
        kind: Name of the option that chooses this place.
        value: The image or the address. None for the default image, or for the address in the
            environment.
        origin: Where the choice comes from: an option, a variable, or ``default``.
    """

    kind: Kind
    value: str | None
    origin: str


def is_installed(kind: Kind) -> bool:
    """Whether all packages for this kind of ``Way`` are installed."""
    return all(importlib.util.find_spec(name) is not None for name in _NEEDED.get(kind, ()))


def way_of(args: argparse.Namespace) -> Way:
    """The ``Way`` of a command: chosen by its options or the environment, or the default.

    Args:
        args: Options of the command.

    Raises:
        ValueError: The options contradict each other.
        ImportError: Nothing was chosen, and nothing is installed.
    """
    way = chosen_way(args) or installed_way("embedded", "local")
    if way is None:
        raise ImportError(
            "no kernel can run here, because no option names a server and ipykernel is not"
            ' installed: use --url or --docker, or install it: pip install "jkg-client[embedded]"'
        )
    return way


def chosen_way(args: argparse.Namespace) -> Way | None:
    """The ``Way`` that the options or the environment choose.

    Raises:
        ValueError: The options contradict each other.
    """
    chosen = _chosen(args)
    if args.hub_server is not None and chosen != Way("hub", args.hub, "--hub"):
        raise ValueError("--hub-server needs --hub with the URL of the hub")
    if chosen is None and os.environ.get(f"{PREFIX}URL", "").strip():
        return Way("url", None, f"{PREFIX}URL")
    return chosen


def installed_way(*kinds: Kind) -> Way | None:
    """The first of these kinds that is installed."""
    return next((Way(kind, None, "default") for kind in kinds if is_installed(kind)), None)


def _chosen(args: argparse.Namespace) -> Way | None:
    if args.embedded:
        return Way("embedded", None, "--embedded")
    if args.local:
        return Way("local", None, "--local")
    if args.docker is not None:
        return Way("docker", None if args.docker is True else args.docker, "--docker")
    if args.url is not None:
        return Way("url", args.url, "--url")
    return Way("hub", args.hub, "--hub") if args.hub is not None else None
