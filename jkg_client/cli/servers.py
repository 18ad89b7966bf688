"""Opens the server, or the local kernels, that a command has chosen."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from ..client.channels import KernelProvider
from .kernel_ids import running_id
from .screen import Screen
from .tokens import given_token
from .ways import PREFIX, Way, way_of

if TYPE_CHECKING:
    from ..gateway.connection import JupyterConnectable, JupyterConnectionInfo

_RUNNING = ("url", "hub")
"""Kinds of servers that may have running kernels and need a token."""


@contextlib.contextmanager
def provider_of(args: argparse.Namespace, screen: Screen) -> Iterator[KernelProvider]:
    """The provider of kernels. A server that is started here ends with the ``with`` block.

    Raises:
        ValueError: The options contradict each other.
        JkgError: The server does not start.
        ImportError: A package is missing.
    """
    way = way_of(args)
    if getattr(args, "kernel_id", None) is not None and way.kind not in _RUNNING:
        raise ValueError("--kernel-id is for a kernel of a running server: pass its URL as --url")
    if way.kind == "embedded":
        _refuse_token(args, way)
        from ..embedded.kernels import LocalKernels

        with LocalKernels() as kernels:
            yield kernels
    else:
        from ..gateway.started_servers import provider_of as client_of

        with opened(way, args, screen) as server, client_of(server) as client:
            if getattr(args, "kernel_id", None) is not None:
                args.kernel_id = running_id(client, args.kernel_id)
            yield client


def server_of(
    args: argparse.Namespace, screen: Screen
) -> AbstractContextManager[JupyterConnectable | None]:
    """The server that a command has chosen. None for kernels of this machine without a server.

    A server that is started here ends with the ``with`` block.

    Raises:
        ValueError: The options contradict each other.
        JkgError: The server does not start.
        ImportError: A package is missing.
    """
    way = way_of(args)
    if way.kind == "embedded":
        _refuse_token(args, way)
        return nullcontext()
    return opened(way, args, screen)


def opened(
    way: Way, args: argparse.Namespace, screen: Screen
) -> AbstractContextManager[JupyterConnectable]:
    """The server of a ``Way``. Do not call it for ``embedded``."""
    if way.kind == "docker":
        return docker_server(way, args, screen)
    if way.kind == "hub":
        return _hub_server(way, args, screen)
    if way.kind == "local":
        return local_server(way, args)
    if "token=" in (way.value or ""):
        screen.note(
            "all users of this machine can see the token in --url; pass it by JKG_TOKEN,"
            " --token-file or --token-stdin"
        )
    return nullcontext(info_of(way.value, os.environ, given_token(args)))


def local_server(
    way: Way, args: argparse.Namespace, **options: Any
) -> AbstractContextManager[JupyterConnectable]:
    """Start a server on this machine, with further ``options`` of ``LocalJupyterServer``."""
    _refuse_token(args, way)
    from ..servers.local import LocalJupyterServer

    return LocalJupyterServer(**options)


def docker_server(
    way: Way, args: argparse.Namespace, screen: Screen, **options: Any
) -> AbstractContextManager[JupyterConnectable]:
    """Start a server in a container, with further ``options`` of ``DockerJupyterServer``."""
    _refuse_token(args, way)
    from ..servers.docker.server import DockerJupyterServer
    from .progress import Progress

    report = Progress(screen)
    server = DockerJupyterServer(custom_image_name=way.value, on_progress=report, **options)
    screen.clear()
    return server


def _hub_server(
    way: Way, args: argparse.Namespace, screen: Screen
) -> AbstractContextManager[JupyterConnectable]:
    from ..servers.jupyterhub.server import JupyterHubServer

    token = given_token(args) or os.environ.get("JUPYTERHUB_API_TOKEN")
    if not token:
        raise ValueError("the hub needs a token: set JKG_TOKEN or JUPYTERHUB_API_TOKEN")
    return JupyterHubServer(
        way.value or "",
        token=token,
        server_name=args.hub_server or "",
        on_progress=lambda progress: screen.note(str(progress)),
    )


def _refuse_token(args: argparse.Namespace, way: Way) -> None:
    if args.token_file is not None or args.token_stdin:
        raise ValueError(
            f"a token is only for --url and --hub: --{way.kind} starts a server with its own token"
        )


def info_of(
    url: str | None, environ: Mapping[str, str], token: str | None = None
) -> JupyterConnectionInfo:
    """The address of a running server.

    Args:
        url: URL of the server. None for the URL of the environment.
        environ: ``JKG_TOKEN``, and the variables that ``JupyterConnectionInfo.from_env`` reads.
        token: Replaces the token of the environment. A token in ``url`` has priority.

    Raises:
        ValueError: The URL or a variable is not valid.
    """
    from ..gateway.connection import JupyterConnectionInfo

    env, token = dict(environ), token or environ.get("JKG_TOKEN")
    if url is not None:
        here, there = JupyterConnectionInfo.from_url(url), env.get(f"{PREFIX}URL", "").strip()
        if there and JupyterConnectionInfo.from_url(there).url != here.url:
            # The token and headers in the environment are for another server.
            env = {name: value for name, value in env.items() if not name.startswith(PREFIX)}
        token = here.token or token
        env[f"{PREFIX}URL"] = here.url
    if token:
        env[f"{PREFIX}AUTH_TOKEN"] = token
    return JupyterConnectionInfo.from_env(env)
