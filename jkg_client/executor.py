"""Code blocks of an agent, run in one stateful kernel."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import SupportsFloat

from attrs import evolve

from .client.call import Call
from .client.conversation import OnOutput
from .client.kernel import JupyterKernelClient
from .client.timeouts import TIMEOUTS, Timeouts
from .code_blocks import CodeBlock, MarkdownCodeExtractor, UnknownLanguage, to_cell
from .code_result import CodeResult
from .errors import (
    ClientClosed,
    GatewayError,
    JkgError,
    KernelNotFound,
    KernelNotReady,
    ServerNotRunning,
)
from .gateway.connection import JupyterConnectable, JupyterConnectionInfo, info_of
from .gateway.rest import JupyterClient
from .gateway.warm import HasWarmKernels
from .protocol.bounded_output import MAX_OUTPUT
from .protocol.outputs import Failure
from .protocol.result import ExecutionResult

_log = logging.getLogger("jkg_client")

_NEVER_RAN = ExecutionResult(status="aborted")


class JupyterCodeExecutor:
    """Runs code blocks in a kernel of its own, which keeps its state between them.

    Args:
        jupyter_server: A launched server, or where a running one is.
        kernel_name: Which of the server's kernels to start.
        timeout: Seconds for each block as a whole.
        output_dir: Where images and pages are saved; made if it is missing.
        kernel_id: Use this running kernel, and leave it running; None starts one.
        env: Environment of the kernel that is started, see ``JupyterClient.start_kernel``.
        max_output: Characters of output to keep of each block.
        on_output: Called with each output as it comes.
        timeouts: How long to wait for what else.

    Raises:
        ValueError: For bad arguments; ``KernelSpecNotFound`` names the kernels there are.
        GatewayError: The server cannot be reached or does not let us in.
        KernelNotReady: The kernel was started but does not answer.
    """

    def __init__(
        self,
        jupyter_server: JupyterConnectable | JupyterConnectionInfo,
        kernel_name: str = "python3",
        timeout: float = 60,
        output_dir: Path | str = Path(),
        *,
        kernel_id: str | None = None,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
        on_output: OnOutput | None = None,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        _check_arguments(jupyter_server, timeout, max_output)
        self._timeout = timeout
        self._kernel_name = kernel_name
        self._output_dir = Path(output_dir)
        self._folder = _made(self._output_dir)
        self._attached = kernel_id is not None
        self._env = env
        self._max_output = max_output
        self._on_output = on_output
        self._timeouts = timeouts
        self._lock = threading.RLock()
        self._stopped = self._replaced = False
        self._call: Call | None = None
        self._kernel_id = kernel_id
        self._kernel: JupyterKernelClient | None = None
        self._server = jupyter_server  # a launched one ends when nobody refers to it
        self._client = JupyterClient(jupyter_server.connection_info)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    @property
    def code_extractor(self) -> MarkdownCodeExtractor:
        """Finds the code blocks in a message."""
        # Guesses about blocks that name no language are right for Python only.
        return MarkdownCodeExtractor(default_language=None if self._language == "python" else "")

    @property
    def kernel_id(self) -> str | None:
        """Id of the kernel in use; another one after the server lost it."""
        return self._kernel_id

    def __enter__(self) -> JupyterCodeExecutor:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def execute_code_blocks(
        self,
        code_blocks: Sequence[CodeBlock],
        timeout: float | None = None,
        *,
        store_history: bool = True,
    ) -> CodeResult:
        """Run the blocks in order, up to the first that fails.

        Args:
            code_blocks: In Python, or another language of the kernel.
            timeout: Seconds for each of them; None for those of the executor.
            store_history: Whether they count and are remembered.

        Returns:
            What they showed, however it ended.

        Raises:
            ValueError: ``timeout`` is not positive; nothing was run.
            GatewayError: The server is away; ``result`` of it holds what had come.
            KernelNotReady: The kernel does not come up again; likewise.
        """
        results: list[ExecutionResult] = []
        limit = self._timeout if timeout is None else _positive(timeout)
        with self._lock:
            call = self._call = Call()
            try:
                for block in code_blocks:
                    results.append(
                        _NEVER_RAN
                        if call.interrupted
                        else self._execute(block, limit, store_history)
                    )
                    if not results[-1].is_ok:
                        break
            except JkgError as exc:
                partial = [exc.result] if isinstance(exc.result, ExecutionResult) else []
                exc.result = CodeResult.of([*results, *partial], self._folder, limit)
                raise
            finally:
                self._call = None
                call.end()
                told = any(result.kernel_restarted for result in results)
                self._replaced |= call.restarted and not told
            return CodeResult.of(results, self._folder, limit)

    def interrupt(self) -> None:
        """End the ``execute_code_blocks`` that runs in another thread, and wait for its end.

        Its block is interrupted as by Ctrl-C, those behind it do not run. Code that does not
        end by that within the grace period ends with its kernel, which is restarted.

        Raises:
            GatewayError: The server is away.
        """
        call = self._call
        if call is not None:
            call.interrupt(lambda: self._kernel, self._timeouts)

    def restart(self) -> None:
        """Restart the kernel: variables are gone."""
        with self._lock:
            try:
                self._running().restart()
            except KernelNotFound:
                if self._attached:
                    raise
                self._forget_kernel()
                self._running()
            self._replaced = False

    def stop(self) -> None:
        """Delete the kernel, unless it was there before us, and close all; may be called twice."""
        self._stopped = True
        kernel, kernel_id = self._kernel, self._kernel_id
        if kernel is not None:
            kernel.stop()
        if kernel_id is not None and not self._attached:
            try:
                self._client.delete_kernel(kernel_id)
            except (KernelNotFound, ServerNotRunning):
                pass
            except GatewayError as exc:
                _log.warning("kernel %s could not be deleted: %s", kernel_id, exc)
        self._kernel_id = None
        self._client.close()

    def _start(self) -> JupyterKernelClient:
        if self._kernel_id is None:
            self._kernel_id = self._warm_kernel() or self._client.start_kernel(
                self._kernel_name, env=self._env, timeout_seconds=self._timeouts.launch
            )
            self._check_open()
        kernel = JupyterKernelClient(self._client, self._kernel_id, timeouts=self._timeouts)
        self._kernel = kernel
        self._check_open()
        if not kernel.wait_for_ready(self._timeouts.ready):
            raise KernelNotReady(f"kernel {self._kernel_id} gives no answer")
        info = kernel.kernel_info().get("language_info")
        self._language = str(info.get("name", "")) if isinstance(info, dict) else ""
        return kernel

    def _warm_kernel(self) -> str | None:
        if self._env is None and isinstance(self._server, HasWarmKernels):
            return self._server.warm_kernels.take(self._client, self._kernel_name)
        return None

    def _check_open(self) -> None:
        if self._stopped:
            self.stop()  # what was started since
            raise ClientClosed("the executor was stopped")

    def _running(self) -> JupyterKernelClient:
        self._check_open()
        return self._kernel or self._start()

    def _execute(self, block: CodeBlock, timeout: float, store_history: bool) -> ExecutionResult:
        try:
            cell = to_cell(block, self._language)
        except UnknownLanguage as exc:
            failure = Failure(type(exc).__name__, str(exc))
            return ExecutionResult(status="error", outputs=(failure,), failure=failure)
        try:
            return self._run(cell, timeout, store_history)
        except KernelNotFound:
            if self._attached:
                raise
            # Deleted, culled or dead for good, before this block was sent.
            self._forget_kernel()
            return self._run(cell, timeout, store_history)

    def _run(self, cell: str, timeout: float, store_history: bool) -> ExecutionResult:
        result = self._running().execute(
            cell,
            timeout,
            on_output=self._on_output,
            store_history=store_history,
            max_output=self._max_output,
        )
        replaced, self._replaced = self._replaced, False
        return evolve(result, kernel_restarted=result.kernel_restarted or replaced)

    def _forget_kernel(self) -> None:
        kernel, self._kernel, self._kernel_id = self._kernel, None, None
        self._replaced = True
        if kernel is not None:
            kernel.stop()


def _check_arguments(jupyter_server: object, timeout: float, max_output: int) -> None:
    info_of(jupyter_server)
    _positive(timeout)
    if not (isinstance(max_output, SupportsFloat) and max_output >= 2):
        raise ValueError(f"max_output must be at least 2, not {max_output!r}")


def _positive(timeout: float) -> float:
    if not (isinstance(timeout, SupportsFloat) and timeout > 0):
        raise ValueError(f"timeout must be positive, not {timeout!r}")
    return timeout


def _made(output_dir: Path) -> Path:
    folder = output_dir.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ValueError(f"output_dir {folder} cannot be made: {exc}") from exc
    return folder
