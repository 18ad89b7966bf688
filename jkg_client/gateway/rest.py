"""The REST API of a Jupyter server, for users of this package.

The API: https://jupyter-server.readthedocs.io/en/latest/developers/rest-api.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..client import arguments
from ..client.channels import KernelConnection
from ..client.deadline import Deadline
from ..client.kernel import JupyterKernelClient
from ..client.timeouts import Timeouts
from ..errors import (
    GatewayFull,
    GatewayStatus,
    GatewayUnauthorized,
    KernelSpecNotFound,
    ServerNotRunning,
)
from .channels import ServerChannels
from .connection import JupyterConnectionInfo, info_of
from .deadline_socket import ChannelsAddress
from .http_session import HttpSession
from .kernel_control import LAUNCH_SECONDS, ServerKernel
from .launching import session_request, start_request
from .responses import is_kernel_id, not_a_gateway
from .websocket import WebSocketTransport


class JupyterClient:
    """The REST API of one Jupyter server.

    If a connection breaks, only GET requests are tried again: a POST whose answer was lost may
    already have started a kernel.

    Example::

        from jkg_client import LocalJupyterServer

        with LocalJupyterServer() as server, server.get_client() as client:
            print(client.list_kernel_specs()["default"])

    Args:
        connection_info: Address of the server.
        request_timeout: Time limit for each request, in seconds.

    Raises:
        ValueError: An argument is wrong.
    """

    def __init__(
        self, connection_info: JupyterConnectionInfo, *, request_timeout: float = 30.0
    ) -> None:
        request_timeout = arguments.seconds("request_timeout", request_timeout)
        self._info = info_of(connection_info, "connection_info")
        self._http = HttpSession(self._info, request_timeout)

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Address of the server."""
        return self._info

    def __repr__(self) -> str:
        return f"<JupyterClient of {self._info.url}>"

    def close(self) -> None:
        """Close the connections. A second call does nothing."""
        self._http.close()

    def __enter__(self) -> JupyterClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def list_kernel_specs(self, *, timeout_seconds: float | None = None) -> dict[str, Any]:
        """The kernels that can be started: ``{"default": name, "kernelspecs": {name: …}}``.

        Args:
            timeout_seconds: Time limit. None uses ``request_timeout``.

        Raises:
            GatewayError: Every method of this class raises it: ``GatewayUnreachable`` if nothing
                answers, ``GatewayTimeout`` if the answer takes too long, ``GatewayUnauthorized`` if
                the token is wrong, ``NotAGateway`` if the answer does not come from a Jupyter
                server, and ``GatewayStatus`` for any other error status.
        """
        limit = arguments.optional_seconds("timeout_seconds", timeout_seconds)
        answer = self._http.json("GET", "/api/kernelspecs", timeout_seconds=limit)
        if not (isinstance(answer, dict) and isinstance(answer.get("kernelspecs"), dict)):
            raise not_a_gateway(self._info, "/api/kernelspecs", answer)
        return answer

    def list_kernels(self) -> list[dict[str, Any]]:
        """The kernels that are running. Kernel gateways list them only if an option allows it.

        Raises:
            GatewayStatus: The server does not list its kernels.
        """
        answer = self._http.json("GET", "/api/kernels")
        if not isinstance(answer, list):
            raise not_a_gateway(self._info, "/api/kernels", answer)
        return answer

    def get_kernel(self, kernel_id: str, *, timeout_seconds: float | None = None) -> dict[str, Any]:
        """The server's data about a kernel, such as ``execution_state`` and ``connections``.

        Args:
            kernel_id: Id of the kernel.
            timeout_seconds: Time limit. None uses ``request_timeout``.

        Raises:
            KernelNotFound: There is no such kernel (any more).
        """
        return ServerKernel(self._http, kernel_id).model(_deadline(timeout_seconds))

    def start_kernel(
        self,
        kernel_spec_name: str,
        *,
        env: Mapping[str, str] | None = None,
        path: str | None = None,
        timeout_seconds: float = LAUNCH_SECONDS,
    ) -> str:
        """Start a kernel and return its id.

        Args:
            kernel_spec_name: Name of a kernel in ``list_kernel_specs``.
            env: Environment variables of the kernel. Kernel gateways pass on ``KERNEL_*`` variables
                and the variables on their allow-list, and remove most others. Jupyter Server
                ignores ``env``.
            path: Folder in which the kernel starts, relative to the server's root. Kernel gateways
                ignore it.
            timeout_seconds: Time limit for the whole start.

        Raises:
            KernelSpecNotFound: No such kernel is installed. The message lists the installed
                kernels.
            GatewayFull: The server already runs as many kernels as it allows.
            ValueError: A name or a value is wrong.
        """
        limit = arguments.seconds("timeout_seconds", timeout_seconds)
        request = start_request(kernel_spec_name, env, path)
        try:
            return self._launched(request, limit)
        except (GatewayUnauthorized, GatewayFull, ServerNotRunning):
            raise
        except GatewayStatus as exc:
            # Servers answer an unknown name with 500, 501 or 404. So ask for the installed kernels.
            installed = list(self.list_kernel_specs()["kernelspecs"])
            if kernel_spec_name in installed:
                raise
            # The message begins with AutoGen's words, because programs may search for these words.
            raise KernelSpecNotFound(
                f"Kernel {kernel_spec_name!r} is not installed. Server: {self._info.url};"
                f" installed there: {', '.join(map(str, installed)) or 'none'}"
            ) from exc

    def interrupt_kernel(self, kernel_id: str, *, timeout_seconds: float | None = None) -> None:
        """Interrupt the running cell of a kernel, as Ctrl-C does.

        Args:
            kernel_id: Id of the kernel.
            timeout_seconds: Time limit. None uses ``request_timeout``.

        Raises:
            KernelNotFound: There is no such kernel (any more).
        """
        ServerKernel(self._http, kernel_id).interrupt(_deadline(timeout_seconds))

    def restart_kernel(self, kernel_id: str, *, timeout_seconds: float = LAUNCH_SECONDS) -> None:
        """Restart a kernel. Its variables are gone, its id stays.

        Args:
            kernel_id: Id of the kernel.
            timeout_seconds: Time limit for the whole restart.

        Raises:
            KernelNotFound: There is no such kernel (any more).
        """
        limit = arguments.seconds("timeout_seconds", timeout_seconds)
        ServerKernel(self._http, kernel_id).restart(Deadline(limit))

    def delete_kernel(self, kernel_id: str) -> None:
        """End a kernel.

        Args:
            kernel_id: Id of the kernel.

        Raises:
            KernelNotFound: There is no such kernel (any more).
        """
        ServerKernel(self._http, kernel_id).delete()

    def connect(self, kernel_id: str, deadline: Deadline, timeouts: Timeouts) -> KernelConnection:
        """Connect to the channels of a kernel. Users call ``get_kernel_client`` instead.

        Args:
            kernel_id: Id of the kernel.
            deadline: Time limit for connecting.
            timeouts: Time limits for the use of the connection.

        Raises:
            KernelNotFound: There is no such kernel.
        """
        kernel = ServerKernel(self._http, kernel_id)

        def open_socket(session: str, deadline: Deadline) -> WebSocketTransport:
            return self._socket(kernel, session, deadline, timeouts.overtime)

        channels = ServerChannels(
            kernel.name, open_socket, kernel.model_if_told, deadline, timeouts
        )
        return KernelConnection(channels, kernel)

    def channels_address(self, kernel_id: str, session: str) -> ChannelsAddress:
        """The address of a kernel's WebSocket, and the data for its handshake.

        Args:
            kernel_id: Id of the kernel.
            session: Id of the session.
        """
        arguments.text("session", session)
        return ServerKernel(self._http, kernel_id).channels_address(session)

    def get_kernel_client(self, kernel_id: str) -> JupyterKernelClient:
        """Connect to a kernel.

        Args:
            kernel_id: Id of the kernel.

        Raises:
            KernelNotFound: There is no such kernel.
        """
        return JupyterKernelClient(self, kernel_id)

    def _socket(
        self, kernel: ServerKernel, session: str, deadline: Deadline, overtime: float
    ) -> WebSocketTransport:
        return WebSocketTransport(kernel.channels_address(session), deadline, overtime)

    def _launched(self, request: dict[str, Any], timeout_seconds: float) -> str:
        path = "/api/kernels"
        try:
            model = self._http.json("POST", path, request, timeout_seconds=timeout_seconds)
        except GatewayStatus as exc:
            if exc.status != 405:
                raise
            # jupyverse starts a kernel only together with a session.
            path, asked = "/api/sessions", session_request(request)
            session = self._http.json("POST", path, asked, timeout_seconds=timeout_seconds)
            model = session.get("kernel") if isinstance(session, dict) else session
        if not (isinstance(model, dict) and is_kernel_id(model.get("id"))):
            raise not_a_gateway(self._info, path, model)
        return str(model["id"])


def _deadline(timeout_seconds: float | None) -> Deadline:
    return Deadline(arguments.optional_seconds("timeout_seconds", timeout_seconds))
