"""Adapter for AutoGen 0.7, see https://microsoft.github.io/autogen/stable/.

Agents of AutoGen 0.2 and AG2 use ``jkg_client.JupyterCodeExecutor`` directly.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

try:
    from autogen_core import CancellationToken, Component
    from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult
    from pydantic import BaseModel, Field
    from typing_extensions import Self
except ImportError as _missing:
    raise ImportError(
        "JupyterCodeExecutor needs an extra:"
        ' pip install "jkg-client[autogen]" (Python 3.10 or newer)'
    ) from _missing

from .. import jupyter_executors
from ..client import arguments
from ..gateway.connection import (
    JupyterConnectable,
    JupyterConnectionInfo,
    given_or_known,
    info_of,
)
from ..protocol.shortening import shortened
from ..session_file import session_file_of
from .model_limits import MAX_TEXT, checked
from .tool_code import tool_block


class JupyterCodeExecutorConfig(BaseModel):
    """The configuration of an executor, which AutoGen can dump and load.

    Attributes:
        url: URL of the server, without its token. None for ``JUPYTER_GATEWAY_URL``.
        kernel_name: Name of the kernel to start.
        timeout: Time limit for each block, in seconds.
        output_dir: Folder for images and pages.
        max_text: Longest text in one result, in characters.
    """

    url: str | None = None
    kernel_name: str = "python3"
    timeout: float = Field(default=60, gt=0)
    output_dir: str = "."
    max_text: int = Field(default=MAX_TEXT, gt=0)


@dataclass
class JupyterCodeResult(CodeResult):
    """The result of a list of code blocks.

    Attributes:
        output_files: Images and pages that the blocks have shown.
    """

    output_files: list[Path] = field(default_factory=list)


class JupyterCodeExecutor(CodeExecutor, Component[JupyterCodeExecutorConfig]):
    """Runs code blocks of AutoGen's agents and tools in one Jupyter kernel.

    ``async with``, ``start`` or the first blocks start the kernel. After ``stop``, ``async with``
    or ``start`` starts a new one. A configuration does not contain the token. When it is loaded,
    the token comes from ``JUPYTER_GATEWAY_AUTH_TOKEN`` if ``JUPYTER_GATEWAY_URL`` is the same URL.

    Args:
        jupyter_server: A server that this program has started, or a ``JupyterConnectionInfo``. None
            for the server of ``JUPYTER_GATEWAY_URL``.
        kernel_name: Name of the kernel to start.
        timeout: Time limit for each block, in seconds.
        output_dir: Folder for images and pages. It is created if it is missing.
        max_text: Longest text in one result, in characters. Longer texts are shortened in the
            middle, with a line that says how much is missing.
        options: Further arguments of ``AsyncJupyterCodeExecutor``, such as ``notebook``. They are
            not part of the configuration.

    Raises:
        ValueError: An argument is wrong. Some arguments are checked only when the kernel starts.
    """

    component_config_schema = JupyterCodeExecutorConfig
    component_provider_override: ClassVar[str | None] = (
        "jkg_client.integrations.autogen.JupyterCodeExecutor"
    )

    def __init__(
        self,
        jupyter_server: JupyterConnectable | JupyterConnectionInfo | None = None,
        kernel_name: str = "python3",
        timeout: float = 60,
        output_dir: Path | str = ".",
        *,
        max_text: int = MAX_TEXT,
        **options: Any,
    ) -> None:
        arguments.folder("output_dir", output_dir)
        server = given_or_known(jupyter_server)
        self._config = JupyterCodeExecutorConfig(
            url=info_of(server).url,
            kernel_name=kernel_name,
            timeout=timeout,
            output_dir=os.fspath(output_dir),
            max_text=checked(max_text),
        )
        # One file for all kernels: blocks that run after a stop are added to it.
        notebook = session_file_of(options.pop("notebook", None), kernel_name)
        self._make = functools.partial(
            jupyter_executors.AsyncJupyterCodeExecutor,
            server,
            kernel_name,
            timeout,
            output_dir,
            notebook=notebook,
            **options,
        )
        self._executor = self._make()
        self._stopped = False

    @property
    def output_dir(self) -> Path:
        """Folder for images and pages."""
        return Path(self._config.output_dir)

    async def __aenter__(self) -> Self:
        try:
            await self._startable().__aenter__()
        except BaseException:
            self._stopped = True
            raise
        return self

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> JupyterCodeResult:
        """Run the blocks in order, up to the first that fails.

        Args:
            code_blocks: Blocks of AutoGen or of this package.
            cancellation_token: If any thread cancels it, the running block is interrupted.

        Raises:
            asyncio.CancelledError: The token was cancelled.
            ClientClosed: After ``stop``.
            GatewayError: The server cannot be reached.
        """
        if cancellation_token.is_cancelled():
            raise asyncio.CancelledError
        # AutoGen passes the argument of a tool call as a block. It may contain Markdown fences.
        blocks = [await tool_block(block.code, block.language) for block in code_blocks]
        running = asyncio.ensure_future(self._executor.execute_code_blocks(blocks))
        cancellation_token.add_callback(functools.partial(_cancel, running))
        result = await running
        files = [Path(name) for name in result.output_files]
        output = shortened(result.output, self._config.max_text)
        return JupyterCodeResult(result.exit_code, output, files)

    async def start(self) -> None:
        """Start the kernel. Does nothing if it is started already."""
        await self._startable().start()

    async def stop(self) -> None:
        """Delete the kernel and close the connections. A second call does nothing."""
        self._stopped = True
        await self._executor.stop()

    async def restart(self) -> None:
        """Restart the kernel. Its variables are gone. After ``stop``, start a new kernel."""
        if self._stopped:
            await self.start()
        else:
            await self._executor.restart()

    def _startable(self) -> jupyter_executors.AsyncJupyterCodeExecutor:
        if self._stopped:
            self._executor = self._make()
            self._stopped = False
        return self._executor

    def _to_config(self) -> JupyterCodeExecutorConfig:
        return self._config

    @classmethod
    def _from_config(cls, config: JupyterCodeExecutorConfig) -> Self:
        return cls(
            _server_at(config.url),
            config.kernel_name,
            config.timeout,
            config.output_dir,
            max_text=config.max_text,
        )


def _server_at(url: str | None) -> JupyterConnectionInfo | None:
    if url is None:
        return None
    asked = JupyterConnectionInfo.from_url(url)
    if asked.token is None and os.environ.get("JUPYTER_GATEWAY_URL"):
        known = JupyterConnectionInfo.from_env()
        if known.url == asked.url:
            return known
    return asked  # without the environment's token, which is for another server


def _cancel(running: asyncio.Future[Any]) -> None:
    # A token may be cancelled after the end of the event loop.
    with contextlib.suppress(RuntimeError):
        running.get_loop().call_soon_threadsafe(running.cancel)
