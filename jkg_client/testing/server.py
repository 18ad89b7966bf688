"""An HTTP server on loopback. One thread accepts connections; each connection has its thread."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from typing import Any, Callable, cast
from urllib.parse import parse_qsl, unquote

from attrs import field, frozen

from .bodies import read_body


@frozen(kw_only=True)
class HttpAnswer:
    """The answer to an HTTP request."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)


def json_answer(status: int, value: Any, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """An answer with ``value`` as JSON."""
    about = {"Content-Type": "application/json", **(headers or {})}
    return HttpAnswer(status=status, body=json.dumps(value).encode(), headers=about)


@frozen(kw_only=True)
class Call:
    """An HTTP request, and the connection on which it came.

    Attributes:
        path: Without the query.
        body: The object if it is JSON, otherwise the bytes. None if there is no body.
        head: Request line and headers as bytes.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    head: bytes
    socket: socket.socket
    reader: BufferedIOBase

    def header(self, name: str) -> str:
        """The header with this name. Case does not matter. Empty if there is none."""
        found = (text for key, text in self.headers.items() if key.lower() == name.lower())
        return next(found, "").strip()


@frozen
class Cutting:
    """An answer, and the number of its bytes after which the connection is cut."""

    answer: HttpAnswer
    after: int
    rst: bool


Answers = Callable[[Call], "HttpAnswer | Cutting | None"]
"""Answers a call. None if there is no answer, and the connection must be closed."""


def end_by_reset(connection: socket.socket) -> None:
    """End the connection by a TCP reset when it is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Server:
    """Listens on a free port of the loopback interface until it is stopped."""

    def __init__(self, answers: Answers) -> None:
        self.port: int = 0
        self._answers = answers
        self._is_stopped = False
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._socket = self._bind()
        self._acceptor = self._listen()

    def refuse(self) -> None:
        """Accept no connections until ``accept`` is called, but keep the port."""
        if not self._is_stopped:
            self._stop_listening()
            self._socket = self._bind()

    def accept(self) -> None:
        """Accept connections again."""
        if not self._is_stopped and not self._acceptor.is_alive():
            self._acceptor = self._listen()

    def stop(self) -> None:
        """Close all sockets, and end all threads."""
        self._is_stopped = True
        self._stop_listening()
        with self._lock:
            connections = dict(self._connections)
        for sock in connections.values():
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in connections:
            thread.join()

    def _bind(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", self.port))
        self.port = sock.getsockname()[1]
        return sock

    def _listen(self) -> threading.Thread:
        self._socket.listen(128)
        thread = threading.Thread(
            target=self._accept, args=(self._socket,), name="jkg fake gateway", daemon=True
        )
        thread.start()
        return thread

    def _stop_listening(self) -> None:
        if self._acceptor.is_alive():
            listener, self._socket = self._socket, None  # type: ignore[assignment]
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                pass  # wakes the acceptor, on every system
            self._acceptor.join()
            listener.close()
        elif self._socket is not None:
            self._socket.close()

    def _accept(self, listener: socket.socket) -> None:
        while self._socket is listener:
            try:
                connection, _ = listener.accept()
            except OSError:
                # Probably there are no free file descriptors.
                time.sleep(0.05)
                continue
            if self._socket is not listener:
                connection.close()
                return
            thread = threading.Thread(
                target=self._serve, args=(connection,), name="jkg fake connection", daemon=True
            )
            with self._lock:
                self._connections[thread] = connection
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _Handler(connection, ("", 0), cast("Any", self._answers))
        finally:
            connection.close()
            with self._lock:
                self._connections.pop(threading.current_thread(), None)


class _Handler(BaseHTTPRequestHandler):
    """Reads requests from one connection while it is open."""

    protocol_version = "HTTP/1.1"
    server: Answers  # type: ignore[assignment]  # the base class only stores it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_: Any) -> None:
        """Log nothing, because the journal contains the request."""

    def send_error(self, *_: Any, **__: Any) -> None:
        """Answer an invalid request."""
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    def _answer(self) -> None:
        try:
            call = self._call()
        except ValueError:
            self.send_error()
            return
        answer = self.server(call)
        if answer is None:
            self.close_connection = True
        elif isinstance(answer, Cutting):
            self._send_cut(answer)
        else:
            self.wfile.write(self._bytes(answer))

    def _call(self) -> Call:
        # Do not use self.path: "//api" is "/api" there.
        path, _, query = self.requestline.split()[1].partition("?")
        if self.request_version == "HTTP/1.1" and "Host" not in self.headers:
            raise ValueError("no Host")
        body = read_body(cast("Mapping[str, str]", self.headers), self.rfile)
        lines = [self.requestline, *(f"{name}: {value}" for name, value in self.headers.items())]
        return Call(
            method=self.command,
            path=unquote(path),
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers={name: ",".join(self.headers.get_all(name, ())) for name in self.headers},
            body=_decoded(body) if body else None,
            head="\r\n".join([*lines, "", ""]).encode("latin-1"),
            socket=self.connection,
            reader=self.rfile,
        )

    def _bytes(self, answer: HttpAnswer) -> bytes:
        known = {status.value: status.phrase for status in HTTPStatus}
        reason = known.get(answer.status, "")
        headers = {
            "Server": "jkg_client.testing",
            "Date": self.date_time_string(),
            **answer.headers,
        }
        if self.headers.get("Connection", "").lower() == "close":
            headers["Connection"] = "close"
        if answer.status not in {204, 304}:
            headers["Content-Length"] = str(len(answer.body))
        head = [f"HTTP/1.1 {answer.status} {reason}", *map(": ".join, headers.items()), "", ""]
        body = b"" if self.command == "HEAD" else answer.body
        return "\r\n".join(head).encode("latin-1") + body

    def _send_cut(self, cutting: Cutting) -> None:
        self.close_connection = True
        if cutting.rst:
            end_by_reset(self.connection)
        self.wfile.write(self._bytes(cutting.answer)[: cutting.after])


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError):
        return body
