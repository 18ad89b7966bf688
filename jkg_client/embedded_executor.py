"""Code blocks of an agent, run in a kernel that is started without any server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .async_executor import AsyncKernelCodeExecutor
from .client.callbacks import OnOutput
from .client.channels import KernelProvider
from .client.timeouts import TIMEOUTS, Timeouts
from .executor import KernelCodeExecutor
from .pages.libraries import PageScripts
from .protocol.bounded_output import MAX_OUTPUT
from .session_file import NotebookOption


class EmbeddedIPythonCodeExecutor(KernelCodeExecutor):
    """Runs code blocks in a kernel on this machine, without a server; the kernel keeps its state.

    The kernel has the rights of this program. It ends with ``stop``, and when this program ends,
    however it does. Needs the extra ``embedded``.

    Args:
        kernel_name: Which of the installed kernels to start.
        timeout: Seconds for each block as a whole.
        output_dir: Where images and pages are saved; made if it is missing.
        env: Added to the kernel's environment, which is that of this process but for secrets.
        cwd: Where the kernel starts; None for the current directory.
        max_output: Characters of output to keep of each block.
        on_output: Called with each output as it comes.
        timeouts: Time limits that are not given per call.
        notebook: A file that is kept up to date as a notebook of the session; None for none.

    Raises:
        ValueError: For bad arguments; ``KernelSpecNotFound`` names the kernels there are.
        KernelStartError: The kernel cannot be started; the end of its output is in the message.
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

    The kernel is started by ``async with``, or with the first blocks. A cancelled task
    interrupts the kernel, and is over when that can be used again.

    Args:
        kernel_name: As all arguments: of ``EmbeddedIPythonCodeExecutor``.
        on_output: Called in the event loop.

    Raises:
        ValueError: When the kernel is started: for bad arguments.
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


def _kernels(cwd: Path | str | None) -> KernelProvider:
    # Not before it is needed: it needs an extra, and everybody imports the public names.
    from .embedded.kernels import LocalKernels  # noqa: PLC0415

    return LocalKernels(cwd=cwd)
