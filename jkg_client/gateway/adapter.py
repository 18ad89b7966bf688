"""HTTP connections on which an answer has to be there in time as a whole.

The time limits of ``requests`` start anew with every piece that comes: a server that lets
its answer drip could keep us for ever.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

from ..client.deadline import Deadline

_DOUBT = 1.0
"""Seconds without a word of TLS, after which we look whether the server speaks plain HTTP."""


class PlainHttp(ssl.SSLError):
    """A server that was to speak TLS speaks HTTP without it."""


class DeadlineAdapter(HTTPAdapter):
    """For ``requests.Session.mount``."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools for servers that are reached directly."""
        super().init_poolmanager(*args, **kwargs)
        _use_our_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """The pools for servers behind ``proxy``."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            _use_our_pools(manager)
        return manager


class StayingSession(requests.Session):
    """Follows no redirect, nor looks where one leads: that may be no URL at all."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


class _Reader(io.RawIOBase):
    """Reads from a socket until the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline.left()
        if left == 0.0:
            raise socket.timeout("the answer was not there in time")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # What is left of the request's limit, where ``total`` of urllib3's Timeout was given.
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
        # A server that speaks HTTP waits for the end of a line that TLS never sends.
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
