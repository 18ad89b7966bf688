"""The answers of a hub's API about a token, a user's servers and a start.

The API: https://jupyterhub.readthedocs.io/en/stable/reference/rest-api.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from ...errors import GatewayStatus, GatewayUnauthorized

_MESSAGE = 2000
"""Longest message that is kept whole, in characters."""
_LINE = 2**16
"""Longest event that is read, in bytes. Longer ones are ignored."""


@frozen
class Answer:
    """An answer of the hub.

    Attributes:
        request: Method and URL.
        status: HTTP status code.
        text: The body, without the token.
        headers: Headers of the answer.
    """

    request: str
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        """The body as an object. None if it is not JSON."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    @property
    def message(self) -> str:
        """The message in the body. Empty if the body is a page for browsers."""
        body = self.json
        if isinstance(body, dict):
            return str(body.get("message") or "")[:500]
        return "" if "<" in self.text else " ".join(self.text.split())[:500]

    @property
    def target(self) -> str:
        """Target of a redirect, for messages. Empty if the answer is not a redirect."""
        target = self.headers.get("Location", "").partition("?")[0]
        return f" and leads to {target[:200]}" if target else ""

    def error(self, hint: str = "") -> GatewayStatus:
        """The exception for this answer."""
        kind = GatewayUnauthorized if self.status in {401, 403, 404} else GatewayStatus
        return kind(self.status, self.request, self.message, hint)


@frozen
class ServerProgress:
    """One progress message of a hub while it starts a server.

    Example::

        JupyterHubServer(url, token=token, on_progress=print)

    Attributes:
        message: The hub's message.
        progress: Percentage of the start. None if the hub reports none.
        ready: Whether the hub considers the server started.
        failed: Whether the start has failed. ``message`` says why.
    """

    message: str
    progress: int | None = None
    ready: bool = False
    failed: bool = False

    def __str__(self) -> str:
        return self.message if self.progress is None else f"{self.progress} %: {self.message}"


@frozen
class Caller:
    """The owner of a token.

    Attributes:
        name: Name of the user or the service.
        is_user: False for a service.
        scopes: The scopes of the token. None for hubs before 2.0, which have no scopes.
    """

    name: str
    is_user: bool
    scopes: tuple[str, ...] | None


@frozen
class HubServer:
    """The state of one server.

    Attributes:
        name: Empty for the user's default server.
        url: Path, or a whole URL if the hub gives each user a domain.
        ready: Whether the server answers, according to the hub.
        pending: The action that the hub has not finished: ``spawn``, ``stop`` and others. None for
            no action.
        stopped: Whether the server neither runs nor starts nor stops.
    """

    name: str
    url: str
    ready: bool
    pending: str | None
    stopped: bool


def caller_of(model: Any) -> Caller | None:
    """The owner in the answer to ``GET /user``. None if the answer has none."""
    if not (isinstance(model, dict) and isinstance(model.get("name"), str)):
        return None
    scopes = model.get("scopes")
    known = tuple(map(str, scopes)) if isinstance(scopes, list) else None
    return Caller(model["name"], model.get("kind", "user") == "user", known)


def servers_of(model: Any) -> dict[str, HubServer] | None:
    """The servers in the hub's description of a user, by name. None if it is not a description.

    If the token may see no running server, the hub omits ``servers``.
    """
    servers = model.get("servers", {}) if isinstance(model, dict) else None
    if not isinstance(servers, dict):
        return None
    return {name: _server(name, one) for name, one in servers.items() if isinstance(one, dict)}


def _server(name: str, model: Mapping[str, Any]) -> HubServer:
    ready, pending = model.get("ready") is True, model.get("pending")
    return HubServer(
        name,
        str(model.get("url") or ""),
        ready,
        str(pending) if pending else None,
        model.get("stopped") is True or not (ready or pending),
    )


def progress_of(line: bytes) -> ServerProgress | None:
    """The event in a line of the progress stream. None for a blank line and for other lines."""
    field, _, data = line.partition(b":")
    if field.strip() != b"data":
        return None
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    progress: Any = event.get("progress")
    is_number = type(progress) in {int, float}
    return ServerProgress(
        " ".join(str(event.get("message") or "").split())[:_MESSAGE],
        int(progress) if is_number and 0 <= progress <= 100 else None,
        event.get("ready") is True,
        event.get("failed") is True,
    )


def lines_of(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The lines of a stream, from pieces of any size. Lines that are too long become empty."""
    line = bytearray()
    for piece in pieces:
        for byte in piece:
            if byte == 0x0A:
                yield bytes(line) if len(line) < _LINE else b""
                line.clear()
            elif len(line) < _LINE:
                line.append(byte)
