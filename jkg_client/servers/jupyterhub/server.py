"""A user's server on a JupyterHub, for as long as a program needs it."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from ...client import arguments
from ...gateway.connection import JupyterConnectionInfo
from ...gateway.credentials import Certificate
from ...gateway.rest import JupyterClient
from .api import TokenSource
from .launch import Launch
from .lifecycle import OnProgress
from .settings import HubSettings, environment_of

START_SECONDS = 300.0
"""Time limit for a start: a hub may have to start a machine and fetch an image."""

STOP_SECONDS = 60.0


class JupyterHubServer:
    """A user's server on a JupyterHub. It is started, or used if it is already running.

    The constructor returns when the server answers. A server that was started here ends with
    ``stop``, with the ``with`` block, and when this object or the program ends. If the program is
    killed, the hub has to stop the server.

    Example::

        with JupyterHubServer("https://hub.example.com", token=token) as server:
            with JupyterCodeExecutor(server) as executor:
                print(executor.execute_code_blocks([CodeBlock("6 * 7", "python")]).output)

    Args:
        url: Address of the hub, with its prefix if it has one.
        token: A token of the hub, or a function without arguments that returns a valid token.
        user: Owner of the server. None for the owner of the token. Required for a service's token.
        server_name: Name of the server. Empty for the user's default server.
        options: Options for the hub's spawner, in the format of its form in the browser.
        timeout: Time limit for the server to start, in seconds.
        stop_server: Whether ``stop`` stops the server. If None, ``stop`` stops it
            only if this object started it.
        on_progress: Function that is called with each ``ServerProgress`` of the hub.
        keep_active: Seconds between reports to the hub that the server is in use. Without reports,
            the hub may stop the server while a long cell prints nothing. None for no reports.
        public_url: Address of the hub for its users, if ``url`` is another address.
        headers: As in ``JupyterConnectionInfo``.
        verify: As in ``JupyterConnectionInfo``.
        cert: As in ``JupyterConnectionInfo``.

    Raises:
        ValueError: An argument is wrong.
        GatewayUnauthorized: The token is wrong, or it lacks a scope. The message names the scope.
        ServerStartError: The server does not start. The message has the hub's reason.
        NamedServersDisabled: The hub does not allow named servers.
        TooManyServers: The user has as many named servers as the hub allows.
        ServerStartTimeout: The server does not start within the time limit.
        GatewayUnreachable: The hub does not answer.
        NotAGateway: There is no hub at this address.
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
        # Do this before the start, so that no exception or forgotten stop() leaves the server
        # running.
        self._finalizer = weakref.finalize(self, self._launch.end_forgotten)
        self._launch.bring_up()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Any) -> JupyterHubServer:
        """Take the arguments from the variables that a hub sets for services and users' servers.

        These are ``JUPYTERHUB_API_URL`` and ``JUPYTERHUB_API_TOKEN`` and, if set,
        ``JUPYTERHUB_PUBLIC_HUB_URL`` or ``JUPYTERHUB_HOST``, ``JUPYTERHUB_USER`` and
        ``JUPYTERHUB_SERVER_NAME``.

        Args:
            environ: The variables. None for ``os.environ``.
            options: Arguments of the constructor. They override the variables.

        Raises:
            ValueError: One of the first two variables is not set.
        """
        return cls(**{**environment_of(environ), **options})

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """The address of the server, with a token that is valid now."""
        return self._launch.connection_info

    def get_client(self) -> JupyterClient:
        """A new client for the REST API of the server."""
        return JupyterClient(self.connection_info)

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Stop the server, unless it is kept, and wait for its end. A second call does nothing.

        If the server cannot be stopped, a warning is logged.

        Args:
            timeout_seconds: Time limit for the whole stop.
        """
        arguments.pause("timeout_seconds", timeout_seconds)
        if self._launch.stop(timeout_seconds):
            self._finalizer.detach()

    def __repr__(self) -> str:
        state = "" if self._finalizer.alive else ", stopped"
        return f"{type(self).__name__}({self._launch.url!r}{state})"

    def __enter__(self) -> JupyterHubServer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
