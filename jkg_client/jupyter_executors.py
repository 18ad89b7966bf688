"""The executors for kernels of a Jupyter server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .async_executor import AsyncKernelCodeExecutor
from .client import arguments
from .client.callbacks import OnOutput
from .client.timeouts import TIMEOUTS, Timeouts
from .executor import KernelCodeExecutor
from .gateway.connection import JupyterConnectable, JupyterConnectionInfo, info_of
from .gateway.warm import provider_of
from .pages.libraries import PageScripts
from .protocol.bounded_output import MAX_OUTPUT
from .session_file import NotebookOption


class JupyterCodeExecutor(KernelCodeExecutor):
    """Runs code blocks in a kernel of its own on a Jupyter server; the kernel keeps its state.

    Args:
        jupyter_server: A launched server, or where a running one is.
        kernel_name: Which of the server's kernels to start.
        timeout: Seconds for each block as a whole.
        output_dir: Where images and pages are saved; made if only its last part is missing.
        kernel_id: Use this running kernel, and leave it running; None starts one.
        env: Environment of the kernel that is started, see ``JupyterClient.start_kernel``.
        max_output: Characters of output to keep of each block.
        on_output: Called with each output as it comes.
        timeouts: Time limits that are not given per call.
        page_scripts: For pages that draw charts: by name of a library (``plotly``, ``vega``,
            ``vega-lite``, ``vega-embed``, ``d3``, ``requirejs``) a file of it, which pages
            contain then, or its address. None fetches them from public servers.
        notebook: A file that is kept up to date as a notebook of the session; None for none.

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
        page_scripts: PageScripts | None = None,
        notebook: NotebookOption = None,
    ) -> None:
        self._server = jupyter_server  # a launched one ends when nobody refers to it
        self._place = f" at {info_of(jupyter_server).url}"
        # Before the connections are made.
        arguments.executor(kernel_name, timeout, output_dir, kernel_id, env, max_output, on_output)
        super().__init__(
            provider_of(jupyter_server),
            kernel_name,
            timeout,
            output_dir,
            kernel_id=kernel_id,
            env=env,
            max_output=max_output,
            on_output=on_output,
            timeouts=timeouts,
            page_scripts=page_scripts,
            notebook=notebook,
        )


class AsyncJupyterCodeExecutor(AsyncKernelCodeExecutor):
    """``JupyterCodeExecutor`` for programs with an event loop, which it never blocks.

    The kernel is started by ``async with``, or with the first blocks. A cancelled task
    interrupts the kernel, and is over when that can be used again.

    Args:
        jupyter_server: As all arguments: of ``JupyterCodeExecutor``.
        on_output: Called in the event loop.

    Raises:
        ValueError: For bad arguments; of what the server lacks, when the kernel is started.
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
        page_scripts: PageScripts | None = None,
        notebook: NotebookOption = None,
    ) -> None:
        self._server = jupyter_server  # a launched one ends when nobody refers to it
        self._place = f" at {info_of(jupyter_server).url}"
        arguments.executor(kernel_name, timeout, output_dir, kernel_id, env, max_output, on_output)
        arguments.instance("timeouts", timeouts, Timeouts)
        super().__init__(
            lambda: provider_of(jupyter_server),
            kernel_name,
            timeout,
            output_dir,
            kernel_id=kernel_id,
            env=env,
            max_output=max_output,
            on_output=on_output,
            timeouts=timeouts,
            page_scripts=page_scripts,
            notebook=notebook,
        )
