"""The server that environment variables name: a gateway, or the user's server on a hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Union

from ..gateway.connection import JupyterConnectionInfo
from .jupyterhub.server import JupyterHubServer

KnownServer = Union[JupyterConnectionInfo, JupyterHubServer]


def known_server(environ: Mapping[str, str] | None = None) -> KnownServer:
    """The gateway of ``JUPYTER_GATEWAY_URL``; without it, the user's server on the hub.

    A server of a hub is started if it is not running. Then ``stop`` ends it.

    Args:
        environ: Environment variables. None for ``os.environ``.

    Raises:
        ValueError: The variables name no server, or a value is not valid.
        ServerStartError: The hub does not start the server.
        GatewayError: The hub cannot be reached.
    """
    env = os.environ if environ is None else environ
    if env.get("JUPYTER_GATEWAY_URL", "").strip():
        return JupyterConnectionInfo.from_env(env)
    if env.get("JUPYTERHUB_API_URL", "").strip():
        return JupyterHubServer.from_env(env)
    raise ValueError(
        "the environment names no server: set JUPYTER_GATEWAY_URL for a gateway, or"
        " JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN for a hub"
    )
