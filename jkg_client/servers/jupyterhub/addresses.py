"""Addresses of a hub and of its users' servers, and which of them may receive a token."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from attrs import evolve

from ...errors import NotAGateway
from ...gateway.connection import JupyterConnectionInfo
from ...gateway.credentials import Certificate

API = "/hub/api"


def hub_at(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    verify: bool | str = True,
    cert: Certificate | None = None,
) -> JupyterConnectionInfo:
    """The hub at any of its addresses. ``base_path`` is the hub's prefix, without ``/hub``.

    Raises:
        ValueError: ``url`` is not the URL of a hub.
    """
    info = JupyterConnectionInfo.from_url(url, headers=headers, verify=verify, cert=cert)
    base = info.base_path.partition("/user/")[0]
    return evolve(info, base_path=base.removesuffix("/hub"))


def server_at(hub: JupyterConnectionInfo, url: str, token: str) -> JupyterConnectionInfo:
    """Address of a user's server.

    Args:
        hub: Address at which users reach the hub.
        url: Address of the server as the hub gives it: a path, or a whole URL.
        token: Token for the server.

    Raises:
        NotAGateway: The URL leads neither to the hub nor to a subdomain of it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _no_address(hub, url) from None
    path = parts.path.rstrip("/")
    # A path with ".." could lead to the server of another user.
    if not path.startswith("/") or posixpath.normpath(path) != path:
        raise _no_address(hub, url)
    if not parts.netloc:
        return evolve(hub, base_path=path, token=token)
    host, is_safe = parts.hostname or "", parts.scheme == "https" or not hub.use_https
    is_near = host == hub.host or host.endswith(f".{hub.host}")
    if not (is_near and is_safe and parts.scheme in {"http", "https"}):
        raise NotAGateway(
            f"{hub.url}: the hub gives {url[:200]!r} as the address of the server. The token is not"
            " sent there, because this is not a subdomain of the hub"
        )
    use_https = parts.scheme == "https"
    return evolve(hub, host=host, use_https=use_https, port=port, base_path=path, token=token)


def _no_address(hub: JupyterConnectionInfo, url: str) -> NotAGateway:
    return NotAGateway(f"{hub.url}: the hub gives an invalid address of a server: {url[:200]!r}")


def path_of_user(user: str) -> str:
    """Path of a user in the hub's API."""
    return f"/users/{quote(user, safe='@')}"


def path_of_server(user: str, server: str) -> str:
    """Path of a user's server in the hub's API."""
    rest = f"/servers/{quote(server, safe='@')}" if server else "/server"
    return path_of_user(user) + rest


def check_name(kind: str, name: str | None, *, may_be_empty: bool) -> None:
    """Check that ``name`` can be part of a URL of the hub.

    Raises:
        ValueError: ``name`` is not a string, or the URL would lead elsewhere.
    """
    if name is None or (name == "" and may_be_empty):
        return
    if not isinstance(name, str) or not name or name in {".", ".."}:
        raise ValueError(f"{kind} must be a name, not {name!r}")
    if "/" in name or "\\" in name or not name.isprintable() or len(name) > 255:
        raise ValueError(f"{kind} {name[:80]!r} is too long or has characters that no hub allows")
