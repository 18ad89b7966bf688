"""Which server a command uses, and what it has."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from ..gateway.connection import JupyterConnectable, JupyterConnectionInfo
from ..gateway.rest import JupyterClient
from ..servers.docker.server import DockerJupyterServer
from ..servers.jupyterhub.server import JupyterHubServer
from ..servers.local import LocalJupyterServer
from .progress import Progress
from .screen import Screen

_PREFIX = "JUPYTER_GATEWAY_"


def server_of(
    args: argparse.Namespace, screen: Screen
) -> AbstractContextManager[JupyterConnectable]:
    """The server that the words of a command name; one that is started ends with the context."""
    if args.docker:
        server = DockerJupyterServer(on_progress=Progress(screen))
        screen.clear()
        return server
    if args.hub_server is not None and args.hub is None:
        raise ValueError("--hub-server names a server of a hub: --hub says which")
    if args.hub is not None:
        return _hub_server(args, screen)
    if args.local or not (args.url or os.environ.get(f"{_PREFIX}URL", "").strip()):
        return LocalJupyterServer()
    return nullcontext(info_of(args.url, os.environ))


def _hub_server(args: argparse.Namespace, screen: Screen) -> JupyterHubServer:
    token = os.environ.get("JKG_TOKEN") or os.environ.get("JUPYTERHUB_API_TOKEN")
    if not token:
        raise ValueError("a token of the hub is needed, in JKG_TOKEN or JUPYTERHUB_API_TOKEN")
    return JupyterHubServer(
        args.hub,
        token=token,
        server_name=args.hub_server or "",
        on_progress=lambda progress: screen.note(str(progress)),
    )


def info_of(url: str | None, environ: Mapping[str, str]) -> JupyterConnectionInfo:
    """Where a running server is.

    Args:
        url: Its address; None for the one of the environment.
        environ: ``JKG_TOKEN``, and the variables that ``JupyterConnectionInfo.from_env`` reads.

    Raises:
        ValueError: If the address or one of the variables makes no sense.
    """
    env = dict(environ)
    if url is not None:
        here, there = JupyterConnectionInfo.from_url(url), env.get(f"{_PREFIX}URL", "").strip()
        if there and JupyterConnectionInfo.from_url(there).url != here.url:
            # One server's token and headers are no other's business.
            env = {name: value for name, value in env.items() if not name.startswith(_PREFIX)}
        if here.token:
            env.pop(f"{_PREFIX}AUTH_TOKEN", None)
            env.pop("JKG_TOKEN", None)
        env[f"{_PREFIX}URL"] = here.url
        if here.token:
            env[f"{_PREFIX}AUTH_TOKEN"] = here.token
    if env.get("JKG_TOKEN"):
        env[f"{_PREFIX}AUTH_TOKEN"] = env["JKG_TOKEN"]
    return JupyterConnectionInfo.from_env(env)


def kernels(args: argparse.Namespace, screen: Screen) -> int:
    """Print the names of a server's kernels, a line each."""
    with server_of(args, screen) as server, JupyterClient(server.connection_info) as client:
        for name in sorted(client.list_kernel_specs()["kernelspecs"]):
            screen.line(name)
    return 0
