"""Code blocks of an agent, run in one stateful kernel."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from attrs import evolve

from .client import arguments
from .client.block_run import BlockRun
from .client.callbacks import OnOutput
from .client.channels import KernelProvider
from .client.kernel import JupyterKernelClient
from .client.kernel_ownership import KernelOwnership
from .client.saved_session import SavesSession
from .client.timeouts import TIMEOUTS, Timeouts
from .code_blocks import CodeBlock, MarkdownCodeExtractor, UnknownLanguage, is_data, to_cell
from .code_result import CodeResult
from .errors import ClientClosed, JkgError, KernelNotFound, KernelNotReady
from .installs import STATUS, install_command, with_status
from .pages.libraries import Libraries, PageScripts
from .pages.notebook import NotebookPage
from .protocol.bounded_output import MAX_OUTPUT
from .protocol.outputs import Failure
from .protocol.result import ExecutionResult
from .protocol.values import mapping_of
from .python_variables import RunUnseen, check_language
from .rendering import made_folder
from .session_file import NotebookOption, run_kept, session_file_of
from .shell_cells import python_cell
from .variable_access import VariableAccess

T = TypeVar("T")

_NEVER_RAN = ExecutionResult(status="aborted")


class KernelCodeExecutor(VariableAccess, SavesSession):
    """Runs code blocks in one kernel, which keeps its state between the blocks.

    Args:
        provider: Starts the kernel. ``stop`` closes the provider.
        kernel_name: This and all other arguments: see ``JupyterCodeExecutor``.
    """

    _place = ""  # " at " and the address of the server, for repr()

    def __init__(
        self,
        provider: KernelProvider,
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
        arguments.executor(kernel_name, timeout, output_dir, kernel_id, env, max_output, on_output)
        arguments.instance("timeouts", timeouts, Timeouts)
        self._session_file = session_file_of(notebook, kernel_name)
        self._page = NotebookPage(Libraries.of(page_scripts))
        self._owned = KernelOwnership(provider, kernel_id, is_attached=kernel_id is not None)
        # Without this, a forgotten stop() or Ctrl-C at a bad moment would leave the kernel running.
        self._finalizer = weakref.finalize(self, self._owned.end_forgotten)
        self._timeout = float(timeout)
        self._kernel_name = kernel_name
        self._output_dir = Path(output_dir)  # AutoGen reads it
        self._folder = made_folder(self._output_dir)
        self._env = env
        self._max_output = max_output
        self._on_output = on_output
        self._timeouts = timeouts
        self._lock = threading.RLock()
        # A new kernel that the next result must report; a death that the last result has reported.
        self._replaced = self._has_died = self._stopped = False
        self._blocks: BlockRun | None = None
        self._start_or_stop()

    @property
    def code_extractor(self) -> MarkdownCodeExtractor:
        """Finds the code blocks in a message of a model."""
        # The extractor can guess the language of an unlabelled block only on Python kernels.
        return MarkdownCodeExtractor(default_language=None if self._language == "python" else "")

    @property
    def language(self) -> str:
        """The kernel's language in lower case, as the kernel itself names it."""
        return self._language.lower()

    @property
    def kernel_id(self) -> str | None:
        """Id of the kernel in use. A new kernel that replaces a lost one has another id."""
        return self._owned.kernel_id

    def __repr__(self) -> str:
        state = f"kernel {self.kernel_id or 'none'} ({self._kernel_name})"
        state = "stopped" if self._stopped else state
        return f"<{type(self).__name__.lstrip('_')}{self._place}, {state}>"

    def __enter__(self: Executor) -> Executor:  # noqa: PYI019 - typing.Self came with 3.11
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self.stop()
        except KeyboardInterrupt:
            # Ctrl-C came before stop() could hold it back.
            self.stop()
            raise

    def execute_code_blocks(
        self,
        code_blocks: Sequence[CodeBlock],
        timeout: float | None = None,
        *,
        store_history: bool = True,
        on_output: OnOutput | None = None,
    ) -> CodeResult:
        """Run the blocks in order, up to the first that fails or exits. Return their output.

        Args:
            code_blocks: Code in the kernel's language or, on a Python kernel, shell code. Blocks of
                data and prose, such as ``json``, do not run; a note says so.
            timeout: Time limit for each block, in seconds. None uses the executor's limit.
            store_history: Whether the kernel counts the blocks and keeps them in its history.
            on_output: Function that is called with each output. None uses the executor's function.

        Raises:
            ValueError: An argument is wrong. Nothing has run.
            GatewayError: The server cannot be reached. ``result`` has the results so far.
            KernelNotReady: The kernel does not start again. ``result`` has the results so far.
        """
        return self._execute_blocks(
            BlockRun(), code_blocks, timeout, store_history=store_history, on_output=on_output
        )

    def interrupt(self) -> None:
        """Stop ``execute_code_blocks`` in another thread, and wait until it has ended.

        The running block is interrupted as by Ctrl-C; the blocks after it do not run. The kernel is
        restarted if the block does not end within the grace period.

        Raises:
            GatewayError: The server cannot be reached.
        """
        run = self._blocks
        if run is not None:
            run.interrupt(lambda: self._owned.kernel, self._timeouts)

    def restart(self) -> None:
        """Restart the kernel. Its variables are gone.

        Raises:
            JkgError: The server cannot be reached, or the kernel does not answer in time.
        """
        self._owned.check_process()
        with self._lock:
            try:
                self._running().restart()
            except KernelNotFound:
                if self._owned.is_attached:
                    raise
                self._owned.forget()
                self._running()
            self._replaced = False

    def stop(self) -> None:
        """Delete the kernel, unless it was given as ``kernel_id``. A second call does nothing."""
        self._stopped = True
        if self._owned.is_of_this_process:
            self._session_file.finish()
        self._owned.end()
        self._finalizer.detach()

    def _execute_blocks(
        self,
        run: BlockRun,
        code_blocks: Sequence[CodeBlock],
        timeout: float | None,
        *,
        store_history: bool,
        on_output: OnOutput | None = None,
    ) -> CodeResult:
        arguments.callback("on_output", on_output)
        arguments.flag("store_history", store_history)
        listen = on_output or self._on_output
        blocks = arguments.blocks(code_blocks)
        limit = self._timeout if timeout is None else arguments.seconds("timeout", timeout)
        # Check this before the lock, which in a forked child may belong to a thread of the parent.
        self._owned.check_process()
        with self._lock:
            run.begin()
            self._blocks = run
            try:
                return self._execute_in_turn(run, blocks, limit, store_history, listen)
            finally:
                self._blocks = None
                run.end()
                self._session_file.changed()

    def _execute_in_turn(
        self,
        run: BlockRun,
        blocks: Sequence[CodeBlock],
        limit: float,
        store_history: bool,
        listen: OnOutput | None,
    ) -> CodeResult:
        results: list[ExecutionResult] = []
        skipped: list[str] = []
        try:
            for block in blocks:
                if is_data(block.language, self._language):
                    skipped.append(block.language)
                    continue
                results.append(self._execute(run, block, limit, store_history, listen))
                if not results[-1].is_ok or results[-1].exit_code is not None:
                    break
        except JkgError as exc:
            last = [exc.result] if isinstance(exc.result, ExecutionResult) else []
            exc.result = self._code_result([*results, *last], limit, skipped)
            raise
        left_out = len(blocks) - len(results) - len(skipped)
        return self._code_result(results, limit, skipped, left_out)

    def _code_result(
        self,
        results: Sequence[ExecutionResult],
        limit: float,
        skipped: Sequence[str],
        left_out: int = 0,
    ) -> CodeResult:
        return CodeResult.from_results(
            results, self._folder, limit, skipped, self._page, left_out=left_out
        )

    def _start_or_stop(self) -> None:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> JupyterKernelClient:
        owned = self._owned
        kernel_id = owned.kernel_id
        if kernel_id is None:
            kernel_id = owned.start(self._kernel_name, self._env, self._timeouts.launch)
            self._check_open()
        kernel = owned.kernel = JupyterKernelClient(
            owned.provider, kernel_id, timeouts=self._timeouts, keep_session=False
        )
        self._check_open()
        if not kernel.wait_for_ready(self._timeouts.ready):
            raise KernelNotReady(f"kernel {kernel_id} does not answer")
        info = mapping_of(kernel.kernel_info().get("language_info"))
        self._session_file.session.language_info, self._language = info, str(info.get("name", ""))
        return kernel

    def _check_open(self) -> None:
        if self._stopped:
            self.stop()  # a kernel that was started after the first stop()
            raise ClientClosed("the executor was stopped")

    def _running(self) -> JupyterKernelClient:
        self._check_open()
        return self._owned.kernel or self._start()

    def _execute(
        self,
        run: BlockRun,
        block: CodeBlock,
        timeout: float,
        store_history: bool,
        on_output: OnOutput | None,
    ) -> ExecutionResult:
        if run.is_interrupted:
            return _NEVER_RAN
        try:
            cell = to_cell(block, self._language)
        except UnknownLanguage as exc:
            failure = Failure(type(exc).__name__, str(exc))
            return ExecutionResult(status="error", outputs=(failure,), failure=failure)

        def do() -> ExecutionResult:
            self._running()  # a new kernel may take long to start
            if run.is_interrupted:
                return _NEVER_RAN
            return self._run(cell, block.code, timeout, store_history, on_output)

        session = self._session_file.session if store_history else None
        return run_kept(session, cell, partial(self._on_some_kernel, do))

    def _on_some_kernel(self, do: Callable[[], T]) -> T:
        """Call ``do``. If the kernel no longer exists, start a new one and call ``do`` again."""
        had_died, self._has_died = self._has_died, False
        try:
            return do()
        except KernelNotFound:
            if self._owned.is_attached:
                raise
            self._replaced |= not had_died  # after a reported death, there was nothing to lose
            self._owned.forget()  # deleted, culled or dead before ``do`` could send anything
            return do()

    def _in_python(self, do: Callable[[RunUnseen], T]) -> T:
        """Call ``do`` with a function that runs silent cells, and return its result."""
        self._owned.check_process()
        with self._lock:
            self._running()
            check_language(self._language)
            return self._on_some_kernel(lambda: do(self._run_unseen))

    def _run_unseen(self, cell: str, expression: str = "") -> ExecutionResult:
        asked = {"answer": expression} if expression else None
        result = self._running().execute(cell, self._timeout, silent=True, user_expressions=asked)
        self._has_died = result.status == "died"
        self._replaced |= result.kernel_restarted  # the next blocks report it
        return result

    def _run(
        self, cell: str, typed: str, timeout: float, store_history: bool, on_output: OnOutput | None
    ) -> ExecutionResult:
        install = install_command(cell, typed) if self._language == "python" else None
        result = self._running().execute(
            python_cell(cell) if self._language == "python" else cell,
            timeout,
            on_output=on_output,
            store_history=store_history,
            user_expressions=STATUS if install else None,
            max_output=self._max_output,
        )
        self._has_died = result.status == "died"
        result = with_status(result, install) if install else result
        replaced, self._replaced = self._replaced, False
        return evolve(result, kernel_restarted=True) if replaced else result


Executor = TypeVar("Executor", bound=KernelCodeExecutor)
