"""``JupyterHubServer`` for programs with an event loop."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from attrs import evolve

from ...client import arguments
from ...errors import ClientClosed
from ...gateway.connection import JupyterConnectionInfo
from ...gateway.credentials import Certificate
from .api import TokenSource
from .launch import Launch
from .lifecycle import OnProgress
from .models import ServerProgress
from .server import START_SECONDS, STOP_SECONDS
from .settings import HubSettings, environment_of

T = TypeVar("T")


class AsyncJupyterHubServer:
    """``JupyterHubServer`` for programs with an event loop, which it never blocks.

    ``async with`` or ``start`` starts the server. If the task is cancelled during the start, the
    server is stopped before the task ends.

    Example::

        async with AsyncJupyterHubServer("https://hub.example.com", token=token) as server:
            async with AsyncJupyterCodeExecutor(server) as executor:
                await executor.execute_code_blocks([CodeBlock("6 * 7", "python")])

    Args:
        url: Address of the hub. For the other arguments: see ``JupyterHubServer``.
        on_progress: Function that is called in the event loop with each ``ServerProgress``.

    Raises:
        ValueError: An argument is wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        token: TokenSource | None = None,
        user: str | None = None,
        server_name: str = "",
        options: Mapping[str, Any] | None = None,
        timeout: float = START_SECONDS,
        stop_server: bool | None = None,
        on_progress: OnProgress | None = None,
        keep_active: float | None = None,
        public_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        cert: Certificate | None = None,
    ) -> None:
        self._settings = HubSettings.of(
            url,
            public_url=public_url,
            token=token,
            headers=headers,
            verify=verify,
            cert=cert,
            user=user,
            server_name=server_name,
            options=options,
            timeout=timeout,
            stop_server=stop_server,
            on_progress=on_progress,
            keep_active=keep_active,
        )
        self._launch: Launch | None = None
        self._finalizer: weakref.finalize[..., AsyncJupyterHubServer] | None = None

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, **options: Any
    ) -> AsyncJupyterHubServer:
        """Take the arguments from the variables of a hub, as ``JupyterHubServer.from_env`` does.

        Args:
            environ: The variables. None for ``os.environ``.
            options: Arguments of the constructor. They override the variables.

        Raises:
            ValueError: The variables are not set.
        """
        return cls(**{**environment_of(environ), **options})

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """The address of the server, with a token that is valid now.

        Raises:
            ClientClosed: The server is not started yet.
        """
        if self._launch is None:
            raise ClientClosed("the server is not started: await start(), or use async with")
        return self._launch.connection_info

    async def start(self) -> None:
        """Start the server, or use it if it is already running. A second call does nothing.

        Raises:
            GatewayError: The constructor of ``JupyterHubServer`` lists the reasons.
        """
        if self._launch is not None:
            return
        given_up, settings = threading.Event(), self._settings
        if settings.on_progress is not None:
            settings = evolve(settings, on_progress=_in_loop(settings.on_progress))
        launch = Launch(settings, given_up)
        self._finalizer = weakref.finalize(self, launch.end_forgotten)
        await _in_thread(launch.bring_up, given_up.set, lambda: launch.stop(STOP_SECONDS))
        self._launch = launch

    async def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Stop the server, unless it is kept, and wait for its end. A second call does nothing.

        Args:
            timeout_seconds: Time limit for the whole stop.
        """
        arguments.pause("timeout_seconds", timeout_seconds)
        launch, finalizer = self._launch, self._finalizer
        if launch is None or finalizer is None:
            return
        if await _in_thread(lambda: launch.stop(timeout_seconds)):
            finalizer.detach()

    async def __aenter__(self) -> AsyncJupyterHubServer:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()


def _in_loop(on_progress: OnProgress) -> OnProgress:
    loop = asyncio.get_running_loop()

    def tell(progress: ServerProgress) -> None:
        loop.call_soon_threadsafe(on_progress, progress)

    return tell


async def _in_thread(
    do: Callable[[], T],
    give_up: Callable[[], object] = lambda: None,
    undo: Callable[[], object] = lambda: None,
) -> T:
    """Run ``do`` in a thread of its own, and return its result.

    If the task is cancelled, ``give_up`` is called, and the task ends when the thread has ended.
    If ``do`` was successful nevertheless, ``undo`` is called in the thread.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="jkg-hub")
    future = asyncio.get_running_loop().run_in_executor(thread, do)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        give_up()
        await asyncio.wait([future])
        if future.exception() is None:
            await asyncio.get_running_loop().run_in_executor(thread, undo)
        raise
    finally:
        thread.shutdown(wait=False)
