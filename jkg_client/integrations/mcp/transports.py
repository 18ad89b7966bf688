"""Runs an MCP server on stdin and stdout, or by streamable HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import uvicorn
from attrs import field, frozen
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp

from ...client import arguments
from ...client.arguments import validator
from .access import LocalCheck, TokenCheck, is_loopback
from .streams import Streams

PATH = "/mcp"
"""Path of the server's URL."""

_LARGEST_REQUEST = 20_000_000
"""Largest request in bytes: enough for a file in base64."""

_PATIENCE = 1.0
"""Seconds after a signal for a client to read the last output."""

_LAST_PORT = 65535

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


@frozen(kw_only=True)
class HttpOptions:
    """Options of the HTTP server.

    Attributes:
        host: Address to listen on. Any address other than loopback needs a token.
        port: Port to listen on. 0 for a free port.
        token: Token that clients must send as ``Authorization: Bearer``. None for no token.
        idle: Seconds without a request after which a session ends.
        max_sessions: Largest number of sessions at a time. Each has a kernel.
    """

    host: str = field(default="127.0.0.1", validator=validator(arguments.filled))
    port: int = 8000
    token: str | None = field(default=None, validator=validator(arguments.text, or_none=True))
    idle: float = field(default=1800.0, validator=validator(arguments.seconds))
    max_sessions: int = 16

    def __attrs_post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            raise ValueError(
                f"other machines can reach {self.host} and could run code here: set a token"
            )
        if type(self.port) is not int or not 0 <= self.port <= _LAST_PORT:
            raise ValueError(f"port must be 0 to {_LAST_PORT}, not {self.port!r:.200}")
        if self.idle == math.inf:
            raise ValueError(f"idle must be a positive number of seconds, not {self.idle:g}")
        arguments.at_least("max_sessions", self.max_sessions, 1)


def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve the client at stdin and stdout until it closes stdin.

    Raises:
        BrokenPipeError: The client has closed stdout.
        KeyboardInterrupt: A signal ended the server. The argument is its number.
        OSError: stdin or stdout is closed.
    """
    if sys.platform == "win32":
        # On Windows, sockets are not file descriptors, and event loops have no signal handlers.
        asyncio.run(server.run_stdio_async())
        return
    with Streams() as streams:
        asyncio.run(_served(server, streams))
    if streams.is_cut:
        raise BrokenPipeError("the client has stopped reading")


def serve_http(
    server: MCPServer[Any], options: HttpOptions, on_listening: Callable[[str], object]
) -> None:
    """Serve clients by HTTP until a signal comes.

    Args:
        server: The server.
        options: Options of the HTTP server.
        on_listening: Function that is called with the URL when the server listens.

    Raises:
        OSError: The server cannot listen on this address.
        KeyboardInterrupt: A signal ended the server. The argument is its number.
    """
    app: ASGIApp = server.streamable_http_app(
        streamable_http_path=PATH,
        host=options.host,
        session_idle_timeout=options.idle,
        # LocalCheck replaces this protection, which compares only the beginnings of names, and
        # starts a session before the check.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_sessions=options.max_sessions,
        max_request_body_size=_LARGEST_REQUEST,
    )
    if options.token:
        app = TokenCheck(app, options.token.encode())
    if is_loopback(options.host):
        app = LocalCheck(app, options.host)
    config = uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.create_server((options.host, options.port), family=family) as listening:
        port = listening.getsockname()[1]
        named = f"[{options.host}]" if family == socket.AF_INET6 else options.host
        on_listening(f"http://{named}:{port}{PATH}")
        http = uvicorn.Server(config)

        def end() -> None:
            http.should_exit = True
            # Do not log the answers that the end of the server cuts off.
            for name in ("mcp", "uvicorn.error"):
                logging.getLogger(name).setLevel(logging.CRITICAL)

        asyncio.run(_until_a_signal(http.serve(sockets=[listening]), end))


async def _served(server: MCPServer[Any], streams: Streams) -> None:
    def end() -> None:
        streams.end_input()
        asyncio.get_running_loop().call_later(_PATIENCE, streams.cut)

    await _until_a_signal(server.run_stdio_async(), end)


async def _until_a_signal(
    serving: Coroutine[Any, Any, None], on_signal: Callable[[], object]
) -> None:
    """Wait for the end of ``serving``. A signal calls ``on_signal`` and is raised at the end."""
    task = asyncio.ensure_future(serving)
    came: list[int] = []

    def end(number: int) -> None:
        came.append(number)
        on_signal()

    with _handled(end):
        await task
    if came:
        raise KeyboardInterrupt(came[0])


@contextlib.contextmanager
def _handled(end: Callable[[int], None]) -> Iterator[None]:
    """Call ``end`` in the loop, with the number of each signal that would end the process."""
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}
    for number in (one for one in signal.Signals if one.name in _ENDING):
        # An ignored signal, as with nohup, stays ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            # Loops have no signal handlers on Windows and outside of the main thread.
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                known = signal.getsignal(number)
                loop.add_signal_handler(number, end, int(number))
                before[number] = known
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
