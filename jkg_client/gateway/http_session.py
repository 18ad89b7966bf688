"""HTTP with one Jupyter server: headers, cookies, time limits, and what is tried again.

With ``answers`` and ``adapter`` the only door to ``requests``.
"""

from __future__ import annotations

import json
import os
import random
import time
from typing import Any

import requests
from urllib3 import Timeout

from ..client.deadline import Deadline
from ..errors import GatewayStatus, GatewayTimeout, GatewayUnreachable
from .adapter import DeadlineAdapter, StayingSession
from .answers import (
    PROXY_REFUSES,
    error_for,
    not_a_gateway,
    read_body,
    refusal_of,
    translated,
)
from .connection import JupyterConnectionInfo, channels_query
from .deadline_socket import ChannelsAddress
from .opening import Route, authorities_of, proxy_for

CONNECT_SECONDS = 10.0
"""Time limit to connect, TLS included; what is open then answers within the request's limit."""

_GET_TRIES = 3


class HttpSession:
    """Requests to one server.

    Only GET is tried again when the connection breaks: a POST that was lost on its way
    back has started a kernel already.

    Args:
        info: Where the server is.
        request_timeout: Seconds for each request as a whole.
    """

    def __init__(self, info: JupyterConnectionInfo, request_timeout: float) -> None:
        self.info = info
        self._timeout = request_timeout
        # What the environment says is read here, for the WebSockets as well.
        self._authorities = authorities_of(info, os.environ)
        self._proxy = proxy_for(info)
        self._session, self._process = self._new_session(), os.getpid()

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._session.close()

    def json(
        self, method: str, path: str, body: Any = None, *, timeout_seconds: float | None = None
    ) -> Any:
        """The answer to a request, as JSON.

        Raises:
            GatewayError: As ``JupyterClient.list_kernel_specs`` says.
        """
        text = self.request(method, path, body, timeout_seconds=timeout_seconds)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise not_a_gateway(self.info, path, text) from None

    def request(
        self, method: str, path: str, body: Any = None, *, timeout_seconds: float | None = None
    ) -> str:
        """The answer to a request, as text; raises as ``json`` does."""
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

    def channels_address(self, path: str, session: str) -> ChannelsAddress:
        """Where a kernel's WebSocket is and what the handshake needs.

        The cookies that the server has set on REST answers go along: behind a load
        balancer they lead to the process that has the kernel.
        """
        info = self.info
        request = requests.Request("GET", info.url + path)
        return ChannelsAddress(
            url=f"{info.websocket_url}{path}?{channels_query(session)}",
            headers=info.all_headers,
            cookie=self._session.prepare_request(request).headers.get("Cookie"),
            route=Route(
                host=info.host,
                port=info.port or (443 if info.use_https else 80),
                authorities=self._authorities if info.use_https else None,
                cert=info.cert,
                proxy=self._proxy,
            ),
        )

    def _new_session(self) -> requests.Session:
        session = StayingSession()
        for scheme in ("http://", "https://"):
            session.mount(scheme, DeadlineAdapter())
        # ``requests`` would prefer the environment's authorities to those that were given, and
        # ~/.netrc to our token.
        session.trust_env = False
        session.headers.update(self.info.all_headers)
        session.verify = self._authorities
        session.cert = self.info.cert
        if self._proxy:
            session.proxies = {"all": self._proxy}
        return session

    def _exchange(self, method: str, path: str, body: Any, deadline: Deadline) -> str:
        if self._process != os.getpid():
            # Two processes on one connection would read each other's answers.
            self._session, self._process = self._new_session(), os.getpid()
        request = f"{method} {self.info.url}{path}"
        left = deadline.left() or 0.001
        with (
            translated(request, deadline, self._proxy),
            self._session.request(
                method,
                self.info.url + path,
                json=body,
                timeout=Timeout(connect=min(left, CONNECT_SECONDS), read=left, total=left),  # type: ignore[arg-type]  # requests takes it, its stubs do not
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            text = read_body(response, request)
        if response.status_code == PROXY_REFUSES:
            raise GatewayUnreachable(f"{request}: {refusal_of(self._proxy, response)}")
        if response.status_code >= 300:
            raise error_for(self.info, response, request, text, self._proxy)
        return text
