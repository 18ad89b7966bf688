"""One run of a prepared notebook: it starts the kernel, runs the cells and raises the error."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import nbformat
from attrs import define
from nbformat import NotebookNode

from ..client.deadline import Deadline
from ..errors import (
    GatewayStatus,
    GatewayTimeout,
    JkgError,
    KernelNotFound,
    KernelNotReady,
    KernelStartError,
    NotebookError,
    NotebookKernelDied,
    NotebookTimeout,
)
from ..protocol.messages import Message
from .cells import CellRun, Observer
from .environment import change_folder, check_variables
from .interruption import Interruption
from .kernel import NotebookKernel, started
from .kernel_choice import KernelChoice
from .notebook_errors import error_of_cell, error_of_loss
from .options import RunOptions
from .outputs import NotebookOutputs
from .providers import NotebookKernels


class RunObserver(Observer, Protocol):
    """Gets the events of a run from its start to its end."""

    def starts(self, outputs: NotebookOutputs) -> None:
        """The run is about to start a kernel. ``outputs`` receives its messages."""

    def heard(self, message: Message) -> None:
        """A message has answered a cell."""

    def paused(self) -> None:
        """A message has arrived, or no message for a while."""

    def finished(self) -> None:
        """No cell is running any more."""


@define(eq=False)
class WholeRun:
    """A run of a notebook whose outputs are cleared and whose parameters are set.

    Attributes:
        notebook: The notebook. It is changed.
        kernels: Starts the kernel.
        choice: The kernel to start, or the running kernel of ``options.kernel.id``.
        options: Options of the run.
        code: Code to run instead of the saved code, by index of the cell.
        numbers: Position of each cell in the notebook of the caller. None for a new cell.
        observer: Gets the events of the run.
        interruption: Allows another thread to end the run.
        is_local: Whether kernels already start in ``options.kernel.cwd``.
    """

    notebook: NotebookNode
    kernels: NotebookKernels
    choice: KernelChoice
    options: RunOptions
    code: Mapping[int, str]
    numbers: Sequence[int | None]
    observer: RunObserver
    interruption: Interruption
    is_local: bool = False

    def run(self) -> None:
        """Run the notebook.

        Raises:
            NotebookError: The notebook did not run to its end.
            GatewayError: The server cannot be reached or refuses a request, before the first cell.
            ValueError: The kernel does not support an option.
            KeyboardInterrupt: The run was interrupted.
        """
        options = self.options
        outputs = NotebookOutputs(nbformat.from_dict, options.max_output, options.repeats_captured)
        kernel = NotebookKernel(outputs, self.observer.heard, self.observer.paused)
        self.observer.starts(outputs)
        try:
            with self._connected(kernel):
                cells = CellRun(
                    self.notebook,
                    kernel,
                    self.options,
                    self.code,
                    self.observer,
                    self.interruption,
                )
                self._run(cells, kernel)
        finally:
            self.observer.finished()
        self._raise_for(cells)

    def _run(self, cells: CellRun, kernel: NotebookKernel) -> None:
        self.interruption.begin(kernel.client, self.options.timeouts)
        try:
            cells.run()
        finally:
            self.interruption.end()
        if self.options.limits.final_wait and cells.failed is None:
            kernel.listen(float(self.options.limits.final_wait))

    @contextlib.contextmanager
    def _connected(self, kernel: NotebookKernel) -> Iterator[None]:
        """Start and prepare the kernel. At the end, delete it unless it was given by its id."""
        deadline = Deadline(self.options.limits.start_timeout)
        with self._kernel_id(deadline) as kernel_id:
            try:
                with self._told_of_start():
                    kernel.connect(self.kernels, kernel_id, deadline, self.options.timeouts)
                    self._prepare(kernel, deadline)
                yield
            finally:
                kernel.stop()

    @contextlib.contextmanager
    def _kernel_id(self, deadline: Deadline) -> Iterator[str]:
        if self.options.kernel.id is not None:
            yield self.options.kernel.id
            return
        seconds = deadline.left() or 0.001
        with contextlib.ExitStack() as stack:
            with self._told_of_start():
                kernel_id = stack.enter_context(
                    started(self.kernels, self.choice.name, self.options.kernel.env, seconds)
                )
            yield kernel_id

    def _prepare(self, kernel: NotebookKernel, deadline: Deadline) -> None:
        info = kernel.info(deadline)
        self.notebook.metadata["language_info"] = nbformat.from_dict(dict(info))
        if self.choice.name:
            self.notebook.metadata["kernelspec"] = nbformat.from_dict(self.choice.metadata)
        language = str(info.get("name", ""))
        if self.options.kernel.env and not self.is_local:
            check_variables(kernel.client, language, self.options.kernel.env, deadline)
        if self.options.kernel.cwd is not None and not self.is_local:
            folder = os.fspath(self.options.kernel.cwd)
            change_folder(kernel.client, language, folder, deadline)

    @contextlib.contextmanager
    def _told_of_start(self) -> Iterator[None]:
        """Turn errors of the kernel's start into a ``NotebookError``."""
        try:
            yield
        except (KernelNotReady, GatewayTimeout) as exc:
            limit = f"{self.options.limits.start_timeout:g} seconds"
            message = f"the kernel {self.choice.name!r} did not answer within {limit}: {exc}"
            raise NotebookTimeout(message, "timeout", self.notebook, exit_code=124) from exc
        except (KernelStartError, KernelNotFound) as exc:
            raise self._never_came_up(exc) from exc
        except GatewayStatus as exc:
            # A server answers with this status if the program of the kernel is missing.
            if type(exc) is not GatewayStatus:
                raise
            raise self._never_came_up(exc) from exc

    def _never_came_up(self, exc: JkgError) -> NotebookError:
        message = f"the kernel {self.choice.name!r} did not start: {exc}"
        return NotebookKernelDied(message, "died", self.notebook, exit_code=137)

    def _raise_for(self, cells: CellRun) -> None:
        if cells.failed is not None:
            index, end = cells.failed
            raise error_of_cell(self.notebook, index, self.numbers[index], end) from end.cause
        if cells.incomplete is not None:
            index, lost = cells.incomplete
            raise error_of_loss(self.notebook, index, self.numbers[index], lost)
