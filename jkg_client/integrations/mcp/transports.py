"""How an MCP server is reached: by stdin and stdout, or by streamable HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, cast

import anyio
import uvicorn
from attrs import frozen
from mcp.server import MCPServer
from mcp.server.stdio import stdio_server
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/mcp"
"""Of the address."""

_LARGEST_REQUEST = 20_000_000
"""Bytes: a file in base64 and what is around it."""

_CHUNK = 65536
_ROOM = 16
"""Chunks that may wait to be understood."""

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


@frozen(kw_only=True)
class HttpOptions:
    """Where and for whom to listen.

    Attributes:
        host: Address of this machine; others than loopback need a token.
        port: 0 for any that is free.
        token: That clients must send as ``Authorization: Bearer``; None for no such thing.
        idle: Seconds of silence after which a session ends.
        max_sessions: At a time, a kernel each.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    idle: float = 1800.0
    max_sessions: int = 16

    def __attrs_post_init__(self) -> None:
        if not self.token and not _is_loopback(self.host):
            raise ValueError(
                f"{self.host} can be reached by others, who could run code here: set a token"
            )


def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve the client at stdin and stdout until it closes stdin.

    Raises:
        KeyboardInterrupt: With its number, if a signal ended it.
    """

    async def serve() -> None:
        stdin = _Stdin(0)
        await _until_a_signal(_served(server, stdin), stdin.end)

    asyncio.run(serve())


def serve_http(
    server: MCPServer[Any], options: HttpOptions, on_listening: Callable[[str], object]
) -> None:
    """Serve any number of clients, until a signal.

    Args:
        server: What to serve.
        options: Where and for whom.
        on_listening: Called with the address.

    Raises:
        OSError: The address is not to be had.
        KeyboardInterrupt: With its number, if a signal ended it.
    """
    app: ASGIApp = server.streamable_http_app(
        streamable_http_path=PATH,
        host=options.host,
        session_idle_timeout=options.idle,
        max_sessions=options.max_sessions,
        max_request_body_size=_LARGEST_REQUEST,
    )
    if options.token:
        app = _Guarded(app, f"Bearer {options.token}".encode())
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

        asyncio.run(_until_a_signal(http.serve(sockets=[listening]), end))


@frozen
class _Guarded:
    """Lets nobody in who does not know the token."""

    app: ASGIApp
    expected: bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            said = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(said, self.expected):
                refusal = PlainTextResponse(
                    "a token is needed", 401, headers={"WWW-Authenticate": "Bearer"}
                )
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _served(server: MCPServer[Any], stdin: _Stdin) -> None:
    lowlevel = server._lowlevel_server  # noqa: SLF001 - what it offers reads stdin for ever
    try:
        async with stdio_server(cast("anyio.AsyncFile[str]", stdin.lines())) as (received, sent):
            await lowlevel.run(received, sent, lowlevel.create_initialization_options())
    except Exception as exc:
        if not all(isinstance(leaf, BrokenPipeError) for leaf in _leaves(exc)):
            raise
        raise BrokenPipeError("the client does not read any more") from exc


def _leaves(exc: BaseException) -> Iterator[BaseException]:
    """The exceptions of a group, and of the groups in it."""
    for one in getattr(exc, "exceptions", ()):
        yield from _leaves(one)
    if not hasattr(exc, "exceptions"):
        yield exc


class _Stdin:
    """A file that can be left: nothing ends a thread that waits for its next line.

    Args:
        fd: Of the file.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = threading.Semaphore(_ROOM)
        threading.Thread(target=self._read, name="jkg_client stdin", daemon=True).start()

    def end(self) -> None:
        """Read no more of it, as if this was all."""
        self._chunks.put_nowait(b"")

    async def lines(self) -> AsyncIterator[str]:
        """Its lines, without their ends."""
        parts: list[bytes] = []
        while chunk := await self._chunks.get():
            self._room.release()
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                yield b"".join((*parts, end)).decode("utf-8", "replace")
                parts = []
            parts.append(rest)

    def _read(self) -> None:
        chunk = b"-"
        # The loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            while chunk:
                self._room.acquire()
                try:
                    chunk = os.read(self._fd, _CHUNK)
                except OSError:
                    chunk = b""
                self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)


async def _until_a_signal(
    serving: Coroutine[Any, Any, None], on_signal: Callable[[], object]
) -> None:
    """Wait for its end; a signal calls ``on_signal``, and is raised when it has ended."""
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
    """Calls ``end`` in the loop, with the number of each signal that would end the process."""
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}
    for number in (one for one in signal.Signals if one.name in _ENDING):
        # What is ignored, as by nohup, stays so.
        if signal.getsignal(number) != signal.SIG_IGN:
            # Not on Windows, and in the main thread only.
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
