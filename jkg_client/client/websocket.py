"""One WebSocket to a kernel's channels; the only door to ``websocket-client``."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import websocket
from attrs import field, frozen
from websocket._handshake import CookieJar

from ..errors import (
    GatewayStatus,
    GatewayTimeout,
    GatewayUnauthorized,
    GatewayUnreachable,
    KernelNotFound,
)
from ..protocol.messages import Message
from ..protocol.wire import Framing, encode, parse, unpack
from .bounds import MAX_REQUEST, NONSENSE, OVERTIME, acknowledge_at_once, check_bounds
from .connection import Certificate
from .deadline import Deadline

_SUBPROTOCOL = "Sec-WebSocket-Protocol"
_SIGNS_OF_LIFE = (websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_PONG)
_ANSWERS = (websocket.ABNF.OPCODE_PONG, websocket.ABNF.OPCODE_CLOSE)
_ANSWERING = 0.5
"""Seconds that sending a pong or a goodbye may take."""


@frozen(kw_only=True)
class ChannelsAddress:
    """Where a kernel's WebSocket is and what the handshake needs.

    Attributes:
        url: Without a token.
        headers: The token among them.
        cookie: What the ``Cookie`` header says; None for none.
        verify: CA file; False does not check the certificate.
        cert: Client certificate.
        proxy: URL of the proxy on the way; None for none.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    cookie: str | None = field(default=None, repr=False)
    verify: bool | str
    cert: Certificate | None = None
    proxy: str | None = field(default=None, repr=False)


class WebSocketTransport:
    """An open WebSocket that carries messages.

    Not for several threads at once, but ``abort`` may be called from any.

    Attributes:
        framing: What the server has agreed to.
        said_goodbye: The server closed in good order: all that it sent has come.

    Args:
        address: Where to connect.
        deadline: For the handshake.

    Raises:
        GatewayUnreachable: Nobody answers, or no WebSocket is to be had there.
        GatewayUnauthorized: The server refuses the token.
        KernelNotFound: The server has no such kernel.
    """

    def __init__(self, address: ChannelsAddress, deadline: Deadline) -> None:
        self._url = address.url.partition("?")[0]
        with _translated(self._url):
            self._socket = _open(address, deadline)
        status = self._socket.getstatus()
        if status != 101:  # old releases of websocket-client take a redirect for success
            self._socket.shutdown()
            raise _refused(self._url, status or 0)
        agreed = (self._socket.getheaders() or {}).get(_SUBPROTOCOL.lower())
        self.framing = Framing.V1 if agreed == Framing.V1.value else Framing.DEFAULT
        self.said_goodbye = False

    @property
    def bytes_received(self) -> int:
        """Grows with every sign of life, pongs and parts of frames included."""
        return self._socket.bytes_received

    def send(self, message: Message, deadline: Deadline) -> None:
        """Send ``message``.

        Raises:
            GatewayUnreachable: The connection is gone, or takes nothing in time.
            ValueError: If it is larger than servers take.
        """
        frame = encode(message, self.framing)
        if len(frame) > MAX_REQUEST:
            raise ValueError(f"{len(frame)} bytes: servers take at most {MAX_REQUEST} a message")
        with _translated(self._url):
            self._socket.deadline = deadline
            try:
                if isinstance(frame, str):
                    self._socket.send_text(frame)
                else:
                    self._socket.send_bytes(frame)
            except BaseException:
                # What came after half a frame would be taken for its other half.
                self._socket.shutdown()
                raise

    def receive(self, deadline: Deadline, *, pong_will_do: bool = False) -> Message | None:
        """The next message; None when the deadline passes first.

        A part of a frame that came in time is kept for the next call. With
        ``pong_will_do`` None is returned for a ping or pong, too.

        Raises:
            GatewayUnreachable: The connection is gone.
            WireError: What came is no message.
        """
        with _translated(self._url):
            self._socket.deadline, self._socket.overdue = deadline, deadline.later(OVERTIME)
            try:
                opcode, data = self._socket.recv_data(control_frame=True)
                while opcode in _SIGNS_OF_LIFE and not pong_will_do:
                    opcode, data = self._socket.recv_data(control_frame=True)
            except (websocket.WebSocketTimeoutException, BlockingIOError, ssl.SSLWantReadError):
                return None
        if opcode in _SIGNS_OF_LIFE:
            return None
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self.said_goodbye = True
            code = int.from_bytes(data[:2], "big")
            raise GatewayUnreachable(f"{self._url}: the server closed the connection ({code})")
        is_text = opcode == websocket.ABNF.OPCODE_TEXT
        packed = unpack(data.decode("utf-8", "replace") if is_text else data, self.framing)
        del data  # an image's would be a third copy while its JSON is parsed
        return parse(packed)

    def ping(self, deadline: Deadline) -> None:
        """Ask for a sign of life; the answer shows in ``bytes_received``."""
        with _translated(self._url):
            self._socket.deadline = deadline
            self._socket.ping()

    def abort(self) -> None:
        """Break the connection; a thread that waits in ``receive`` sees it at once."""
        self._socket.abort()

    def close(self) -> None:
        """Say goodbye and close; may be called twice."""
        if self._socket.connected:
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self._socket.send_close()
        self._socket.shutdown()


