"""Code blocks of an agent, run in a kernel that is started without any server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .async_executor import AsyncKernelCodeExecutor
from .client import arguments
from .client.callbacks import OnOutput
from .client.channels import KernelProvider
from .client.timeouts import TIMEOUTS, Timeouts
from .executor import KernelCodeExecutor
from .pages.libraries import Libraries, PageScripts
from .protocol.bounded_output import MAX_OUTPUT
from .session_file import NotebookOption, session_file_of


class EmbeddedIPythonCodeExecutor(KernelCodeExecutor):
    """Runs code blocks in one kernel on this machine, without a server. The kernel keeps its state.

    The kernel has the rights of this program. It ends with ``stop``, and in any case when this
    program ends. This class needs the extra ``embedded``.

    Example::

        from jkg_client import CodeBlock, EmbeddedIPythonCodeExecutor

        with EmbeddedIPythonCodeExecutor(timeout=10) as executor:
            result = executor.execute_code_blocks([CodeBlock("6 * 7", "python")])
            assert result.output == "42"

    Args:
        kernel_name: Name of the installed kernel to start.
        timeout: Time limit for each block, in seconds.
        output_dir: Folder for images and pages. It is created, but not its parents.
        env: Environment variables that are added to the variables of this process. Secrets of this
            process are left out.
        cwd: Folder in which the kernel starts. None for the current folder.
        max_output: Number of characters of a block's output that are kept.
        on_output: Function that is called with each output as soon as it arrives.
        timeouts: Time limits that the caller does not set per call.
        page_scripts: As for ``JupyterCodeExecutor``.
        notebook: Notebook file in which the session is recorded as it runs. None for no file.

    Raises:
        ValueError: An argument is wrong. ``KernelSpecNotFound`` lists the kernels that exist.
        KernelStartError: The kernel ended before it answered. The message has its last output.
        KernelNotReady: The kernel was started but does not answer.
    """

    def __init__(
        self,
        kernel_name: str = "python3",
        timeout: float = 60,
        output_dir: Path | str = Path(),
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
        max_output: int = MAX_OUTPUT,
        on_output: OnOutput | None = None,
        timeouts: Timeouts = TIMEOUTS,
        page_scripts: PageScripts | None = None,
        notebook: NotebookOption = None,
    ) -> None:
        # Check the arguments before anything is imported.
        arguments.executor(kernel_name, timeout, output_dir, None, env, max_output, on_output)
        _check_others(cwd, timeouts, page_scripts, notebook)
        super().__init__(
            _kernels(cwd),
            kernel_name,
            timeout,
            output_dir,
            env=env,
            max_output=max_output,
            on_output=on_output,
            timeouts=timeouts,
            page_scripts=page_scripts,
            notebook=notebook,
        )


class AsyncEmbeddedIPythonCodeExecutor(AsyncKernelCodeExecutor):
    """``EmbeddedIPythonCodeExecutor`` for programs with an event loop, which it never blocks.

    ``async with``, ``start`` or the first blocks start the kernel. When a task is cancelled, its
    block is interrupted, and the task ends when the kernel can be used again.

    Example::

        async with AsyncEmbeddedIPythonCodeExecutor() as executor:
            result = await executor.execute_code_blocks([CodeBlock("6 * 7", "python")])

    Args:
        kernel_name: This and all other arguments: see ``EmbeddedIPythonCodeExecutor``.
        on_output: Function that is called in the event loop with each output.

    Raises:
        ValueError: An argument is wrong. Some arguments are checked only when the kernel starts.
    """

    def __init__(
        self,
        kernel_name: str = "python3",
        timeout: float = 60,
        output_dir: Path | str = Path(),
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
        max_output: int = MAX_OUTPUT,
        on_output: OnOutput | None = None,
        timeouts: Timeouts = TIMEOUTS,
        page_scripts: PageScripts | None = None,
        notebook: NotebookOption = None,
    ) -> None:
        arguments.executor(kernel_name, timeout, output_dir, None, env, max_output, on_output)
        _check_others(cwd, timeouts, page_scripts, notebook)
        super().__init__(
            lambda: _kernels(cwd),
            kernel_name,
            timeout,
            output_dir,
            env=env,
            max_output=max_output,
            on_output=on_output,
            timeouts=timeouts,
            page_scripts=page_scripts,
            notebook=notebook,
        )


def _check_others(
    cwd: object, timeouts: object, page_scripts: PageScripts | None, notebook: NotebookOption
) -> None:
    arguments.optional_path("cwd", cwd)
    arguments.instance("timeouts", timeouts, Timeouts)
    Libraries.of(page_scripts)
    session_file_of(notebook)


def _kernels(cwd: Path | str | None) -> KernelProvider:
    # Imported only here, because it needs the extra ``embedded``.
    from .embedded.kernels import LocalKernels  # noqa: PLC0415

    return LocalKernels(cwd=cwd)
