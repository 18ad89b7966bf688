"""Code blocks of an agent, run in one stateful kernel."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from attrs import evolve

from .client import arguments
from .client.block_run import BlockRun
from .client.callbacks import OnOutput
from .client.channels import KernelProvider
from .client.kernel import JupyterKernelClient
from .client.kernel_ownership import KernelOwnership
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
from .rendering import made_folder
from .session_file import NotebookOption, kept_in, save_session, session_file_of
from .shell_cells import ends_with_shell

_NEVER_RAN = ExecutionResult(status="aborted")


class KernelCodeExecutor:
    """Runs code blocks in a kernel of its own, which keeps its state between them.

    Args:
        provider: Starts the kernel; closed by ``stop``.
        kernel_name: Which kernel to start.
        timeout: Seconds for each block as a whole.
        output_dir: Where images and pages are saved; made if only its last part is missing.
        kernel_id: Use this running kernel, and leave it running; None starts one.
        env: Environment of the kernel that is started.
        max_output: Characters of output to keep of each block.
        on_output: Called with each output as it comes.
        timeouts: Time limits that are not given per call.
        page_scripts: For pages that draw charts: by name of a library (``plotly``, ``vega``,
            ``vega-lite``, ``vega-embed``, ``d3``, ``requirejs``) a file of it, which pages
            contain then, or its address. None fetches them from public servers.
        notebook: A file that is kept up to date as a notebook of the session; None for none.

    Raises:
        ValueError: For bad arguments; ``KernelSpecNotFound`` names the kernels there are.
        GatewayError: The way to the kernel is closed.
        KernelNotReady: The kernel was started but does not answer.
    """

    _place = ""  # where the kernel's server is

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
        self._session = self._session_file.session
        self._page = NotebookPage(Libraries.of(page_scripts))
        self._owned = KernelOwnership(provider, kernel_id, is_attached=kernel_id is not None)
        # Neither a forgotten stop() nor Ctrl-C at a bad moment leaves the kernel behind.
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
        # Whether the next result must tell that another kernel has taken the place of the last.
        self._stopped = self._replaced = False
        self._blocks: BlockRun | None = None
        self._start_or_stop()

    @property
    def code_extractor(self) -> MarkdownCodeExtractor:
        """Finds the code blocks in a message."""
        # Guesses about blocks that name no language are right for Python only.
        return MarkdownCodeExtractor(default_language=None if self._language == "python" else "")

    @property
    def kernel_id(self) -> str | None:
        """Id of the kernel in use; another one after the server lost it."""
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
            # It came before stop() could hold it back.
            self.stop()
            raise

    def execute_code_blocks(
        self,
        code_blocks: Sequence[CodeBlock],
        timeout: float | None = None,
        *,
        store_history: bool = True,
    ) -> CodeResult:
        """Run the blocks in order, up to the first that fails or exits.

        Args:
            code_blocks: In Python, or another language of the kernel. Blocks of data and prose,
                ``json`` or ``markdown`` for example, are not run, and a note says so.
            timeout: Seconds for each of them; None for those of the executor.
            store_history: Whether they count and are remembered.

        Returns:
            What they showed, however it ended.

        Raises:
            ValueError: For bad arguments; nothing was run.
            GatewayError: The server is away; ``result`` of it holds what had come.
            KernelNotReady: The kernel does not come up again; likewise.
        """
        return self._execute_blocks(BlockRun(), code_blocks, timeout, store_history=store_history)

    def interrupt(self) -> None:
        """End the ``execute_code_blocks`` that runs in another thread, and wait for its end.

        Its block is interrupted as by Ctrl-C, those behind it do not run. Code that does not
        end by that within the grace period ends with its kernel, which is restarted.

        Raises:
            GatewayError: The server is away.
        """
        run = self._blocks
        if run is not None:
            run.interrupt(lambda: self._owned.kernel, self._timeouts)

    def restart(self) -> None:
        """Restart the kernel: variables are gone."""
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

    def save_notebook(self, path: Path | str) -> None:
        """Write all that was run, with its outputs, to ``path`` as a notebook; also after ``stop``.

        A file that is there is replaced as a whole.

        Raises:
            OSError: It could not be written; a file that was there is as it was.
        """
        save_session(self._session, path)

    def add_markdown(self, text: str) -> None:
        """Put text between what was run and what will be run, for the notebook of the session."""
        arguments.text("text", text)
        self._session.remark(text)
        self._session_file.changed()

    def stop(self) -> None:
        """Delete the kernel, unless it was there before us, and close all; may be called twice."""
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
    ) -> CodeResult:
        results: list[ExecutionResult] = []
        skipped: list[str] = []
        blocks = arguments.blocks(code_blocks)
        limit = self._timeout if timeout is None else arguments.seconds("timeout", timeout)
        # Before the lock: a thread that the child has not got may have held it.
        self._owned.check_process()
        with self._turn(run):
            try:
                for block in blocks:
                    if is_data(block.language, self._language):
                        skipped.append(block.language)
                        continue
                    results.append(
                        _NEVER_RAN
                        if run.is_interrupted
                        else self._execute(block, limit, store_history)
                    )
                    if not results[-1].is_ok or results[-1].exit_code is not None:
                        break
            except JkgError as exc:
                partial = [exc.result] if isinstance(exc.result, ExecutionResult) else []
                exc.result = CodeResult.of(
                    [*results, *partial], self._folder, limit, skipped, self._page
                )
                raise
            return self._told(results, limit, skipped, len(blocks))

    @contextlib.contextmanager
    def _turn(self, run: BlockRun) -> Iterator[None]:
        with self._lock:
            run.begin()
            self._blocks = run
            try:
                yield
            finally:
                self._blocks = None
                run.end()
                self._session_file.changed()

    def _told(
        self,
        results: Sequence[ExecutionResult],
        limit: float,
        skipped: Sequence[str],
        given: int,
    ) -> CodeResult:
        page, left_out = self._page, given - len(results) - len(skipped)
        return CodeResult.of(results, self._folder, limit, skipped, page, left_out=left_out)

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
        kernel = JupyterKernelClient(
            owned.provider, kernel_id, timeouts=self._timeouts, keep_session=False
        )
        owned.kernel = kernel
        self._check_open()
        if not kernel.wait_for_ready(self._timeouts.ready):
            raise KernelNotReady(f"kernel {kernel_id} gives no answer")
        info = kernel.kernel_info().get("language_info")
        self._session.language_info = mapping_of(info)
        self._language = str(self._session.language_info.get("name", ""))
        return kernel

    def _check_open(self) -> None:
        if self._stopped:
            self.stop()  # what was started since
            raise ClientClosed("the executor was stopped")

    def _running(self) -> JupyterKernelClient:
        self._check_open()
        return self._owned.kernel or self._start()

    def _execute(self, block: CodeBlock, timeout: float, store_history: bool) -> ExecutionResult:
        try:
            cell = to_cell(block, self._language)
        except UnknownLanguage as exc:
            failure = Failure(type(exc).__name__, str(exc))
            return ExecutionResult(status="error", outputs=(failure,), failure=failure)
        with kept_in(self._session, cell) as kept:
            try:
                kept.result = self._run(cell, timeout, store_history)
            except KernelNotFound:
                if self._owned.is_attached:
                    raise
                # Deleted, culled or dead for good, before this block was sent.
                self._replaced = True
                self._owned.forget()
                kept.result = self._run(cell, timeout, store_history)
        return kept.result

    def _run(self, cell: str, timeout: float, store_history: bool) -> ExecutionResult:
        install = install_command(cell) if self._language == "python" else None
        result = self._running().execute(
            ends_with_shell(cell),
            timeout,
            on_output=self._on_output,
            store_history=store_history,
            user_expressions=STATUS if install else None,
            max_output=self._max_output,
        )
        if install:
            result = with_status(result, install)
        replaced, self._replaced = self._replaced, False
        return evolve(result, kernel_restarted=True) if replaced else result


Executor = TypeVar("Executor", bound=KernelCodeExecutor)
