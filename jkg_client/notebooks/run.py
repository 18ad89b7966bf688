"""``run_notebook``: a notebook on any kernel."""

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

# By it the task that waits for a run in another thread ends that run.
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
    """Run a notebook on a kernel, wherever that is; needs the extra ``notebook``.

    The cells run in order, up to the first that fails. Cells tagged ``skip-execution`` do not run,
    those tagged ``raises-exception`` may fail. ``exit()`` and ``sys.exit(0)`` end the notebook.

    Example::

        run_notebook("report.ipynb", output="done.ipynb", parameters={"year": 2026})

    Args:
        notebook: A path, an open file, or a ``NotebookNode``, which stays as it is.
        server: A server, what says where one is, or a provider of kernels. None for the gateway
            that JUPYTER_GATEWAY_URL names; if it names none, for a kernel on this machine, which
            needs the extra ``embedded``.
        output: Where to save the notebook; may be the path that it came from. It is saved after
            each cell and while cells run, always as a whole file.
        parameters: Values for the cell behind the one that is tagged ``parameters``. ``{}``
            removes what an earlier run has put there, None leaves it.
        secret_parameters: Further values, or names of some in ``parameters``; they are saved
            as ``******``.
        timeout: Seconds for all cells together; None for no limit.
        cell_timeout: Seconds for each cell. Metadata ``{"execution": {"timeout": 30}}`` of a cell
            win; those of the notebook count if this is None.
        start_timeout: Seconds until the kernel must answer.
        final_wait: Seconds to wait after the last cell for what its threads still print.
        allow_errors: Go on after cells that fail.
        kernel_name: Which kernel to start; None for what the notebook's metadata say.
        kernel_id: Use this running kernel, and leave it running.
        cwd: Folder in which the code runs, on the machine of the kernel.
        env: Environment of the kernel that is started.
        max_output: Characters of output to keep of each cell; None keeps all.
        on_cell: Called with a ``CellProgress`` when a cell begins and when it has ended.
        on_input: Called when code asks for a line of input; None makes asking an error.
        timeouts: Time limits that are not given per call.

    Returns:
        The notebook as it ran: outputs, execution counts, times, and the states of its widgets.

    Raises:
        NotebookError: The notebook did not run to its end; ``notebook`` of it holds what ran.
        ValueError: For bad arguments, and for a notebook, a kernel or a folder that is not there;
            no cell has run.
        OSError: The notebook cannot be read or saved.
        GatewayError: The server is away or refuses, before the first cell.
    """
    limits = RunLimits(timeout, cell_timeout, start_timeout, final_wait)
    kernel = WantedKernel(kernel_name, kernel_id, cwd, env)
    options = RunOptions(limits, kernel, allow_errors, max_output, on_cell, on_input, timeouts)
    # Only now: it needs nbformat.
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

    A cancelled task interrupts the kernel, saves the notebook and deletes the kernel before it
    ends.

    Example::

        await run_notebook_async("report.ipynb", output="done.ipynb")

    Args:
        notebook: As all other arguments: see ``run_notebook``.
        server: As for ``run_notebook``.
        on_cell: Called in the event loop.
        **options: As for ``run_notebook``. ``on_input`` is called in a thread.

    Raises:
        NotebookError: As ``run_notebook``, which also raises other errors.
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
        # Nobody will ask for its exception any more.
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
