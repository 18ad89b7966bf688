"""HTTP connections with one time limit for a whole response.

The time limits of ``requests`` start again with every piece that arrives. A server that sends its
response slowly, byte by byte, could block the client for ever.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from http.cookies import SimpleCookie
from typing import Any

import requests
from attrs import define
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

from ..client.deadline import Deadline
from ..errors import GatewayError
from .connecting import Authorities
from .connection import JupyterConnectionInfo

CONNECT_SECONDS = 10.0
"""Time limit to connect, including TLS. The limit of the request applies afterwards."""

_XSRF_COOKIE, _XSRF = "_xsrf", "jkg-client"
_DOUBT = 1.0
"""Seconds without a TLS response. Then we check whether the server speaks plain HTTP."""


class PlainHttp(ssl.SSLError):
    """The URL says https, but the server speaks plain HTTP."""


class DeadlineAdapter(HTTPAdapter):
    """An adapter with deadlines, for ``requests.Session.mount``."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the connection pools for servers without a proxy."""
        super().init_poolmanager(*args, **kwargs)
        _use_our_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """The connection pools for servers that are reached through ``proxy``."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            _use_our_pools(manager)
        return manager


class StayingSession(requests.Session):
    """Follows no redirects and does not parse their targets, which may be invalid URLs."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Always None, so that no redirect is followed."""


def session_for(
    info: JupyterConnectionInfo, authorities: Authorities, proxy: str | None
) -> requests.Session:
    """A new session with a server.

    Args:
        info: The server. Its headers and its client certificate are used.
        authorities: The result of ``authorities_of``.
        proxy: The result of ``proxy_for``.
    """
    session = StayingSession()
    for scheme in ("http://", "https://"):
        session.mount(scheme, DeadlineAdapter())
    # Otherwise ``requests`` would prefer the environment's authorities to those of the caller, and
    # ~/.netrc to our token.
    session.trust_env = False
    session.headers.update(info.all_headers)
    if not any(name.lower() == "authorization" for name in info.all_headers):
        session.auth = _with_xsrf
    session.verify = authorities
    session.cert = info.cert
    if proxy:
        session.proxies = {"all": proxy}
    return session


def limits(deadline: Deadline) -> Any:
    """The ``timeout`` argument of a request. It limits the whole response."""
    left = deadline.left() or 0.001
    return Timeout(connect=min(left, CONNECT_SECONDS), read=left, total=left)


def _with_xsrf(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send the same XSRF value as cookie and as header. A Jupyter Server without token checks this.

    The check protects the server from requests that a foreign web page sends through a browser.
    """
    said = SimpleCookie(request.headers.get("Cookie", "")).get(_XSRF_COOKIE)
    if said is None:
        cookies = filter(None, (request.headers.get("Cookie"), f"{_XSRF_COOKIE}={_XSRF}"))
        request.headers["Cookie"] = "; ".join(cookies)
    request.headers["X-XSRFToken"] = _XSRF if said is None else said.value
    return request


@define
class Doubt:
    """Finds out whether a server with a slow response is working or dead.

    Attributes:
        seconds: Time to wait for the response before ``check`` is called. It is called only once.
        check: Raises ``GatewayError`` if the server is dead. The request is given up then.
        failure: The exception that ``check`` has raised.
    """

    seconds: float
    check: Callable[[], object]
    failure: GatewayError | None = None

    def settle(self) -> None:
        """Call ``check``. Raise ``socket.timeout`` if the server is dead."""
        try:
            self.check()
        except GatewayError as exc:
            self.failure = exc
            raise socket.timeout("the server is silent") from exc


_doubt: ContextVar[Doubt | None] = ContextVar("_doubt", default=None)


@contextlib.contextmanager
def doubted(doubt: Doubt | None) -> Iterator[None]:
    """Use ``doubt`` for the responses that are awaited in the ``with`` block. None for no check."""
    token = _doubt.set(doubt)
    try:
        yield
    finally:
        _doubt.reset(token)


class _Reader(io.RawIOBase):
    """Reads from a socket until the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._deadline = deadline
        self._doubt = _doubt.get()
        self._doubtful = deadline.within(self._doubt.seconds if self._doubt else 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._doubt is not None:
            self._sock.settimeout(self._doubtful.left() or 0.001)
            # Do not read from the raw stream: it cannot be read again after a timeout.
            with contextlib.suppress(socket.timeout):
                if not self._doubtful.passed:
                    return self._sock.recv_into(buffer)
            doubt, self._doubt = self._doubt, None
            doubt.settle()
        left = self._deadline.left()
        if left == 0.0:
            raise socket.timeout("the response did not arrive in time")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # The socket's timeout is the time left for the request, because urllib3 got a limit for the
        # whole request.
        reader = _Reader(self.fp.detach(), sock, Deadline(sock.gettimeout()))
        self.fp = io.BufferedReader(reader)


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer

    def connect(self) -> None:
        whole = self.timeout
        if self.proxy is not None or not isinstance(whole, (int, float)) or whole <= _DOUBT:
            super().connect()
            return
        # A plain HTTP server waits for the end of a line, which TLS never sends. So wait only
        # briefly.
        self.timeout = _DOUBT
        with contextlib.suppress(socket.timeout, ConnectTimeoutError):
            super().connect()
            return
        self.close()
        if _speaks_http(self.host, self.port or 443):
            raise PlainHttp("plain HTTP")
        self.timeout = whole - _DOUBT
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _speaks_http(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), _DOUBT) as stream:
        stream.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return stream.recv(5) == b"HTTP/"
    return False


def _use_our_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
