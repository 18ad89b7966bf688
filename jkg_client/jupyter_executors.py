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
from .gateway.started_servers import provider_of
from .pages.libraries import Libraries, PageScripts
from .protocol.bounded_output import MAX_OUTPUT
from .session_file import NotebookOption


class JupyterCodeExecutor(KernelCodeExecutor):
    """Runs code blocks in one kernel on a Jupyter server. The kernel keeps its state.

    Example::

        from jkg_client import CodeBlock, JupyterCodeExecutor, LocalJupyterServer

        with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:
            executor.execute_code_blocks([CodeBlock("x = 6", "python")])
            assert executor.execute_code_blocks([CodeBlock("x * 7", "python")]).output == "42"

    Args:
        jupyter_server: A server that this program has started, or a ``JupyterConnectionInfo``.
        kernel_name: Name of the kernel to start.
        timeout: Time limit for each block, in seconds.
        output_dir: Folder for images and pages. It is created, but not its parents.
        kernel_id: Id of a running kernel to use instead. It keeps running after ``stop``.
        env: Environment variables of a kernel that is started, see ``JupyterClient.start_kernel``.
        max_output: Number of characters of a block's output that are kept.
        on_output: Function that is called with each output as soon as it arrives.
        timeouts: Time limits that the caller does not set per call.
        page_scripts: JavaScript libraries for pages with charts, by name: the path of a file or a
            URL, such as ``{"plotly": "plotly.min.js"}``. None loads them from public servers.
        notebook: Notebook file in which the session is recorded as it runs. None for no file.

    Raises:
        ValueError: An argument is wrong. ``KernelSpecNotFound`` lists the kernels that exist.
        GatewayError: The server cannot be reached, or it refuses the token.
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
        self._server = jupyter_server  # a reference, so that a started server does not end
        self._place = f" at {info_of(jupyter_server).url}"
        # Check the arguments before a connection is opened.
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

    ``async with``, ``start`` or the first blocks start the kernel. When a task is cancelled, its
    block is interrupted, and the task ends when the kernel can be used again.

    Example::

        async with AsyncJupyterCodeExecutor(server) as executor:
            result = await executor.execute_code_blocks([CodeBlock("6 * 7", "python")])

    Args:
        jupyter_server: This and all other arguments: see ``JupyterCodeExecutor``.
        on_output: Function that is called in the event loop with each output.

    Raises:
        ValueError: An argument is wrong. Some arguments are checked only when the kernel starts.
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
        self._server = jupyter_server  # a reference, so that a started server does not end
        self._place = f" at {info_of(jupyter_server).url}"
        arguments.executor(kernel_name, timeout, output_dir, kernel_id, env, max_output, on_output)
        arguments.instance("timeouts", timeouts, Timeouts)
        Libraries.of(page_scripts)
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
