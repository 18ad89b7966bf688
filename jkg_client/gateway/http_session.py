"""HTTP with one Jupyter server: headers, cookies, time limits and retries.

Only this module, ``responses`` and ``adapter`` use ``requests``.
"""

from __future__ import annotations

import json
import logging
import os
import random
import time
from typing import Any

import requests

from ..client.deadline import Deadline
from ..errors import GatewayError, GatewayStatus, GatewayTimeout, GatewayUnreachable
from .adapter import Doubt, doubted, limits, session_for
from .connecting import Route, authorities_of, proxy_for
from .connection import JupyterConnectionInfo, channels_query
from .deadline_socket import ChannelsAddress
from .hub_responses import hub_itself, may_be_of_a_hub, not_running, page_about, page_error
from .responses import (
    PROXY_REFUSES,
    error_for,
    not_a_gateway,
    read_body,
    refusal_of,
    translated,
)

_log = logging.getLogger("jkg_client")

_GET_TRIES = 3
_SILENT, _KNOCKING = 15.0, 10.0
"""Seconds without a response until we check whether the server answers at all, and the time limit
of this check."""


class HttpSession:
    """Requests to one server.

    If the connection breaks, only GET requests are tried again: a POST whose response was lost may
    already have started a kernel.

    Args:
        info: The server.
        request_timeout: Time limit for each whole request, in seconds.
    """

    def __init__(self, info: JupyterConnectionInfo, request_timeout: float) -> None:
        self.info = info
        self._timeout = request_timeout
        # The environment variables are read here, for the WebSockets, too.
        self._authorities = authorities_of(info, os.environ)
        self._proxy = proxy_for(info)
        self._session, self._process = self._new_session(), os.getpid()

    def close(self) -> None:
        """Close the connections. A second call does nothing."""
        self._session.close()

    def json(
        self, method: str, path: str, body: Any = None, *, timeout_seconds: float | None = None
    ) -> Any:
        """The response to a request, as JSON.

        Raises:
            GatewayError: See ``JupyterClient.list_kernel_specs``.
        """
        text = self.request(method, path, body, timeout_seconds=timeout_seconds)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise not_a_gateway(self.info, path, text) from None

    def request(
        self, method: str, path: str, body: Any = None, *, timeout_seconds: float | None = None
    ) -> str:
        """The response to a request, as text. Raises the same errors as ``json``."""
        deadline = Deadline(self._timeout if timeout_seconds is None else timeout_seconds)
        tries = _GET_TRIES if method == "GET" else 1
        for again in range(1, tries + 1):
            try:
                return self._exchange(method, path, body, deadline)
            except GatewayTimeout:
                raise
            except (GatewayUnreachable, GatewayStatus) as exc:
                temporary = not isinstance(exc, GatewayStatus) or exc.status in {502, 503, 504}
                pause = 0.1 * again * (1 + random.random())  # noqa: S311
                # After the deadline, another try could only report that time is up.
                if again == tries or not temporary or pause > (deadline.left() or 0.0):
                    raise
            time.sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    def channels_address(self, path: str, session: str) -> ChannelsAddress:
        """The address of a kernel's WebSocket, and the data for its handshake.

        This includes the cookies from REST responses. A load balancer needs them to choose the
        process that has the kernel.
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
        return session_for(self.info, self._authorities, self._proxy)

    def _exchange(self, method: str, path: str, body: Any, deadline: Deadline) -> str:
        if self._process != os.getpid():
            # Two processes on one connection would read each other's responses.
            self._session, self._process = self._new_session(), os.getpid()
        request = f"{method} {self.info.url}{path}"
        response, text = self._patiently(request, body, deadline)
        _log.debug("%s answered %d", request, response.status_code)
        if response.status_code == PROXY_REFUSES:
            raise GatewayUnreachable(f"{request}: {refusal_of(self._proxy, response)}")
        if response.status_code >= 300:
            raise self._hub_error(request, response, deadline) or error_for(
                self.info, response, request, text, self._proxy
            )
        return text

    def _hub_error(
        self, request: str, response: requests.Response, deadline: Deadline
    ) -> GatewayError | None:
        """The error, if a JupyterHub has answered instead of a user's server; else None."""
        status = response.status_code
        if not may_be_of_a_hub(self.info, request, status, response.headers):
            return None
        url = page_about(self.info)
        if url is None:
            return hub_itself(self.info)
        try:
            page, _ = self._answer(f"GET {url}", None, deadline)
        except GatewayError:
            return not_running(request, status) if status < 400 else None
        return page_error(request, status, (page.status_code, page.headers))

    def _patiently(
        self, request: str, body: Any, deadline: Deadline
    ) -> tuple[requests.Response, str]:
        """The response. A slow response is awaited only while the server answers other requests."""
        if (deadline.left() or 0.0) <= self._timeout:
            return self._answer(request, body, deadline)
        doubt = Doubt(min(_SILENT, self._timeout), self._knock)
        try:
            with doubted(doubt):
                return self._answer(request, body, deadline)
        except GatewayError:
            if doubt.failure is None:
                raise
            raise GatewayTimeout(
                f"{request}: {self.info.url} accepts connections but does not answer, not even"
                " GET /api; does the server hang, or does something else listen there?"
            ) from doubt.failure

    def _knock(self) -> None:
        """Raise GatewayError unless the server answers a minimal request."""
        with doubted(None):
            limit = Deadline(min(_KNOCKING, self._timeout))
            self._answer(f"GET {self.info.url}/api", None, limit)

    def _answer(self, request: str, body: Any, deadline: Deadline) -> tuple[requests.Response, str]:
        method, _, url = request.partition(" ")
        with (
            translated(request, deadline, self._proxy),
            self._session.request(
                method,
                url,
                json=body,
                timeout=limits(deadline),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            return response, read_body(response, request)
