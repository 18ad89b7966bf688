"""Checks whether a request to the HTTP server is allowed, before anything else is read."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable

from attrs import frozen
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach the address ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@frozen
class TokenCheck:
    """Answers 401 to a request without ``Authorization: Bearer TOKEN``."""

    app: ASGIApp
    token: bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            said = dict(scope["headers"]).get(b"authorization", b"")
            scheme, _, token = said.partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(token, self.token):
                refusal = PlainTextResponse(
                    "send the token as a Bearer token", 401, headers={"WWW-Authenticate": "Bearer"}
                )
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


class LocalCheck:
    """Answers 421 or 403 to a request of a page on the web.

    The name of a web site can resolve to the address of this machine (DNS rebinding). The browser
    then sends that name as ``Host`` and the page's origin as ``Origin``.

    Args:
        app: The application to protect.
        host: The loopback address on which it listens.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        names = {*_LOCAL_NAMES, f"[{host}]" if ":" in host else host}
        local = f"(?:{'|'.join(map(re.escape, sorted(names)))})(?::[0-9]{{1,5}})?"
        self._app = app
        self._host = re.compile(local, re.IGNORECASE)
        self._origin = re.compile(f"https?://{local}", re.IGNORECASE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope["headers"]) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, headers: Iterable[tuple[bytes, bytes]]) -> PlainTextResponse | None:
        # All headers with this name, because another program could read the second one.
        given = [(name.lower(), value.decode("latin-1")) for name, value in headers]
        hosts = [value for name, value in given if name == b"host"]
        origins = [value for name, value in given if name == b"origin"]
        if len(hosts) != 1 or not self._host.fullmatch(hosts[0]):
            return PlainTextResponse("the Host header does not name this machine", 421)
        if not all(map(self._origin.fullmatch, origins)):
            return PlainTextResponse("this server does not accept requests of web pages", 403)
        return None
