"""A user's server on a JupyterHub, for as long as a program needs it."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from ...gateway.connection import Certificate, JupyterConnectionInfo
from ...gateway.rest import JupyterClient
from .api import TokenSource
from .launch import Launch
from .life import OnProgress
from .settings import HubSettings, environment_of

START_SECONDS = 300.0
"""Time limit for a server: a hub may have to find a machine and fetch an image for it."""

STOP_SECONDS = 60.0


class JupyterHubServer:
    """A user's server on a JupyterHub: started, or adopted if it runs already.

    It answers when the constructor returns. If it was started here it ends by ``stop``, by the
    end of the ``with`` block, and when this object or the program ends. A program that is
    killed leaves it to the hub.

    Args:
        url: The hub's address, with its prefix if it has one.
        token: A token of the hub, or a function without arguments that gives one that is good now.
        user: Whose server; None for the token's owner. The token of a service needs it.
        server_name: Name of the server; empty for the user's default server.
        options: What the hub's spawner is told, as its form for browsers would.
        timeout: Seconds until the server must answer.
        stop_server: True stops it at the end, False leaves it; None stops it if it was
            started here.
        on_progress: Called with what the hub says while the server starts.
        keep_active: Seconds between reports to the hub that the server is in use, so that
            it is not stopped while a long cell is silent; None for no reports.
        public_url: Where users find the hub, if ``url`` is another way to it.
        headers: Sent with every request, as those of ``JupyterConnectionInfo``.
        verify: As in ``JupyterConnectionInfo``.
        cert: As in ``JupyterConnectionInfo``.

    Raises:
        ValueError: If an argument makes no sense.
        GatewayUnauthorized: The token is wrong or lacks a scope, which is named.
        ServerStartError: The server does not start; the message has the hub's reason.
        NamedServersDisabled: The hub has no named servers.
        TooManyServers: The user has as many of them as the hub allows.
        ServerStartTimeout: It takes too long.
        GatewayUnreachable: The hub does not answer.
        NotAGateway: There is no hub.
    """

    def __init__(
        self,
        url: str,
        *,
        token: TokenSource | None = None,
        user: str | None = None,
        server_name: str = "",
        options: Mapping[str, Any] | None = None,
        timeout: float = START_SECONDS,
        stop_server: bool | None = None,
        on_progress: OnProgress | None = None,
        keep_active: float | None = None,
        public_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        cert: Certificate | None = None,
    ) -> None:
        settings = HubSettings.of(
            url,
            public_url=public_url,
            token=token,
            headers=headers,
            verify=verify,
            cert=cert,
            user=user,
            server_name=server_name,
            options=options,
            timeout=timeout,
            stop_server=stop_server,
            on_progress=on_progress,
            keep_active=keep_active,
        )
        self._launch = Launch(settings)
        # Before anything is started: neither an exception nor a forgotten stop() leaves it running.
        self._finalizer = weakref.finalize(self, self._launch.end_forgotten)
        self._launch.bring_up()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Any) -> JupyterHubServer:
        """By the variables that a hub gives its services and its users' servers.

        Read are ``JUPYTERHUB_API_URL`` and ``JUPYTERHUB_API_TOKEN`` and, if set,
        ``JUPYTERHUB_PUBLIC_HUB_URL`` or ``JUPYTERHUB_HOST``, ``JUPYTERHUB_USER`` and
        ``JUPYTERHUB_SERVER_NAME``.

        Args:
            environ: Where to look; None for ``os.environ``.
            options: Arguments of the constructor, which replace what was found.

        Raises:
            ValueError: If the first two are not set.
        """
        return cls(**{**environment_of(environ), **options})

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Where it is, with a token that is good now."""
        return self._launch.connection_info

    def get_client(self) -> JupyterClient:
        """A new client of its REST API."""
        return JupyterClient(self.connection_info)

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Stop the server if it is to be stopped, and wait for its end; may be called twice.

        What keeps it from being stopped is logged as a warning.

        Args:
            timeout_seconds: For all of it.
        """
        if self._launch.stop(timeout_seconds):
            self._finalizer.detach()

    def __repr__(self) -> str:
        state = "" if self._finalizer.alive else ", stopped"
        return f"{type(self).__name__}({self._launch.url!r}{state})"

    def __enter__(self) -> JupyterHubServer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
