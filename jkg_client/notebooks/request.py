"""A request to run a notebook, with checked arguments."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import field, frozen

from ..client import arguments
from .documents import clear_old_outputs, read_notebook
from .interruption import Interruption
from .kernel_choice import KernelChoice, choose, language_of
from .observers import FileObserver
from .options import RunOptions, local_folder
from .parameters import Parameters, inject
from .providers import (
    NotebookKernels,
    NotebookServer,
    gateway_is_named,
    installed,
    kernels_of,
    name_of_running,
)
from .saving import NotebookFile
from .sources import NotebookSource
from .whole_run import WholeRun

if TYPE_CHECKING:
    # At run time ``documents`` imports nbformat first: its error names the extra.
    from nbformat import NotebookNode


@frozen(kw_only=True)
class RunRequest:
    """The checked arguments of ``run_notebook``. Its docstring describes them."""

    notebook: NotebookSource
    server: NotebookServer = field(repr=False)
    output: str | os.PathLike[str] | None
    parameters: Parameters
    options: RunOptions

    @classmethod
    def of(
        cls,
        notebook: NotebookSource,
        server: NotebookServer,
        output: str | os.PathLike[str] | None,
        parameters: object,
        secret_parameters: object,
        options: RunOptions,
    ) -> RunRequest:
        """Check the arguments, and return the request.

        Raises:
            ValueError: An argument is wrong.
        """
        options.check()
        arguments.optional_path("output", output)
        given = Parameters.of(parameters, secret_parameters)
        return cls(
            notebook=notebook, server=server, output=output, parameters=given, options=options
        )

    def run(self, interruption: Interruption) -> NotebookNode:
        """Run the notebook, and return it with its outputs.

        Args:
            interruption: Allows another thread to end the run.

        Raises:
            JkgError: The reasons are the same as for ``run_notebook``.
        """
        file = None if self.output is None else NotebookFile.at(self.output)
        notebook = read_notebook(self.notebook)
        numbers = {id(cell): number for number, cell in enumerate(notebook.cells)}
        is_local = self.server is None and not gateway_is_named()
        folder = local_folder(self.options.kernel.cwd) if is_local else None
        with kernels_of(self.server, folder) as kernels:
            choice = _choice(notebook, kernels, self.options)
            language = choice.language or language_of(notebook)
            injection = inject(notebook, self.parameters, choice.name, language)
            clear_old_outputs(notebook)
            code = {} if injection is None else {_index(notebook, injection.cell): injection.code}
            WholeRun(
                notebook,
                kernels,
                choice,
                self.options,
                code,
                [numbers.get(id(cell)) for cell in notebook.cells],
                FileObserver(notebook, file, self.options.on_cell),
                interruption,
                is_local,
            ).run()
        return notebook


def _choice(notebook: NotebookNode, kernels: NotebookKernels, options: RunOptions) -> KernelChoice:
    if options.kernel.id is None:
        return choose(notebook, options.kernel.name, installed(kernels))
    name = name_of_running(kernels, options.kernel.id)
    if name is None:
        return KernelChoice("")
    return installed(kernels).named(name) or KernelChoice(name)


def _index(notebook: NotebookNode, cell: NotebookNode) -> int:
    return next(index for index, one in enumerate(notebook.cells) if one is cell)
