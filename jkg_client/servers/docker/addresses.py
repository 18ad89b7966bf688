"""Where a container's server is to be reached, by what the engine says of the container.

The engine's words: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerInspect
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
_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_TOLD = (Path("/proc/self/mountinfo"), Path("/proc/self/cgroup"))


def address_of(
    container: Json, *, host: str | None = None, shared: Collection[str] = ()
) -> tuple[str, int] | None:
    """Host and port; None if it cannot be reached (yet).

    Args:
        container: What the engine says of it.
        host: Name of the engine's machine; None for this one.
        shared: Networks in which we are ourselves.
    """
    networks = networks_of(container)
    for name, network in networks.items():
        if name in shared and (ip := _ip(network)):
            return ip, PORT
    if container["HostConfig"].get("NetworkMode") == "host":
        return host or _LOOPBACK[4], PORT
    for ip, port in sorted(_bindings(container), key=lambda binding: binding[0].version):
        # "Everywhere" is no place to go to.
        here = host or (_LOOPBACK[ip.version] if ip.is_unspecified else str(ip))
        return here, port
    if host is None:
        # Unpublished, as in an internal network: this machine is a neighbour in all of its own.
        return next(((ip, PORT) for ip in map(_ip, networks.values()) if ip), None)
    return None


def networks_of(container: Json) -> dict[str, Any]:
    """Networks that a container is in, by name."""
    return dict(container["NetworkSettings"].get("Networks") or {})


def own_ids(name: str) -> Iterator[str]:
    """Ids or names that the container may have in which this program runs; none outside.

    Args:
        name: This machine's.
    """
    if any(mark.exists() for mark in _MARKS):
        found = (match for path in _TOLD for match in _ID.findall(_read(path)))
        yield from dict.fromkeys([*found, name])


def _ip(network: Json) -> str:
    return str(network.get("IPAddress") or network.get("GlobalIPv6Address") or "")


def _bindings(container: Json) -> Iterator[tuple[Any, int]]:
    ports = container["NetworkSettings"].get("Ports") or {}
    for binding in ports.get(f"{PORT}/tcp") or ():
        if binding.get("HostPort"):
            yield ipaddress.ip_address(binding.get("HostIp") or "0.0.0.0"), int(binding["HostPort"])  # noqa: S104


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
