"""``jkg serve``: runs a Jupyter server for other programs."""

from __future__ import annotations

import argparse
import json
import shlex
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .exit_statuses import DONE
from .option_types import port
from .screen import Screen
from .server_options import add_server
from .servers import docker_server, local_server, opened
from .ways import Way, chosen_way, installed_way

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..gateway.connection import JupyterConnectable, JupyterConnectionInfo

DESCRIPTION = """\
Start a Jupyter server, and keep it running until Ctrl-C. Print shell commands that set variables to
its address and token. Servers on this machine and in containers can be reached from this machine
only.
"""
EXAMPLES = """\
examples:
  jkg serve                         on a free port of this machine
  jkg serve --port 8888
  jkg serve --docker                in a container
  jkg serve --hub https://hub.example.com
                                    your server of a hub

  Run the printed lines in another shell. Then jkg, and all programs that read JUPYTER_GATEWAY_URL,
  use this server there. Everybody who knows the token can run code with your rights.
"""

_DEFAULT = "Which server to start. Default: --local."

_LISTS = {"KG_LIST_KERNELS": "1"}
"""Environment variable with which kernel gateways list their kernels, for ``jkg kernels``."""

_PAUSE = 2.0
"""Seconds between two checks whether the server still answers."""


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_server(command, default=_DEFAULT, hidden=("embedded", "url"))
    command.add_argument("--port", type=port, help="port to listen on (default: a free one)")
    command.add_argument(
        "--json",
        action="store_true",
        dest="document",
        help="print address and token as one JSON document",
    )


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Serve until a signal comes.

    Raises:
        ValueError: The options start no server.
        JkgError: The server does not start, or it ends.
        KeyboardInterrupt: A signal arrived.
    """
    with _started(_way(args), args, screen) as server:
        info = server.connection_info
        screen.line(json.dumps(_variables(info)) if args.document else _exports(info))
        if screen.out is not None and screen.out.isatty():
            screen.note("to use the server, run the lines above in another shell, then jkg there")
        screen.note("the server runs until Ctrl-C")
        _watch(info)
    return DONE


def _way(args: argparse.Namespace) -> Way:
    way = chosen_way(args) or installed_way("local")
    if way is None:
        raise ImportError(
            'no kernel gateway is installed here: pip install "jkg-client[local]", or use --docker'
        )
    if way.kind == "embedded":
        raise ValueError("--embedded runs kernels without a server: use --local or --docker")
    if way.kind == "url":
        raise ValueError(
            f"{way.origin} names a server that is already running; --local and --docker start one"
        )
    return way


def _started(
    way: Way, args: argparse.Namespace, screen: Screen
) -> AbstractContextManager[JupyterConnectable]:
    if way.kind == "local":
        return local_server(way, args, port=args.port or None, env=_LISTS)
    if way.kind == "docker":
        return docker_server(way, args, screen, port=args.port or None, docker_env=_LISTS)
    if args.port is not None:
        raise ValueError("--port: the hub chooses the address of its servers")
    return opened(way, args, screen)


def _variables(info: JupyterConnectionInfo) -> Mapping[str, str | None]:
    return {"JUPYTER_GATEWAY_URL": info.url, "JUPYTER_GATEWAY_AUTH_TOKEN": info.token}


def _exports(info: JupyterConnectionInfo) -> str:
    return "\n".join(
        f"export {name}={shlex.quote(value)}"
        for name, value in _variables(info).items()
        if value is not None
    )


def _watch(info: JupyterConnectionInfo) -> None:
    """Wait for a signal, and check regularly whether the server still answers."""
    from ..gateway.rest import JupyterClient

    wakes_up = threading.Event()
    with JupyterClient(info) as client:
        while not wakes_up.wait(_PAUSE):
            client.list_kernel_specs()
