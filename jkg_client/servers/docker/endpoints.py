"""Where the Docker engine is, found as the ``docker`` command finds it."""

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
    """Where an engine is.

    Attributes:
        url: As in ``DOCKER_HOST``: ``unix://``, ``npipe://``, ``tcp://`` or ``ssh://``.
        tls: What the library wants to know of certificates; False for no TLS.
    """

    url: str
    tls: Any = False

    @property
    def host(self) -> str | None:
        """Name of the other machine, whose ports are to be reached there; None for this one.

        None for ssh, too: there, ports are brought here.
        """
        parts = urlsplit(self.url)
        if parts.scheme in ("tcp", "http", "https") and parts.hostname not in _LOOPBACK:
            return parts.hostname
        return None

    @property
    def is_ssh(self) -> bool:
        """Whether it is reached by ssh."""
        return self.url.startswith("ssh://")

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, so that files and networks of its are ours."""
        return self.host is None and not self.is_ssh


def find_endpoint(docker_host: str | None, environ: Mapping[str, str]) -> Endpoint:
    """The engine at ``docker_host``; by default the one that the ``docker`` command uses.

    That is the one named by ``DOCKER_HOST``, ``DOCKER_CONTEXT`` or the current context, or
    the one on this machine: of the system, of the user (rootless), Docker Desktop's, Podman's.

    Raises:
        ValueError: If the address is none.
        EngineError: If the context cannot be read.
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
        raise ValueError("the address of a Docker engine must not have a password in it")
    if parts.scheme not in ("unix", "npipe", "tcp", "http", "https", "ssh"):
        raise ValueError(
            f"{url!r} is not an address of a Docker engine; it begins with unix, npipe, tcp or ssh"
        )
    if parts.scheme in ("unix", "npipe"):
        return
    if not parts.hostname or (port is None and parts.scheme != "ssh"):
        raise ValueError(f"{url!r} has no host and port")


def _of_context(name: str | None) -> Endpoint | None:
    try:
        # An empty name in the configuration is no name.
        context = ContextAPI.get_context(name or get_current_context_name() or "default")
    except (DockerException, OSError, ValueError) as exc:
        raise EngineError(f"cannot read the Docker context: {exc}") from exc
    if context is None:
        raise EngineError(f"there is no Docker context {name!r}" if name else _UNREADABLE)
    if context.name == "default" or not context.Host:
        return None
    return Endpoint(context.Host, context.TLSConfig or False)


_UNREADABLE = "the current Docker context cannot be read; `docker context ls` shows them"


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