class _DeadlineWebSocket(websocket.WebSocket):
    """Keeps one deadline over all the reads or writes that a frame takes.

    websocket-client's own time limit starts anew with every piece of a frame, and where
    a peer takes nothing its send tries for ever.
    """

    deadline = overdue = Deadline(None)
    bytes_received = 0
    _ahead = memoryview(b"")

    def _recv(self, bufsize: int) -> bytes:
        check_bounds(self.overdue, self.frame_buffer.length, self.cont_frame.cont_data)
        if not self._ahead:  # a frame is asked for in three pieces: mostly one read will do
            if self.sock is not None:
                self.sock.settimeout(self.deadline.left())
                acknowledge_at_once(self.sock)
            self._ahead = memoryview(super()._recv(2**16))  # type: ignore[no-untyped-call]
            self.bytes_received += len(self._ahead)
        piece, self._ahead = bytes(self._ahead[:bufsize]), self._ahead[bufsize:]
        return piece

    def send(self, payload: str | bytes, opcode: int = websocket.ABNF.OPCODE_TEXT) -> int:
        if opcode not in _ANSWERS:
            return super().send(payload, opcode)
        # A read whose time is up still answers what it has read.
        deadline, self.deadline = self.deadline, Deadline(_ANSWERING)
        try:
            return super().send(payload, opcode)
        finally:
            self.deadline = deadline

    def _send(self, data: str | bytes) -> int:
        left = self.deadline.left()
        if left == 0.0:
            raise websocket.WebSocketTimeoutException("nothing taken in time")
        if self.sock is not None:
            self.sock.settimeout(left)
        return super()._send(data)


def _open(address: ChannelsAddress, deadline: Deadline) -> _DeadlineWebSocket:
    opened = _DeadlineWebSocket(
        sslopt=_tls(address), skip_utf8_validation=True, enable_multithread=False
    )
    opened.deadline = deadline
    opened.settimeout(deadline.left())
    # What one server has set there would go to others; ours have cookies of their own.
    CookieJar.jar.clear()
    with _ended_by(deadline, opened):
        opened.connect(
            address.url,
            # Not by subprotocols=: then a server that knows none is no WebSocket server at all.
            header={**address.headers, _SUBPROTOCOL: str(Framing.V1.value)},
            cookie=address.cookie,
            **_proxy(address.proxy),
            redirect_limit=0,  # the token is for this server only
        )
    return opened


@contextlib.contextmanager
def _ended_by(deadline: Deadline, opened: websocket.WebSocket) -> Iterator[None]:
    """Break a handshake that drips: websocket-client has a limit for each byte only."""

    def end() -> None:
        if opened.sock is not None:
            with contextlib.suppress(OSError):
                opened.sock.shutdown(socket.SHUT_RDWR)

    left = deadline.left()
    if left is None:
        yield
        return
    timer = threading.Timer(left, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except websocket.WebSocketException as exc:
        if deadline.passed:
            raise websocket.WebSocketTimeoutException("the handshake took too long") from exc
        raise
    finally:
        timer.cancel()
        timer.join()


def _proxy(url: str | None) -> dict[str, Any]:
    if url is None:
        # Only so is websocket-client kept from looking into the environment by itself.
        return {"http_proxy_host": "none", "http_proxy_port": 1, "http_no_proxy": ["*"]}
    parts = urlsplit(url)
    return {
        "http_proxy_host": parts.hostname,
        "http_proxy_port": parts.port or 80,
        "http_proxy_auth": (unquote(parts.username or ""), unquote(parts.password or "")),
        "proxy_type": parts.scheme if parts.scheme.startswith("socks") else "http",
    }


def _tls(address: ChannelsAddress) -> dict[str, Any]:
    if address.verify is False:
        options: dict[str, Any] = {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
    else:
        options = {"ca_certs": address.verify}
    if isinstance(address.cert, str):
        options["certfile"] = address.cert
    elif address.cert:
        options["certfile"], options["keyfile"] = address.cert
    return options


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except websocket.WebSocketBadStatusException as exc:
        # Not chained: its text has the headers of the answer, cookies among them.
        raise _refused(url, exc.status_code) from None
    except (websocket.WebSocketTimeoutException, socket.timeout) as exc:
        raise GatewayTimeout(f"{url}: no answer in time") from exc
    except ssl.SSLError as exc:
        hint = "verify= takes a CA file, cert= a client certificate"
        raise GatewayUnreachable(f"{url}: no secure connection: {exc}; {hint}") from exc
    except (websocket.WebSocketException, OSError, *NONSENSE) as exc:
        raise GatewayUnreachable(f"{url}: {str(exc)[:200] or type(exc).__name__}") from exc


def _refused(url: str, status: int) -> GatewayStatus:
    # Without the body: it is a page for browsers, and some servers repeat headers in it.
    request = f"WebSocket {url}"
    if status in {401, 403}:
        return GatewayUnauthorized(status, request, "", "the token is wrong or missing")
    if status == 404:
        return KernelNotFound(status, request, "", "deleted, culled or dead: start another")
    return GatewayStatus(status, request, "")
