"""Connects to a server: directly or through a proxy, with or without TLS, before a deadline.

WebSockets are connected here, REST uses ``requests``. Both use the same proxy and certificates.
CONNECT: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
"""

from __future__ import annotations

import os
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Union
from urllib.parse import SplitResult, unquote, urlsplit

import requests
from attrs import field, frozen

from ..client.deadline import Deadline
from .connection import JupyterConnectionInfo
from .credentials import Certificate

Authorities = Union[str, bool]
"""A PEM file or a directory with such files. False for no check."""

_LARGEST_HEAD = 2**16
"""Size of the largest response of a proxy, in bytes."""

_PAUSE = 3.0
"""Seconds without data after which ``read_head`` calls ``while_waiting``."""

_CHECK = 1.0
"""Time limit for ``while_waiting``, in seconds."""

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class ProxyFault(OSError):
    """The proxy refuses the connection, or does not answer."""


@frozen(kw_only=True)
class Route:
    """How to connect to a server.

    Attributes:
        host: The server's name or address.
        port: The server's port.
        authorities: Certificate authorities for TLS. None for no TLS.
        cert: Client certificate.
        proxy: URL of the proxy. None for no proxy.
    """

    host: str
    port: int
    authorities: Authorities | None
    cert: Certificate | None = None
    proxy: str | None = field(default=None, repr=False)


def authorities_of(info: JupyterConnectionInfo, environ: Mapping[str, str]) -> Authorities:
    """The certificate authorities in ``info``, else the ones in the environment.

    Raises:
        ValueError: A file with authorities or with a client certificate does not exist.
    """
    for path in (info.cert,) if isinstance(info.cert, str) else info.cert or ():
        if not os.path.isfile(path):  # noqa: PTH113
            raise ValueError(f"cert: there is no file {path}")
    if info.verify is False:
        return False
    named = {name: environ.get(name) for name in _BUNDLES}
    given = {"verify": info.verify} if isinstance(info.verify, str) else named
    name, path = next(
        ((name, path) for name, path in given.items() if path),
        ("", requests.utils.DEFAULT_CA_BUNDLE_PATH),
    )
    if not os.path.exists(path):  # noqa: PTH110
        raise ValueError(f"{name}: there is no file {path}")
    return path


def proxy_for(info: JupyterConnectionInfo) -> str | None:
    """URL of the proxy for the server, from the environment or the system. None for no proxy."""
    # A proxy cannot reach this machine's loopback.
    known = {} if info.is_loopback else requests.utils.get_environ_proxies(info.url)
    proxy = requests.utils.select_proxy(info.url, known)
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def proxy_name(proxy: str) -> str:
    """``proxy`` without user and password."""
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def open_stream(route: Route, deadline: Deadline) -> socket.socket:
    """A connection to the server, through its proxy and with TLS if needed.

    Raises:
        ProxyFault: The proxy does not answer, or it refuses the connection.
        ssl.SSLError: The TLS handshake fails.
        OSError: The server cannot be reached. ``socket.timeout`` if the deadline passes.
    """
    stream = _connected(route, deadline)
    try:
        if route.authorities is None:
            return stream
        return _secured(stream, route, deadline)
    except BaseException:
        stream.close()
        raise


def read_head(
    stream: socket.socket,
    deadline: Deadline,
    while_waiting: Callable[[Deadline], object] = lambda _: None,
) -> bytes:
    """The head of a response, up to the blank line.

    No further byte is read, because data of another protocol follows.

    Args:
        stream: The connection.
        deadline: Time limit for the whole head.
        while_waiting: Called whenever nothing has arrived for 3 seconds, with a time limit of a
            second, but not in the last 3 seconds. It may raise an error to end the wait.

    Raises:
        OSError: The head is incomplete or too long. ``socket.timeout`` if the deadline passes.
    """
    head = bytearray()
    while missing := _missing(head):
        try:
            stream.settimeout(_left(deadline.within(_PAUSE)))
            data = stream.recv(missing)
        except socket.timeout:
            if deadline.passed:
                raise
            left = deadline.left()
            # Not in the last seconds, because the function may exceed its time limit.
            if left is None or left > _PAUSE:
                while_waiting(Deadline(_CHECK))
            continue
        if not data:
            raise OSError("the connection was closed during the handshake")
        if len(head) > _LARGEST_HEAD:
            raise OSError("the answer to the handshake cannot be understood")
        head += data
    return bytes(head)


