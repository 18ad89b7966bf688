"""A TCP relay between client and server, which can break the connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Literal

from attrs import evolve

from jkg_client import JupyterConnectionInfo

TICK = 0.02
"""Seconds until threads that wait for bytes notice a fault."""

Way = Literal["fin", "rst", "silent"]
"""How a connection ends: by FIN, by a TCP reset, or without a sign to either side."""


class Proxy:
    """Listens on a free port of the loopback interface and relays to a server.

    Faults affect WebSockets and REST in the same way, because both are TCP connections.

    Attributes:
        connections: Number of connections that were made through the proxy.
        bytes_up: Number of bytes that it has received from clients, even if it has dropped them.
        bytes_down: Number of bytes that it has received from the server.
    """

    def __init__(self, server: JupyterConnectionInfo) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._links: list[_Link] = []
        self._stalled = threading.Event()
        self._swallows_new = False
        self._left_down: int | None = None
        self._way: Way = "fin"
        self._idle: tuple[float, Way] | None = None
        self.delay_seconds = 0.0
        self.connections = self.bytes_up = self.bytes_down = 0
        self.port = 0
        self._socket = self._bind()
        self._listening = threading.Event()
        self._acceptor = self._listen()

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """The connection info of the server, with the port of the proxy."""
        return evolve(self._server, port=self.port)

    @property
    def open_connections(self) -> int:
        """Number of open connections, including half-open ones."""
        return len(self._alive())

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Cut all connections, end all threads."""
        self._unlisten()
        self.cut()

    def refuse(self) -> None:
        """Refuse new connections. Existing connections stay open."""
        self._unlisten()
        self._socket = self._bind()

    def accept(self) -> None:
        """Accept and relay new connections again."""
        self._swallows_new = False
        if not self._listening.is_set():
            self._acceptor = self._listen()

    def cut(self, way: Way = "fin") -> None:
        """End all connections, and wait until they have ended."""
        links = self._alive()
        for link in links:
            link.end(way)
        for link in links:
            link.join()

    def cut_after(self, count: int, way: Way = "fin") -> None:
        """End the connection on which the server has sent ``count`` more bytes."""
        with self._lock:
            self._left_down, self._way = count, way

    def swallow(self, *, new: bool = False) -> None:
        """Drop all bytes of the existing connections, without a sign to either side.

        Args:
            new: Until ``accept`` is called, accept new connections, but never answer them.
        """
        self._swallows_new = new
        for link in self._alive():
            link.swallows = True

    def stall(self) -> None:
        """Hold all bytes in both directions, until ``resume`` is called."""
        self._stalled.set()

    def resume(self) -> None:
        """Relay the bytes that were held."""
        self._stalled.clear()

    def delay(self, seconds: float) -> None:
        """Relay each piece of data after a number of seconds."""
        self.delay_seconds = seconds

    def drop_idle(self, seconds: float, way: Way = "silent") -> None:
        """End each connection that was idle for a number of seconds."""
        self._idle = (seconds, way)

    def end_by_idleness(self, last: float) -> Way | None:
        """How to end a connection that was last used at ``last``. None to keep it open."""
        if self._idle is None or time.monotonic() - last < self._idle[0]:
            return None
        return self._idle[1]

    def hold(self, over: threading.Event) -> None:
        """Wait until the proxy no longer holds bytes back, and then for its delay."""
        while self._stalled.is_set() and not over.wait(TICK):
            pass
        over.wait(self.delay_seconds)

    def counted(self, data: bytes, *, down: bool) -> tuple[bytes, Way | None]:
        """The part of ``data`` to relay, and how to end the connection after it, if at all."""
        with self._lock:
            if not down:
                self.bytes_up += len(data)
                return data, None
            self.bytes_down += len(data)
            if self._left_down is None:
                return data, None
            if len(data) < self._left_down:
                self._left_down -= len(data)
                return data, None
            data, self._left_down = data[: self._left_down], None
            return data, self._way

    def _alive(self) -> list[_Link]:
        with self._lock:
            self._links = [link for link in self._links if link.is_alive]
            return list(self._links)

    def _bind(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", self.port))
        self.port = sock.getsockname()[1]
        return sock

    def _listen(self) -> threading.Thread:
        self._socket.listen(128)
        self._socket.settimeout(TICK)
        self._listening.set()
        thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        thread.start()
        return thread

    def _unlisten(self) -> None:
        self._listening.clear()
        self._acceptor.join()
        self._socket.close()

    def _accept(self) -> None:
        while self._listening.is_set():
            with contextlib.suppress(socket.timeout):
                client, _ = self._socket.accept()
                self._take(client)

    def _take(self, client: socket.socket) -> None:
        info = self._server
        port = info.port or (443 if info.use_https else 80)
        try:
            server = socket.create_connection((info.host, port), 10)
        except OSError:
            client.close()
            return
        with self._lock:
            self.connections += 1
            self._links.append(_Link(self, client, server, swallows=self._swallows_new))


class _Link:
    """One connection: two sockets, and a thread for each direction. The first to end ends both."""

    def __init__(
        self, proxy: Proxy, client: socket.socket, server: socket.socket, *, swallows: bool
    ) -> None:
        self.swallows = swallows
        self._proxy = proxy
        self._client, self._server = client, server
        self._over = threading.Event()
        self._way: Way = "fin"
        self._used = time.monotonic()
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(TICK)
        self._thread = threading.Thread(target=self._run, name="proxy link", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> None:
        self._thread.join()

    def end(self, way: Way) -> None:
        if way == "silent":
            self.swallows = True
            return
        self._way = way
        self._over.set()

    def _run(self) -> None:
        down = threading.Thread(
            target=self._relay,
            args=(self._server, self._client),
            kwargs={"down": True},
            name="proxy link down",
            daemon=True,
        )
        down.start()
        self._relay(self._client, self._server, down=False)
        down.join()
        for sock in (self._client, self._server):
            if self._way == "rst":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                # With unread bytes, closing would send a TCP reset.
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_WR)
            sock.close()

    def _relay(self, source: socket.socket, sink: socket.socket, *, down: bool) -> None:
        try:
            while not self._over.is_set():
                data = self._received(source)
                if data is None:
                    continue
                self._proxy.hold(self._over)
                if self.swallows:
                    self._proxy.counted(data, down=down)
                    if not data:
                        self._over.wait()  # the other side gets no sign of it
                elif data:
                    self._pass_on(data, sink, down=down)
                else:
                    sink.shutdown(socket.SHUT_WR)
                    return
        except OSError:
            self.end("rst")

    def _received(self, source: socket.socket) -> bytes | None:
        try:
            data = source.recv(65536)
        except socket.timeout:
            way = self._proxy.end_by_idleness(self._used)
            if way is not None:
                self.end(way)
            return None
        except OSError:
            if not self.swallows:
                raise
            data = b""
        self._used = time.monotonic()
        return data

    def _pass_on(self, data: bytes, sink: socket.socket, *, down: bool) -> None:
        data, way = self._proxy.counted(data, down=down)
        while data and not self._over.is_set():
            with contextlib.suppress(socket.timeout):
                data = data[sink.send(data) :]
        if way is not None:
            self.end(way)
