"""Finds the Docker engine in the same way as the ``docker`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen
from docker.constants import DEFAULT_NPIPE
from docker.context import ContextAPI
from docker.context.config import get_current_context_name
from docker.errors import DockerException
from docker.utils import kwargs_from_env

from ...errors import EngineError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@frozen
class Endpoint:
    """Address of an engine.

    Attributes:
        url: As in ``DOCKER_HOST``: ``unix://``, ``npipe://``, ``tcp://`` or ``ssh://``.
        tls: TLS configuration of the Docker library. False for no TLS.
    """

    url: str
    tls: Any = False

    @property
    def host(self) -> str | None:
        """Host at which published ports are reached. None for this machine.

        None for ssh, too, because ssh forwards the ports to this machine.
        """
        parts = urlsplit(self.url)
        if parts.scheme in ("tcp", "http", "https") and parts.hostname not in _LOOPBACK:
            return parts.hostname
        return None

    @property
    def is_ssh(self) -> bool:
        """Whether the engine is reached by ssh."""
        return self.url.startswith("ssh://")

    @property
    def is_here(self) -> bool:
        """Whether the engine is on this machine and so has the same files and networks."""
        return self.host is None and not self.is_ssh


def find_endpoint(docker_host: str | None, environ: Mapping[str, str]) -> Endpoint:
    """The engine at ``docker_host``; by default the engine of the ``docker`` command.

    ``DOCKER_HOST``, ``DOCKER_CONTEXT`` or the current context name that engine. Without them, the
    engine is on this machine: the engine of the system, of the user (rootless), of Docker Desktop
    or of Podman.

    Raises:
        ValueError: The address is not valid.
        EngineError: The context cannot be read.
    """
    address = docker_host or environ.get("DOCKER_HOST")
    if not address:
        return _of_context(environ.get("DOCKER_CONTEXT")) or Endpoint(_of_this_machine(environ))
    url = address if "://" in address else f"tcp://{address}"
    _check(url)
    tls = kwargs_from_env(dict(environ)).get("tls", False) if environ else False
    return Endpoint(url, tls if url.startswith(("tcp://", "https://")) else False)


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ValueError(f"{url!r} is not an address of a Docker engine: {exc}") from exc
    if parts.password:
        raise ValueError("the address of a Docker engine must not contain a password")
    if parts.scheme not in ("unix", "npipe", "tcp", "http", "https", "ssh"):
        raise ValueError(
            f"{url!r} is not an address of a Docker engine; use unix://, npipe://, tcp:// or ssh://"
        )
    if parts.scheme in ("unix", "npipe"):
        return
    if not parts.hostname or (port is None and parts.scheme != "ssh"):
        raise ValueError(f"{url!r} has no host and port")


def _of_context(name: str | None) -> Endpoint | None:
    try:
        # The configuration may have an empty name.
        context = ContextAPI.get_context(name or get_current_context_name() or "default")
    except (DockerException, OSError, ValueError) as exc:
        raise EngineError(f"cannot read the Docker context: {exc}") from exc
    if context is None:
        raise EngineError(f"there is no Docker context {name!r}" if name else _UNREADABLE)
    if context.name == "default" or not context.Host:
        return None
    return Endpoint(context.Host, context.TLSConfig or False)


_UNREADABLE = "the current Docker context cannot be read; `docker context ls` lists all contexts"


def _of_this_machine(environ: Mapping[str, str]) -> str:
    sockets = list(_sockets(environ))
    if not sockets:
        return DEFAULT_NPIPE
    return f"unix://{next((path for path in sockets if path.exists()), sockets[0])}"


def _sockets(environ: Mapping[str, str]) -> Iterator[Path]:
    if sys.platform == "win32":
        return
    yield Path("/var/run/docker.sock")
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    yield runtime / "docker.sock"
    yield Path("~/.docker/run/docker.sock").expanduser()
    yield runtime / "podman/podman.sock"
    yield Path("/run/podman/podman.sock")
