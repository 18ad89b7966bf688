"""The kernels of an MCP server's sessions."""

from __future__ import annotations

import asyncio
import functools
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from attrs import field, frozen

from ...async_executor import AsyncKernelCodeExecutor
from ...code_blocks import CodeBlock
from ...code_result import CodeResult
from ...embedded_executor import AsyncEmbeddedIPythonCodeExecutor
from ...gateway.connection import JupyterConnectable, JupyterConnectionInfo
from ...jupyter_executors import AsyncJupyterCodeExecutor
from ...protocol.outputs import Output, Stream
from ...protocol.result import ExecutionResult
from ...protocol.terminal import strip_ansi
from ...python_variables import Variable

Tell = Callable[[float, str], Awaitable[None]]
"""Function that gets the seconds since the start, and the text printed since its last call."""

_NEWS = 1.0
"""Seconds between two calls of ``Tell``."""

_AGAIN = 0.1
"""Seconds between two interrupts before a restart."""

_MOST_NEWS = 2000
"""Longest text of one call of ``Tell``, in characters. Only the end of a longer one is sent."""


class SessionKernel:
    """The kernel of one session. The first call starts it. Calls run one after the other.

    Args:
        jupyter_server: A server that this program has started, or a ``JupyterConnectionInfo``. None
            for a kernel on this machine without a server.
        kernel_name: Name of the kernel to start.
        notebook: Notebook file in which the session is recorded as it runs. None for no file.
    """

    def __init__(
        self,
        jupyter_server: JupyterConnectable | JupyterConnectionInfo | None,
        kernel_name: str,
        notebook: Path | None = None,
    ) -> None:
        # Images are sent in the answer. Their files are not kept.
        self._folder = tempfile.TemporaryDirectory(prefix="jkg-mcp-")
        make = (
            AsyncEmbeddedIPythonCodeExecutor
            if jupyter_server is None
            else functools.partial(AsyncJupyterCodeExecutor, jupyter_server)
        )
        self._executor: AsyncKernelCodeExecutor = make(
            kernel_name=kernel_name,
            output_dir=self._folder.name,
            on_output=self._hear,
            notebook=notebook,
        )
        self._turn = asyncio.Lock()
        self._calls: set[asyncio.Future[tuple[ExecutionResult, ...]]] = set()
        self._heard = ""

    async def run(
        self, blocks: Sequence[CodeBlock], seconds: float, tell: Tell, *, store_history: bool
    ) -> tuple[ExecutionResult, ...]:
        """Run the blocks up to the first that fails. A cancelled task interrupts them.

        Args:
            blocks: The blocks in order.
            seconds: Time limit for each block. The start of the kernel does not count.
            tell: Function that is called once per second while the blocks run.
            store_history: Whether the kernel counts the blocks and keeps them in its history.

        Returns:
            One result for each block that ran.

        Raises:
            JkgError: The server cannot be reached, or the kernel does not start.
        """
        call = asyncio.ensure_future(self._in_turn(blocks, seconds, tell, store_history))
        self._calls.add(call)
        call.add_done_callback(self._forget)
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            # Do not wait for the call. It keeps the lock until the kernel can be used again.
            call.cancel()
            raise

    async def variables(self) -> list[Variable]:
        """The variables of a Python kernel, after the calls before this one.

        Raises:
            JkgError: The kernel is not Python or does not answer, or the server cannot be reached.
        """
        async with self._turn:
            return await self._executor.variables()

    async def restart(self) -> None:
        """Interrupt the running call and the waiting calls, and restart the kernel."""
        turn = asyncio.ensure_future(self._turn.acquire())
        try:
            while not turn.done():
                # Repeated, because a call that is still starting cannot be interrupted yet.
                await self._executor.interrupt()
                await asyncio.wait({turn}, timeout=_AGAIN)
            await self._executor.restart()
        finally:
            if not turn.cancel():
                self._turn.release()

    async def stop(self) -> None:
        """Delete the kernel. A second call does nothing."""
        try:
            await self._executor.stop()
            if self._calls:
                await asyncio.wait(self._calls)
        finally:
            self._folder.cleanup()

    async def _in_turn(
        self, blocks: Sequence[CodeBlock], seconds: float, tell: Tell, store_history: bool
    ) -> tuple[ExecutionResult, ...]:
        async with self._turn:
            await self._executor.start()
            self._heard = ""
            started = time.monotonic()
            running = asyncio.ensure_future(
                self._executor.execute_code_blocks(
                    blocks, timeout=seconds, store_history=store_history
                )
            )
            try:
                while not running.done():
                    await asyncio.wait({running}, timeout=_NEWS)
                    heard, self._heard = self._heard, ""
                    await tell(time.monotonic() - started, heard)
                return (await running).results
            finally:
                # If the call is still running, this interrupts the kernel and waits until it is
                # usable.
                running.cancel()
                await asyncio.wait({running})
                _remove_files(running)

    def _forget(self, call: asyncio.Future[tuple[ExecutionResult, ...]]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # otherwise asyncio logs that nobody has read it

    def _hear(self, output: Output) -> None:
        if isinstance(output, Stream):
            self._heard = (self._heard + strip_ansi(output.text))[-_MOST_NEWS:]


def _remove_files(running: asyncio.Future[CodeResult]) -> None:
    if running.cancelled():
        return
    error = running.exception()
    result = getattr(error, "result", None) if error else running.result()
    for name in result.output_files if isinstance(result, CodeResult) else ():
        Path(name).unlink(missing_ok=True)


@frozen
class SessionKernels:
    """The kernels of all sessions.

    Attributes:
        make: Function that creates the kernel of a new session.
    """

    make: Callable[[], SessionKernel]
    _known: dict[str | None, SessionKernel] = field(factory=dict, init=False)

    def of(
        self, session_id: str | None, at_end: Callable[[Callable[[], Awaitable[None]]], object]
    ) -> SessionKernel:
        """The kernel of a session. It is created for a new session.

        Args:
            session_id: Id of the session. None for the only session of a process.
            at_end: Function that registers a callback for the end of the session.
        """
        known = self._known.get(session_id)
        if known is not None:
            return known
        kernel = self._known[session_id] = self.make()
        if session_id is not None:
            at_end(lambda: self._end(session_id))
        return kernel

    async def stop(self) -> None:
        """Delete all kernels."""
        await asyncio.gather(*(self._end(session_id) for session_id in list(self._known)))

    async def _end(self, session_id: str | None) -> None:
        kernel = self._known.pop(session_id, None)
        if kernel is not None:
            await kernel.stop()
