"""Finds the address of a container's server in the engine's description of the container.

The description: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerInspect
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from .options import PORT

Json = Mapping[str, Any]

_LOOPBACK = {4: "127.0.0.1", 6: "::1"}
_ID = re.compile(r"(?:containers/|docker[/-]|libpod-)([0-9a-f]{64})")
_MARKS = (".dockerenv", "run/.containerenv")


def address_of(
    container: Json, *, host: str | None = None, shared: Collection[str] = ()
) -> tuple[str, int] | None:
    """Host and port of the server. None if it cannot be reached (yet).

    Args:
        container: The engine's description of the container.
        host: Name of the engine's machine. None for this machine.
        shared: Networks to which the container of this program is connected, too.
    """
    networks = networks_of(container)
    for name, network in networks.items():
        if name in shared and (ip := _ip(network)):
            return ip, PORT
    if container["HostConfig"].get("NetworkMode") == "host":
        return host or _LOOPBACK[4], PORT
    for ip, port in sorted(_bindings(container), key=lambda binding: binding[0].version):
        # A client cannot connect to 0.0.0.0, which means "all addresses".
        here = host or (_LOOPBACK[ip.version] if ip.is_unspecified else str(ip))
        return here, port
    if host is None:
        # The port is not published, as in an internal network. The engine's own machine can
        # reach containers in all its networks.
        return next(((ip, PORT) for ip in map(_ip, networks.values()) if ip), None)
    return None


def networks_of(container: Json) -> dict[str, Any]:
    """Networks that a container is in, by name."""
    return dict(container["NetworkSettings"].get("Networks") or {})


def own_ids(name: str, root: Path = Path("/")) -> Iterator[str]:
    """Possible ids or names of the container of this program. Empty outside of containers.

    Args:
        name: Host name of this machine.
        root: Root of the file system.
    """
    if any((root / mark).exists() for mark in _MARKS):
        # Only the source of each mount is read: a mount point may contain another container's id.
        mounts = (line.split()[3:4] for line in _lines(root / "proc/self/mountinfo"))
        told = [*(word for words in mounts for word in words), *_lines(root / "proc/self/cgroup")]
        yield from dict.fromkeys([*_ID.findall("\n".join(told)), name])


def _ip(network: Json) -> str:
    return str(network.get("IPAddress") or network.get("GlobalIPv6Address") or "")


def _bindings(container: Json) -> Iterator[tuple[Any, int]]:
    ports = container["NetworkSettings"].get("Ports") or {}
    for binding in ports.get(f"{PORT}/tcp") or ():
        if binding.get("HostPort"):
            yield ipaddress.ip_address(binding.get("HostIp") or "0.0.0.0"), int(binding["HostPort"])  # noqa: S104


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
