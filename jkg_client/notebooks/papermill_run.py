"""One run of the papermill engine: a ``WholeRun`` with papermill's logs and records."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

import click
from attrs import define
from nbformat import NotebookNode
from papermill.log import logger
from papermill.translators import translate_parameters

from ..errors import NotebookError
from ..protocol.messages import Message
from .cell_end import CellEnd
from .documents import RAISES, code_cells, has_tag
from .interruption import Interruption
from .kernel_choice import choose, language_of
from .observers import settle
from .options import RunLimits, RunOptions, WantedKernel
from .outputs import NotebookOutputs
from .papermill_log import OutputLog
from .papermill_manager import ExecutionManager
from .papermill_output import PapermillOutput
from .parameters import INJECTED, MASK
from .providers import NotebookServer, installed, kernels_of
from .whole_run import WholeRun

_BY_SIGNAL = 128


@define(eq=False)
class PapermillRun:
    """A run of papermill's engine. It is also the observer of the run.

    Attributes:
        notebook: The notebook.
        kernel_name: Name of the kernel to start.
        server: The server that runs the kernel.
        manager: Papermill's record of the run.
        log: Papermill's log of outputs.
        options: Options of the run.
        output: Destination of the notebook. None if it is not saved.
        secrets: Names of parameters that are not saved.
    """

    notebook: NotebookNode
    kernel_name: str
    server: NotebookServer
    manager: ExecutionManager
    log: OutputLog
    options: RunOptions
    output: PapermillOutput | None
    secrets: frozenset[str]

    @classmethod
    def of(
        cls, notebook: NotebookNode, kernel_name: str, server: Any, given: dict[str, Any]
    ) -> PapermillRun:
        """A run with the options that papermill passes to an engine.

        Raises:
            ValueError: An option is wrong, or the folder of the output does not exist.
        """
        # If papermill does not save during the run, only the metadata has the path.
        path = given.get("output_path") or notebook.metadata.papermill.get("output_path")
        output = PapermillOutput.at(path) if path else None
        is_logged = bool(given.get("log_output"))
        manager = ExecutionManager(
            notebook,
            output if given.get("output_path") else None,
            progress_bar=given.get("progress_bar", True),
            log_output=is_logged,
            autosave_cell_every=given.get("autosave_cell_every", 30),
        )
        files = {"stdout": given.get("stdout_file"), "stderr": given.get("stderr_file")}
        log, secrets = OutputLog(is_logged, files), frozenset(given.get("secret_parameters") or ())
        options = _options(kernel_name, given)
        options.check()
        return cls(notebook, kernel_name, server, manager, log, options, output, secrets)

    def run(self) -> NotebookNode:
        """Run the notebook and return it. Papermill itself finds a failed cell in it.

        Raises:
            NotebookError: The run failed for another reason than a cell.
        """
        failed: int | None = None
        code = self._hide_secrets()
        self.manager.notebook_start()
        try:
            with _signals_end_the_command():
                self._run(code)
        except NotebookError as exc:
            self.manager.fail()
            failed = exc.index
            if failed is None or exc.status == "incomplete":
                raise
        except BaseException:
            self.manager.fail()
            raise
        finally:
            self.log.end()
            self.manager.notebook_complete()
        if self.output is not None:
            self.output.hide(self.notebook, failed)
        return self.notebook

    def starts(self, outputs: NotebookOutputs) -> None:
        """The run is about to start a kernel."""
        logger.info("Executing notebook with kernel: %s", self.kernel_name)
        self.manager.settle_by(lambda: settle(self.notebook, outputs))

    def began(self, index: int) -> None:
        """A cell begins."""
        self.manager.cell_start(self.notebook.cells[index], index)

    def heard(self, message: Message) -> None:
        """A message has answered a cell."""
        self.log.feed(message)

    def paused(self) -> None:
        """A message has arrived, or no message for a while."""
        self.manager.autosave_cell()

    def ended(self, index: int, end: CellEnd) -> None:
        """A cell has ended."""
        self.log.end()
        cell = self.notebook.cells[index]
        is_expected = end.status == "error" and has_tag(cell, RAISES)
        if end.status != "ok" and not is_expected:
            self.manager.cell_exception(cell, cell_index=index)
        self.manager.cell_complete(cell, cell_index=index)

    def finished(self) -> None:
        """No cell is running any more."""

    def _run(self, code: Mapping[int, str]) -> None:
        with kernels_of(self.server, None) as kernels:
            # Papermill also passes the kernel name of the notebook's own metadata.
            own = self.notebook.metadata.get("kernelspec", {}).get("name")
            asked = None if self.kernel_name == own else self.kernel_name
            choice = choose(self.notebook, asked, installed(kernels))
            numbers = list(range(len(self.notebook.cells)))
            run = WholeRun(
                self.notebook, kernels, choice, self.options, code, numbers, self, Interruption()
            )
            run.run()

    def _hide_secrets(self) -> dict[int, str]:
        """Mask secrets in the notebook. Return the code with the secrets, by index of its cell."""
        given = self.notebook.metadata.papermill.get("parameters", {})
        if not self.secrets & set(given):
            return {}
        masked = {name: MASK if name in self.secrets else given[name] for name in given}
        cells = [cell for cell in code_cells(self.notebook) if has_tag(cell, INJECTED)]
        index = next(at for at, cell in enumerate(self.notebook.cells) if cell is cells[0])
        code = {index: cells[0].source}
        cells[0].source = translate_parameters(
            self.kernel_name, language_of(self.notebook) or "python", masked
        )
        self.notebook.metadata.papermill["parameters"] = masked
        return code


def _options(kernel_name: str, given: Mapping[str, Any]) -> RunOptions:
    kernel_id = given.get("kernel_id")
    limits = RunLimits(
        given.get("timeout"),
        given.get("execution_timeout") or None,
        given.get("start_timeout") or 60.0,
        given.get("final_wait") or 0.0,
    )
    name = kernel_name if kernel_id is None else None
    return RunOptions(
        limits, WantedKernel(name, kernel_id, given.get("kernel_cwd"), given.get("env"))
    )


@contextlib.contextmanager
def _signals_end_the_command() -> Iterator[None]:
    """Let SIGTERM end papermill's command as Ctrl-C does, with the exit status of a signal."""
    context = click.get_current_context(silent=True)
    if context is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    before = signal.getsignal(signal.SIGTERM)
    if before == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt as exc:
        number = exc.args[0] if exc.args else signal.SIGINT
        raise SystemExit(_BY_SIGNAL + int(number)) from exc
    finally:
        signal.signal(signal.SIGTERM, before)
