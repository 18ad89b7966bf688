"""Opens the way to kernels that a command has chosen."""

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
"""Ways to servers that may have kernels of others, and that want a token."""


@contextlib.contextmanager
def provider_of(args: argparse.Namespace, screen: Screen) -> Iterator[KernelProvider]:
    """What starts kernels and knows those that run; all that was started ends with the context.

    Raises:
        ValueError: For options that make no sense together.
        JkgError: The server does not start.
        ImportError: A package is missing.
    """
    way = way_of(args)
    if getattr(args, "kernel_id", None) is not None and way.kind not in _RUNNING:
        raise ValueError("--kernel-id names a kernel of a running server: --url says which server")
    if way.kind == "embedded":
        _refuse_token(args, way)
        from ..embedded.kernels import LocalKernels

        with LocalKernels() as kernels:
            yield kernels
    else:
        from ..gateway.prespawned_kernels import provider_of as client_of

        with opened(way, args, screen) as server, client_of(server) as client:
            if getattr(args, "kernel_id", None) is not None:
                args.kernel_id = running_id(client, args.kernel_id)
            yield client


def server_of(
    args: argparse.Namespace, screen: Screen
) -> AbstractContextManager[JupyterConnectable | None]:
    """The server that a command has chosen; None for kernels of this machine without a server.

    A server that is started ends with the context.

    Raises:
        ValueError: For options that make no sense together.
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
    """The server that is at the end of a way; not of ``embedded``, which has none."""
    if way.kind == "docker":
        return docker_server(way, args, screen)
    if way.kind == "hub":
        return _hub_server(way, args, screen)
    if way.kind == "local":
        return local_server(way, args)
    if "token=" in (way.value or ""):
        screen.note(
            "everybody on this machine can see the token in --url; JKG_TOKEN, --token-file and"
            " --token-stdin hide it"
        )
    return nullcontext(info_of(way.value, os.environ, given_token(args)))


def local_server(
    way: Way, args: argparse.Namespace, **options: Any
) -> AbstractContextManager[JupyterConnectable]:
    """A server of our own on this machine; ``options`` are those of ``LocalJupyterServer``."""
    _refuse_token(args, way)
    from ..servers.local import LocalJupyterServer

    return LocalJupyterServer(**options)


def docker_server(
    way: Way, args: argparse.Namespace, screen: Screen, **options: Any
) -> AbstractContextManager[JupyterConnectable]:
    """A server of our own in a container; ``options`` are those of ``DockerJupyterServer``."""
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
        raise ValueError("a token of the hub is needed, in JKG_TOKEN or JUPYTERHUB_API_TOKEN")
    return JupyterHubServer(
        way.value or "",
        token=token,
        server_name=args.hub_server or "",
        on_progress=lambda progress: screen.note(str(progress)),
    )


def _refuse_token(args: argparse.Namespace, way: Way) -> None:
    if args.token_file is not None or args.token_stdin:
        raise ValueError(
            f"a token is for --url and --hub: what --{way.kind} starts has one of its own"
        )


def info_of(
    url: str | None, environ: Mapping[str, str], token: str | None = None
) -> JupyterConnectionInfo:
    """Where a running server is.

    Args:
        url: Its address; None for the one of the environment.
        environ: ``JKG_TOKEN``, and the variables that ``JupyterConnectionInfo.from_env`` reads.
        token: Replaces the token of the environment; one in ``url`` wins.

    Raises:
        ValueError: If the address or one of the variables makes no sense.
    """
    from ..gateway.connection import JupyterConnectionInfo

    env, token = dict(environ), token or environ.get("JKG_TOKEN")
    if url is not None:
        here, there = JupyterConnectionInfo.from_url(url), env.get(f"{PREFIX}URL", "").strip()
        if there and JupyterConnectionInfo.from_url(there).url != here.url:
            # One server's token and headers are no other's business.
            env = {name: value for name, value in env.items() if not name.startswith(PREFIX)}
        token = here.token or token
        env[f"{PREFIX}URL"] = here.url
    if token:
        env[f"{PREFIX}AUTH_TOKEN"] = token
    return JupyterConnectionInfo.from_env(env)
