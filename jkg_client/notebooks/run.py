"""``run_notebook`` and ``run_notebook_async``."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import Iterable, Mapping
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Union

from ..async_executor import whole
from ..client import arguments
from ..client.callbacks import OnInput
from ..client.timeouts import TIMEOUTS, Timeouts
from ..errors import JkgError
from ..worker import Worker
from .interruption import Interruption
from .options import CellProgress, OnCell, RunLimits, RunOptions, WantedKernel
from .providers import NotebookServer
from .sources import NotebookSource

if TYPE_CHECKING:
    from nbformat import NotebookNode

SecretParameters = Union[Mapping[str, Any], Iterable[str], None]

# A task that waits for a run in another thread passes its ``Interruption`` to the run in this
# variable.
_interruption: ContextVar[Interruption | None] = ContextVar("_interruption", default=None)


def run_notebook(
    notebook: NotebookSource,
    server: NotebookServer = None,
    *,
    output: str | os.PathLike[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    secret_parameters: SecretParameters = None,
    timeout: float | None = None,
    cell_timeout: float | None = None,
    start_timeout: float = 60.0,
    final_wait: float = 0.0,
    allow_errors: bool = False,
    kernel_name: str | None = None,
    kernel_id: str | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    max_output: int | None = None,
    on_cell: OnCell | None = None,
    on_input: OnInput | None = None,
    timeouts: Timeouts = TIMEOUTS,
) -> NotebookNode:
    """Run a notebook on a kernel of a server or of this machine. It needs the extra ``notebook``.

    The cells run in order, up to the first that fails. Cells with the tag ``skip-execution`` do not
    run. Cells with the tag ``raises-exception`` may fail. ``exit()`` and ``sys.exit(0)`` end the
    notebook.

    Example::

        run_notebook("report.ipynb", output="done.ipynb", parameters={"year": 2026})

    Args:
        notebook: A path, an open file, or a ``NotebookNode``, which is not changed.
        server: A server, a ``JupyterConnectionInfo``, or a provider of kernels. None for the
            gateway of JUPYTER_GATEWAY_URL. If that is not set, the kernel runs on this machine,
            which needs the extra ``embedded``.
        output: File for the notebook with its outputs. It may be the file of ``notebook``. It is
            saved after each cell and while cells run, and is complete at any time.
        parameters: Values that a new cell sets, after the cell with the tag ``parameters``. ``{}``
            removes the new cell of an earlier run; None keeps it.
        secret_parameters: Further parameters with values, or names of parameters in ``parameters``.
            The notebook shows ``******`` instead of their values.
        timeout: Time limit for all cells together, in seconds. None for no limit.
        cell_timeout: Time limit for each cell, in seconds. Metadata
            ``{"execution": {"timeout": 30}}`` of a cell override it. None uses the metadata of the
            notebook.
        start_timeout: Time limit for the start of the kernel, in seconds.
        final_wait: Seconds to wait after the last cell for output of its threads.
        allow_errors: Whether to continue after a failed cell.
        kernel_name: Name of the kernel to start. None for the kernel in the notebook's metadata.
        kernel_id: Id of a running kernel to use instead. It is kept.
        cwd: Folder in which the code runs, on the machine of the kernel.
        env: Environment variables of the kernel.
        max_output: Number of characters of output to keep of each cell. None keeps all.
        on_cell: Function that is called with a ``CellProgress`` when a cell begins and ends.
        on_input: Function that answers input requests of the code. With None, an input request
            raises an error in the code.
        timeouts: Time limits that the caller does not set per call.

    Returns:
        The notebook with outputs, execution counts, times, and the states of its widgets.

    Raises:
        NotebookError: The notebook did not run to its end. Its ``notebook`` has the outputs so far.
        ValueError: An argument is wrong, or the notebook, the kernel or a folder does not exist. No
            cell has run.
        OSError: The notebook cannot be read or saved.
        GatewayError: The server cannot be reached or refuses a request, before the first cell.
    """
    limits = RunLimits(timeout, cell_timeout, start_timeout, final_wait)
    kernel = WantedKernel(kernel_name, kernel_id, cwd, env)
    options = RunOptions(limits, kernel, allow_errors, max_output, on_cell, on_input, timeouts)
    # Imported only here, because it needs nbformat.
    from .request import RunRequest  # noqa: PLC0415

    request = RunRequest.of(notebook, server, output, parameters, secret_parameters, options)
    return request.run(_interruption.get() or Interruption())


async def run_notebook_async(
    notebook: NotebookSource,
    server: NotebookServer = None,
    *,
    on_cell: OnCell | None = None,
    **options: Any,
) -> NotebookNode:
    """``run_notebook`` for programs with an event loop, which it never blocks.

    If the task is cancelled, it interrupts the kernel, saves the notebook and deletes the kernel
    before it ends.

    Example::

        await run_notebook_async("report.ipynb", output="done.ipynb")

    Args:
        notebook: The notebook. ``run_notebook`` describes this and the other arguments.
        server: The server.
        on_cell: Function that is called in the event loop.
        **options: The other arguments of ``run_notebook``. ``on_input`` is called in a thread.

    Raises:
        NotebookError: The notebook did not run to its end. ``run_notebook`` lists other errors.
    """
    loop = asyncio.get_running_loop()

    def hand_over(progress: CellProgress) -> None:
        if on_cell is not None:
            loop.call_soon_threadsafe(on_cell, progress)

    arguments.callback("on_cell", on_cell)
    told = None if on_cell is None else hand_over
    interruption, worker = Interruption(), Worker("jkg_client notebook")
    context = copy_context()
    context.run(_interruption.set, interruption)
    run = functools.partial(run_notebook, notebook, server, on_cell=told, **options)
    running = asyncio.wrap_future(worker.submit(context.run, run))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        # Read the exception of the run. Otherwise, asyncio logs that nobody has read it.
        running.add_done_callback(lambda done: done.cancelled() or done.exception())
        await whole(_ended(interruption, running))
        raise
    finally:
        worker.close(wait=False)


async def _ended(interruption: Interruption, running: asyncio.Future[NotebookNode]) -> None:
    """Interrupt a run, and wait until it has ended."""
    with contextlib.suppress(JkgError):
        await asyncio.get_running_loop().run_in_executor(None, interruption.interrupt)
    await asyncio.wait({running})
