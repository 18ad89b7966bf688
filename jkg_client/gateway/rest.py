"""The REST API of a Jupyter server; with ``answers`` the only door to ``requests``.

The API: https://jupyter-server.readthedocs.io/en/latest/developers/rest-api.html
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from ..client.deadline import Deadline
from ..errors import (
    GatewayFull,
    GatewayStatus,
    GatewayTimeout,
    GatewayUnauthorized,
    GatewayUnreachable,
    KernelNotFound,
    KernelSpecNotFound,
)
from .adapter import DeadlineAdapter, StayingSession, until
from .answers import (
    PROXY_REFUSES,
    error_for,
    is_kernel_id,
    not_a_gateway,
    read_body,
    refusal_of,
    translated,
)
from .connection import JupyterConnectionInfo, channels_query, info_of
from .deadline_socket import ChannelsAddress
from .opening import Route, authorities_of, proxy_for

if TYPE_CHECKING:
    from ..client.kernel import JupyterKernelClient

LAUNCH_SECONDS = 120.0
"""Time limit to start or restart a kernel: Enterprise Gateway may schedule a pod for it."""

CONNECT_SECONDS = 10.0
"""Time limit to connect, TLS included; what is open then answers within the request's limit."""

_GET_TRIES = 3


class JupyterClient:
    """The REST API of one Jupyter server.

    Only GET is tried again when the connection breaks: a POST that was lost on its way
    back has started a kernel already.

    Args:
        connection_info: Where the server is.
        request_timeout: Seconds for each request as a whole.
    """

    def __init__(
        self, connection_info: JupyterConnectionInfo, *, request_timeout: float = 30.0
    ) -> None:
        if not request_timeout > 0:
            raise ValueError(f"request_timeout must be positive, not {request_timeout!r}")
        connection_info = self._info = info_of(connection_info)
        self._timeout = request_timeout
        self._session = StayingSession()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, DeadlineAdapter())
        # What the environment says is read here, for the WebSockets as well. ``requests`` would
        # prefer its authorities to those that were given, and ~/.netrc to our token.
        self._session.trust_env = False
        self._session.headers.update(connection_info.all_headers)
        self._authorities = authorities_of(connection_info, os.environ)
        self._proxy = proxy_for(connection_info)
        self._session.verify = self._authorities
        self._session.cert = connection_info.cert
        if self._proxy:
            self._session.proxies = {"all": self._proxy}

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Where the server is."""
        return self._info

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._session.close()

    def __enter__(self) -> JupyterClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def list_kernel_specs(self, *, timeout_seconds: float | None = None) -> dict[str, Any]:
        """Kernels that can be started: ``{"default": name, "kernelspecs": {name: …}}``.

        Raises:
            GatewayError: As every method here: ``GatewayUnreachable`` when nobody answers,
                ``GatewayTimeout`` when the answer takes too long, ``GatewayUnauthorized``
                for a wrong token, ``NotAGateway`` for an answer that no Jupyter server
                gives, ``GatewayStatus`` for any other error status.
        """
        answer = self._json("GET", "/api/kernelspecs", timeout_seconds=timeout_seconds)
        if not (isinstance(answer, dict) and isinstance(answer.get("kernelspecs"), dict)):
            raise not_a_gateway(self._info, "/api/kernelspecs", answer)
        return answer

    def list_kernels(self) -> list[dict[str, Any]]:
        """Kernels that run; kernel gateways tell only when started with ``list_kernels``."""
        answer = self._json("GET", "/api/kernels")
        if not isinstance(answer, list):
            raise not_a_gateway(self._info, "/api/kernels", answer)
        return answer

    def get_kernel(self, kernel_id: str, *, timeout_seconds: float | None = None) -> dict[str, Any]:
        """What the server says of a kernel: ``execution_state``, ``connections`` ….

        Raises:
            KernelNotFound: If there is no such kernel (any more).
        """
        return self._kernel_model("GET", _kernel_path(kernel_id), timeout_seconds=timeout_seconds)

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
            kernel_spec_name: One of ``list_kernel_specs``.
            env: Environment of the kernel. Kernel gateways pass on ``KERNEL_*`` and what
                their allow-list names, and take the rest of the environment away; Jupyter
                Server ignores it.
            path: Where it starts, relative to the server's root; kernel gateways ignore it.
            timeout_seconds: For the launch as a whole.

        Raises:
            KernelSpecNotFound: If no such kernel is installed; says which are.
            GatewayFull: If the server runs as many kernels as it may.
            ValueError: If a name or a value is no string.
        """
        request = _start_request(kernel_spec_name, env, path)
        try:
            model = self._kernel_model(
                "POST", "/api/kernels", request, timeout_seconds=timeout_seconds
            )
        except (GatewayUnauthorized, GatewayFull):
            raise
        except GatewayStatus as exc:
            # Servers answer an unknown name by 500, 501 or 404: ask what they do know.
            installed = list(self.list_kernel_specs()["kernelspecs"])
            if kernel_spec_name in installed:
                raise
            raise KernelSpecNotFound(
                f"{self._info.url} has no kernel {kernel_spec_name!r}; installed there:"
                f" {', '.join(map(str, installed)) or 'none'}"
            ) from exc
        return str(model["id"])

    def interrupt_kernel(self, kernel_id: str, *, timeout_seconds: float | None = None) -> None:
        """Interrupt what the kernel runs, as Ctrl-C would."""
        path = _kernel_path(kernel_id, "/interrupt")
        self._request("POST", path, {}, timeout_seconds=timeout_seconds)

    def restart_kernel(self, kernel_id: str, *, timeout_seconds: float = LAUNCH_SECONDS) -> None:
        """Restart the kernel; it has forgotten everything, its id stays."""
        try:
            path = _kernel_path(kernel_id, "/restart")
            self._request("POST", path, {}, timeout_seconds=timeout_seconds)
        except KernelNotFound:
            raise
        except GatewayStatus:
            self.get_kernel(kernel_id)  # 500 is how an unknown kernel is answered here
            raise

    def delete_kernel(self, kernel_id: str) -> None:
        """End the kernel."""
        try:
            self._request("DELETE", _kernel_path(kernel_id))
        except GatewayStatus as exc:
            if exc.status != 500:
                raise
            # Just after a kernel's death servers answer so, for some tenths of a second.
            time.sleep(0.3)
            self._request("DELETE", _kernel_path(kernel_id))

    def get_kernel_client(self, kernel_id: str) -> JupyterKernelClient:
        """Connect to a kernel.

        Raises:
            KernelNotFound: If there is no such kernel.
        """
        from ..client.kernel import JupyterKernelClient  # noqa: PLC0415 - they know each other

        return JupyterKernelClient(self, kernel_id)

    def channels_address(self, kernel_id: str, session: str) -> ChannelsAddress:
        """Where the kernel's WebSocket is and what the handshake needs.

        The cookies that the server has set on REST answers go along: behind a load
        balancer they lead to the process that has the kernel.
        """
        path = _kernel_path(kernel_id, "/channels")
        url = self._info.url + path
        prepared = self._session.prepare_request(requests.Request("GET", url))
        info = self._info
        route = Route(
            host=info.host,
            port=info.port or (443 if info.use_https else 80),
            authorities=self._authorities if info.use_https else None,
            cert=info.cert,
            proxy=self._proxy,
        )
        return ChannelsAddress(
            url=f"{self._info.websocket_url}{path}?{channels_query(session)}",
            headers=self._info.all_headers,
            cookie=prepared.headers.get("Cookie"),
            route=route,
        )

    def _kernel_model(
        self, method: str, path: str, body: Any = None, *, timeout_seconds: float | None
    ) -> dict[str, Any]:
        answer = self._json(method, path, body, timeout_seconds=timeout_seconds)
        if not (isinstance(answer, dict) and is_kernel_id(answer.get("id"))):
            raise not_a_gateway(self._info, path, answer)
        return answer

    def _json(
        self, method: str, path: str, body: Any = None, *, timeout_seconds: float | None = None
    ) -> Any:
        text = self._request(method, path, body, timeout_seconds=timeout_seconds)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise not_a_gateway(self._info, path, text) from None

    def _request(
        self, method: str, path: str, body: Any = None, *, timeout_seconds: float | None = None
    ) -> str:
        deadline = Deadline(self._timeout if timeout_seconds is None else timeout_seconds)
        tries = _GET_TRIES if method == "GET" else 1
        for again in range(1, tries + 1):
            try:
                return self._exchange(method, path, body, deadline)
            except GatewayTimeout:
                raise
            except (GatewayUnreachable, GatewayStatus) as exc:
                temporary = not isinstance(exc, GatewayStatus) or exc.status in {502, 503, 504}
                if again == tries or not temporary or deadline.passed:
                    raise
            time.sleep(0.1 * again * (1 + random.random()))  # noqa: S311
        raise AssertionError("unreachable: the last try returns or raises")

    def _exchange(self, method: str, path: str, body: Any, deadline: Deadline) -> str:
        request = f"{method} {self._info.url}{path}"
        with (
            translated(request, deadline, self._proxy),
            until(deadline),
            self._session.request(
                method,
                self._info.url + path,
                json=body,
                timeout=(
                    deadline.within(CONNECT_SECONDS).left() or 0.001,
                    deadline.left() or 0.001,
                ),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            text = read_body(response, request)
        if response.status_code == PROXY_REFUSES:
            raise GatewayUnreachable(f"{request}: {refusal_of(self._proxy, response)}")
        if response.status_code >= 300:
            raise error_for(self._info, response, request, text, self._proxy)
        return text


def _kernel_path(kernel_id: str, rest: str = "") -> str:
    if not isinstance(kernel_id, str) or not kernel_id:
        raise ValueError(f"a kernel's id is needed, not {kernel_id!r}")
    return f"/api/kernels/{quote(kernel_id, safe='')}{rest}"


def _start_request(name: str, env: Mapping[str, str] | None, path: str | None) -> dict[str, Any]:
    if not isinstance(name, str) or not name:
        raise ValueError(f"a kernel's name is needed, not {name!r}")
    if env and not all(isinstance(word, str) for item in env.items() for word in item):
        raise ValueError("names and values of env must be strings")
    request: dict[str, Any] = {"name": name}
    if env:
        request["env"] = dict(env)
    if path is not None:
        request["path"] = path
    return request
