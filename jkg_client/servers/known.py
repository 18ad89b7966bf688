"""The server that the environment names: a gateway, or the user's server on a hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Union

from ..gateway.connection import JupyterConnectionInfo
from .jupyterhub.server import JupyterHubServer

KnownServer = Union[JupyterConnectionInfo, JupyterHubServer]


def known_server(environ: Mapping[str, str] | None = None) -> KnownServer:
    """The gateway of ``JUPYTER_GATEWAY_URL``, else the user's server on the hub.

    A server of a hub is started if it does not run; then it ends by ``stop``.

    Args:
        environ: Where to look; None for ``os.environ``.

    Raises:
        ValueError: The environment names neither, or says something that makes no sense.
        ServerStartError: The hub does not start the server.
        GatewayError: There is no way to the hub.
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
