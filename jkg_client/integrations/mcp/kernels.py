"""SessionKernels of an MCP server's sessions."""

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
"""Takes the seconds that have passed, and what was printed since it was called last."""

_NEWS = 1.0
"""Seconds between two calls of ``Tell``."""

_AGAIN = 0.1
"""Seconds between two interrupts before a restart."""

_MOST_NEWS = 2000
"""Characters for one of them: the last ones."""


class SessionKernel:
    """A kernel that is started when it is first used; who uses it meanwhile waits.

    Args:
        jupyter_server: A launched server, or where a running one is. None for a kernel on this
            machine without a server.
        kernel_name: Which of its kernels.
        notebook: File that is kept up to date as a notebook of the session. None for no file.
    """

    def __init__(
        self,
        jupyter_server: JupyterConnectable | JupyterConnectionInfo | None,
        kernel_name: str,
        notebook: Path | None = None,
    ) -> None:
        # Images go into the answer, their files are not kept.
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
        """Run the blocks up to the first that fails; a cancelled task interrupts them.

        Args:
            blocks: In order.
            seconds: For each of them, without the start of the kernel.
            tell: Called as long as they run.
            store_history: Whether they count and are remembered.

        Returns:
            A result of each that ran.

        Raises:
            JkgError: The server is away, or the kernel does not come up.
        """
        call = asyncio.ensure_future(self._in_turn(blocks, seconds, tell, store_history))
        self._calls.add(call)
        call.add_done_callback(self._forget)
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            # Not waited for: it keeps its turn until the kernel can be used again.
            call.cancel()
            raise

    async def variables(self) -> list[Variable]:
        """The variables of a Python kernel, when it is our turn.

        Raises:
            JkgError: It is another kernel, does not answer, or the server is away.
        """
        async with self._turn:
            return await self._executor.variables()

    async def restart(self) -> None:
        """End what runs, what waits for its turn before us, and all variables."""
        turn = asyncio.ensure_future(self._turn.acquire())
        try:
            while not turn.done():
                # Again and again: what is still starting cannot be interrupted yet.
                await self._executor.interrupt()
                await asyncio.wait({turn}, timeout=_AGAIN)
            await self._executor.restart()
        finally:
            if not turn.cancel():
                self._turn.release()

    async def stop(self) -> None:
        """Delete the kernel; may be called twice."""
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
                # If it runs, that interrupts the kernel and waits until it can be used again.
                running.cancel()
                await asyncio.wait({running})
                _remove_files(running)

    def _forget(self, call: asyncio.Future[tuple[ExecutionResult, ...]]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # nobody may be there any more to ask for it

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
    """The kernel of each session.

    Attributes:
        make: A kernel for a new one.
    """

    make: Callable[[], SessionKernel]
    _known: dict[str | None, SessionKernel] = field(factory=dict, init=False)

    def of(
        self, session_id: str | None, at_end: Callable[[Callable[[], Awaitable[None]]], object]
    ) -> SessionKernel:
        """That of a session.

        Args:
            session_id: None for the only one of a process.
            at_end: Takes what is to be called when the session ends.
        """
        known = self._known.get(session_id)
        if known is not None:
            return known
        kernel = self._known[session_id] = self.make()
        if session_id is not None:
            at_end(lambda: self._end(session_id))
        return kernel

    async def stop(self) -> None:
        """End all of them."""
        await asyncio.gather(*(self._end(session_id) for session_id in list(self._known)))

    async def _end(self, session_id: str | None) -> None:
        kernel = self._known.pop(session_id, None)
        if kernel is not None:
            await kernel.stop()