def _missing(head: bytearray) -> int:
    """How many bytes a head needs at least until it ends with a blank line."""
    return next(n for n in range(5) if head.endswith(b"\r\n\r\n"[: 4 - n]))


def _connected(route: Route, deadline: Deadline) -> socket.socket:
    if route.proxy is None:
        return _direct(route.host, route.port, deadline)
    parts, name = urlsplit(route.proxy), proxy_name(route.proxy)
    try:
        if parts.scheme.startswith("socks"):
            return _by_socks(route, parts, deadline)
        return _by_connect(route, parts, deadline)
    except ProxyFault:
        raise
    except OSError as exc:
        raise ProxyFault(f"the proxy {name} does not answer: {exc}") from exc


def _direct(host: str, port: int, deadline: Deadline) -> socket.socket:
    failure: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        stream = socket.socket(family, kind, protocol)
        try:
            stream.settimeout(_left(deadline))
            stream.connect(address)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as exc:
            failure = exc
            stream.close()
        except BaseException:
            stream.close()
            raise
        else:
            return stream
    raise failure or OSError(f"{host} has no address")


def _by_connect(route: Route, proxy: SplitResult, deadline: Deadline) -> socket.socket:
    is_secure = proxy.scheme == "https"
    host = proxy.hostname or ""
    stream = _direct(host, proxy.port or (443 if is_secure else 80), deadline)
    try:
        if is_secure:
            trusted = requests.utils.DEFAULT_CA_BUNDLE_PATH
            own = Route(host=host, port=0, authorities=route.authorities or trusted)
            stream = _secured(stream, own, deadline)
        stream.sendall(_connect_request(route, proxy))
        _check_let_through(read_head(stream, deadline), route)
    except BaseException:
        stream.close()
        raise
    return stream


def _connect_request(route: Route, proxy: SplitResult) -> bytes:
    host = f"[{route.host}]" if ":" in route.host else route.host
    lines = [f"CONNECT {host}:{route.port} HTTP/1.1", f"Host: {host}:{route.port}"]
    if proxy.username is not None:
        user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {b64encode(user.encode()).decode()}")
    return "\r\n".join([*lines, "", ""]).encode()


def _check_let_through(head: bytes, route: Route) -> None:
    status = head.partition(b"\r\n")[0].decode("latin-1")
    words = status.split(None, 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or words[1] != "200":
        raise ProxyFault(f"the proxy {proxy_name(route.proxy or '')} refuses: {status[:100]}")


def _by_socks(route: Route, proxy: SplitResult, deadline: Deadline) -> socket.socket:
    try:
        import socks  # noqa: PLC0415 - an optional dependency
    except ImportError as exc:
        raise ProxyFault(
            f"the proxy {proxy_name(route.proxy or '')} speaks SOCKS, which needs an extra:"
            ' pip install "jkg-client[socks]"'
        ) from exc
    stream: socket.socket = socks.create_connection(
        (route.host, route.port),
        timeout=deadline.left(),
        proxy_type=socks.SOCKS4 if proxy.scheme.startswith("socks4") else socks.SOCKS5,
        proxy_addr=proxy.hostname,
        proxy_port=proxy.port or 1080,
        # With socks5h and socks4a, the proxy looks up names.
        proxy_rdns=proxy.scheme in ("socks5h", "socks4a"),
        proxy_username=unquote(proxy.username) if proxy.username else None,
        proxy_password=unquote(proxy.password) if proxy.password else None,
    )
    return stream


def _secured(stream: socket.socket, route: Route, deadline: Deadline) -> ssl.SSLSocket:
    if isinstance(stream, ssl.SSLSocket):
        raise ProxyFault(f"TLS to {route.host} cannot go through a proxy that speaks TLS, too")
    context = _context(route)
    # This time limit is for the whole handshake.
    stream.settimeout(_left(deadline))
    return context.wrap_socket(stream, server_hostname=route.host.partition("%")[0])


def _left(deadline: Deadline) -> float | None:
    left = deadline.left()
    if left == 0.0:
        raise socket.timeout("the time limit has passed")
    return left


def _context(route: Route) -> ssl.SSLContext:
    if route.authorities is False:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        path = str(route.authorities)
        is_folder = os.path.isdir(path)  # noqa: PTH112
        context = ssl.create_default_context(
            cafile=None if is_folder else path, capath=path if is_folder else None
        )
    if isinstance(route.cert, str):
        context.load_cert_chain(route.cert)
    elif route.cert:
        context.load_cert_chain(*route.cert)
    return context
