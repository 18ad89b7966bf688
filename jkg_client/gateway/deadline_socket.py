"""A WebSocket that keeps deadlines, by ``websocket-client``."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import websocket
from attrs import field, frozen
from websocket._abnf import frame_buffer
from websocket._handshake import CookieJar

from ..client.deadline import Deadline
from ..protocol.wire import Framing
from .bounds import check_bounds
from .connection import Certificate

SUBPROTOCOL = "Sec-WebSocket-Protocol"

_ANSWERS = (websocket.ABNF.OPCODE_PONG, websocket.ABNF.OPCODE_CLOSE)
_ANSWERING = 0.5
"""Seconds that sending a pong or a goodbye may take."""
_AT_ONCE = 2**16
"""Bytes of a read, as far as there are so many."""


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


class _ReadAhead(frame_buffer):
    """Gives websocket-client the parts of frames, three each, from what came in one read."""

    def __init__(self, recv: Callable[[int], bytes], skip_utf8_validation: bool) -> None:
        super().__init__(recv, skip_utf8_validation)
        self._ahead = bytearray()

    def recv_strict(self, bufsize: int) -> bytes:
        while (missing := bufsize - len(self._ahead)) > 0:
            # Of a large frame no byte too many: what is left would have to be moved.
            self._ahead += self.recv(min(missing, _AT_ONCE) if bufsize > _AT_ONCE else _AT_ONCE)
        part = bytes(memoryview(self._ahead)[:bufsize])
        if len(self._ahead) == bufsize:
            self._ahead = bytearray()
        else:
            del self._ahead[:bufsize]
        return part


class DeadlineWebSocket(websocket.WebSocket):
    """Keeps one deadline over all the reads or writes that a frame takes.

    websocket-client's own time limit starts anew with every piece of a frame, and where
    a peer takes nothing its send tries for ever.
    """

    deadline = overdue = Deadline(None)
    bytes_received = 0

    def __init__(self, **options: Any) -> None:
        # Its check is pure Python: seconds for a large image, and a message lost that is not
        # quite UTF-8. It looks at frames and, once more, at messages.
        super().__init__(skip_utf8_validation=True, **options)
        self.frame_buffer = _ReadAhead(self._recv, skip_utf8_validation=True)

    @classmethod
    def opened(cls, address: ChannelsAddress, deadline: Deadline) -> DeadlineWebSocket:
        """A new one, connected before ``deadline``; raises what websocket-client does."""
        opened = cls(sslopt=_tls(address), enable_multithread=False)
        opened.deadline = deadline
        opened.settimeout(deadline.left())
        # What one server has set there would go to others; ours have cookies of their own.
        CookieJar.jar.clear()
        with _ended_by(deadline, opened):
            opened.connect(
                address.url,
                # Not by subprotocols=: then a server that knows none is no WebSocket server at all.
                header={**address.headers, SUBPROTOCOL: str(Framing.V1.value)},
                cookie=address.cookie,
                **_proxy(address.proxy),
                redirect_limit=0,  # the token is for this server only
            )
        return opened

    def _recv(self, bufsize: int) -> bytes:
        check_bounds(self.overdue, self.frame_buffer.length, self.cont_frame.cont_data)
        # Tornado's small writes wait until what came before is acknowledged, and systems like
        # to wait 40 ms or more for something to send that with.
        quick = hasattr(socket, "TCP_QUICKACK")
        if self.sock is not None:
            self.sock.settimeout(self.deadline.left())
            if quick:
                with contextlib.suppress(OSError):  # Linux forgets it: set again each time
                    self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        data: bytes = super()._recv(bufsize)  # type: ignore[no-untyped-call]  # theirs
        self.bytes_received += len(data)
        if not quick:
            # Something to send it with: a pong that nobody asked for is allowed.
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self.pong()
        return data

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
