"""The executor for programs with an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, Generic, TypeVar

from attrs import define, field

from .client import arguments
from .client.block_run import BlockRun
from .client.callbacks import OnOutput
from .client.channels import KernelProvider
from .client.forks import check_owner
from .client.timeouts import TIMEOUTS, Timeouts
from .code_blocks import CodeBlock, MarkdownCodeExtractor
from .code_result import CodeResult
from .errors import ClientClosed, JkgError
from .executor import KernelCodeExecutor
from .pages.libraries import PageScripts
from .protocol.bounded_output import MAX_OUTPUT
from .protocol.outputs import Output
from .python_variables import RunUnseen
from .session_file import NotebookOption, save_session, session_file_of
from .variable_access import AsyncVariableAccess
from .worker import Worker

T = TypeVar("T")


class _Executor(KernelCodeExecutor):
    """An executor that can also stop blocks before they begin."""

    def execute_as(
        self,
        run: BlockRun,
        code_blocks: Sequence[CodeBlock],
        timeout: float | None,
        *,
        store_history: bool,
        on_output: OnOutput | None,
    ) -> CodeResult:
        """``execute_code_blocks``, with ``run`` as the handle to interrupt it."""
        return self._execute_blocks(
            run, code_blocks, timeout, store_history=store_history, on_output=on_output
        )

    def in_python(self, do: Callable[[RunUnseen], T]) -> T:
        """Call ``do`` with a function that runs silent cells, and return its result."""
        return self._in_python(do)

    def end(self, run: BlockRun) -> None:
        """Interrupt the blocks of ``run``. If they have not begun, they will not run."""
        run.interrupt(lambda: self._owned.kernel, self._timeouts)

    def report_again(self, result: object) -> None:
        """Nobody has read ``result``. If it reports a restart, the next result reports it, too."""
        if isinstance(result, CodeResult) and result.kernel_restarted:
            self._replaced = True


@define(eq=False)
class _Job(Generic[T]):
    """A job for the executor's thread.

    Attributes:
        do: The function to call.
        loop: The event loop that waits for the result.
        run: The handle to interrupt its blocks.
        cancelled: Whether the waiting task was cancelled.
        reported: Whether ``report_again`` was called with its result.
    """

    do: Callable[[_Executor, BlockRun], T]
    loop: asyncio.AbstractEventLoop
    run: BlockRun = field(factory=BlockRun, init=False)
    cancelled: bool = False
    reported: bool = False


class AsyncKernelCodeExecutor(AsyncVariableAccess):
    """``KernelCodeExecutor`` for programs with an event loop, which it never blocks.

    ``async with``, ``start`` or the first blocks start the kernel. When a task is cancelled, its
    block is interrupted, and the task ends when the kernel can be used again.

    Args:
        provider: Function that returns the provider of the kernel. It is called at the start.
        kernel_name: This and all other arguments: see ``JupyterCodeExecutor``.
        on_output: Function that is called in the event loop with each output.

    Raises:
        ValueError: An argument is wrong. This is raised when the kernel is started.
    """

    _place = ""  # " at " and the address of the server, for repr()

    def __init__(
        self,
        provider: Callable[[], KernelProvider],
        kernel_name: str = "python3",
        timeout: float = 60,
        output_dir: Path | str = Path(),
        *,
        kernel_id: str | None = None,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
        on_output: OnOutput | None = None,
        timeouts: Timeouts = TIMEOUTS,
        page_scripts: PageScripts | None = None,
        notebook: NotebookOption = None,
    ) -> None:
        self._session_file = session_file_of(notebook, kernel_name)
        self._provider = provider
        self._make = functools.partial(
            _Executor,
            kernel_name=kernel_name,
            timeout=timeout,
            output_dir=output_dir,
            kernel_id=kernel_id,
            env=env,
            max_output=max_output,
            on_output=None if on_output is None else self._hand_over,
            timeouts=timeouts,
            page_scripts=page_scripts,
            notebook=self._session_file,
        )
        self._kernel_name = kernel_name
        self._on_output = on_output
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor: _Executor | None = None
        # One thread: blocks run one after the other, in the order of the calls.
        self._worker = Worker("jkg_client")
        self._process = os.getpid()
        self._stopped = False

    @property
    def code_extractor(self) -> MarkdownCodeExtractor:
        """Finds the code blocks in a message."""
        if self._executor is not None:
            return self._executor.code_extractor
        return MarkdownCodeExtractor(
            default_language=None if self._kernel_name.startswith("python") else ""
        )

    @property
    def kernel_id(self) -> str | None:
        """Id of the kernel in use. None before it is started."""
        return self._executor.kernel_id if self._executor is not None else None

    def __repr__(self) -> str:
        state = "not started" if self.kernel_id is None else f"kernel {self.kernel_id}"
        state = "stopped" if self._stopped else f"{state} ({self._kernel_name})"
        return f"<{type(self).__name__}{self._place}, {state}>"

    async def __aenter__(self: Executor) -> Executor:  # noqa: PYI019 - typing.Self came with 3.11
        try:
            await self.start()
        except BaseException:
            self._abandon()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the kernel. Does nothing if it is started already.

        Raises:
            JkgError: The reasons are the same as for the constructor of ``JupyterCodeExecutor``.
        """
        await self._in_turn(lambda *_: None)

    async def execute_code_blocks(
        self,
        code_blocks: Sequence[CodeBlock],
        timeout: float | None = None,
        *,
        store_history: bool = True,
        on_output: OnOutput | None = None,
    ) -> CodeResult:
        """Run the blocks in order, as ``JupyterCodeExecutor.execute_code_blocks`` does.

        Args:
            code_blocks: As for ``JupyterCodeExecutor``.
            timeout: As for ``JupyterCodeExecutor``. The time during which the blocks wait for
                earlier calls does not count.
            store_history: As for ``JupyterCodeExecutor``.
            on_output: As for ``JupyterCodeExecutor``. It is called in the event loop.

        Raises:
            ClientClosed: After ``stop``.
            GatewayError: The server cannot be reached. ``result`` has the results so far.
            ValueError: An argument is wrong. Nothing has run.
        """
        blocks = arguments.blocks(code_blocks)
        if timeout is not None:
            arguments.seconds("timeout", timeout)
        arguments.callback("on_output", on_output)
        arguments.flag("store_history", store_history)
        tell = None if on_output is None else _in_loop(asyncio.get_running_loop(), on_output)
        return await self._in_turn(
            lambda executor, run: executor.execute_as(
                run, blocks, timeout, store_history=store_history, on_output=tell
            )
        )

    async def language(self) -> str:
        """The kernel's language in lower case. This starts the kernel if necessary, and asks it.

        Before the kernel has started, ``code_extractor`` can only guess the language from the name
        of the kernel.

        Raises:
            ClientClosed: After ``stop``.
            JkgError: The kernel cannot be started.
        """
        return await self._in_turn(lambda executor, _: executor.language)

    async def restart(self) -> None:
        """Restart the kernel when all earlier calls have ended. Its variables are gone."""
        await self._in_turn(lambda executor, _: executor.restart())

    async def interrupt(self) -> None:
        """Stop the running blocks, as ``JupyterCodeExecutor.interrupt`` does."""
        if self._executor is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._executor.interrupt)

    async def save_notebook(self, path: Path | str) -> None:
        """Save a notebook at ``path``, as ``JupyterCodeExecutor.save_notebook`` does."""
        await asyncio.to_thread(save_session, self._session_file.session, path)

    async def add_markdown(self, text: str) -> None:
        """Put ``text`` in Markdown into the saved notebook, before the next code."""
        arguments.text("text", text)
        self._session_file.session.remark(text)
        await asyncio.to_thread(self._session_file.changed)

    async def stop(self) -> None:
        """Delete the kernel, unless it was given as ``kernel_id``. A second call does nothing.

        Tasks that wait for blocks get ``ClientClosed``.
        """
        self._stopped = True
        if self._process != os.getpid():
            return  # a forked child must not end the kernel of its parent
        # Shielded: if the task is cancelled now, the call must stay in the queue of the threads.
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._end))

    def _in_python(self, do: Callable[[RunUnseen], T]) -> Awaitable[T]:
        return self._in_turn(lambda executor, _: executor.in_python(do))

    async def _in_turn(self, do: Callable[[_Executor, BlockRun], T]) -> T:
        """Call ``do`` in the executor's thread. If the task is cancelled, interrupt it."""
        self._check_usable()
        job = _Job(do, asyncio.get_running_loop())
        future = self._worker.submit(self._run, job)
        waiting = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            job.cancelled = True
            # Read the exception. Otherwise, asyncio logs that nobody has read it.
            waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
            if not future.cancel():
                await whole(self._ended(job, waiting))
            raise

    async def _ended(self, job: _Job[T], waiting: asyncio.Future[T]) -> None:
        """Interrupt a job, and wait until it has ended."""
        if self._executor is not None:
            loop = asyncio.get_running_loop()
            with contextlib.suppress(JkgError):
                await loop.run_in_executor(None, self._executor.end, job.run)
        await asyncio.wait({waiting})
        # The job may have ended before it was cancelled.
        failed = waiting.exception() is not None
        if self._executor is not None and not (failed or job.reported):
            self._executor.report_again(waiting.result())

    def _check_usable(self) -> None:
        if self._stopped:
            raise ClientClosed("the executor was stopped")
        check_owner(self._process, "the executor")

    def _run(self, job: _Job[T]) -> T:
        if self._executor is None and not self._stopped:
            self._executor = self._make(self._provider())
        if self._executor is None or self._stopped or job.cancelled:
            raise ClientClosed("the executor was stopped")
        self._loop = job.loop
        result = job.do(self._executor, job.run)
        if job.cancelled:
            job.reported = True
            self._executor.report_again(result)
        return result

    def _hand_over(self, output: Output) -> None:
        if self._on_output is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._on_output, output)

    def _abandon(self) -> None:
        """Stop the kernel, without waiting. A starting kernel is stopped when it has started."""
        if self._stopped:
            return  # ``stop`` ends the kernel
        self._stopped = True
        self._worker.submit(self._stop_executor)
        self._worker.close(wait=False)

    def _end(self) -> None:
        self._stop_executor()
        self._worker.close(wait=True)
        self._stop_executor()  # the executor may have been starting during the first call

    def _stop_executor(self) -> None:
        if self._executor is not None:
            self._executor.stop()


Executor = TypeVar("Executor", bound=AsyncKernelCodeExecutor)


def _in_loop(loop: asyncio.AbstractEventLoop, on_output: OnOutput) -> OnOutput:
    """A function for any thread that calls ``on_output`` in the loop."""

    def hand_over(output: Output) -> None:
        loop.call_soon_threadsafe(on_output, output)

    return hand_over


async def whole(coroutine: Coroutine[Any, Any, None]) -> None:
    """Await ``coroutine`` to its end, even if the task is cancelled several times."""
    task = asyncio.ensure_future(coroutine)
    while not task.done():
        # Frameworks repeat the cancellation until a task has ended.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({task})
    task.result()
