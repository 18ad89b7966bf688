"""For AutoGen 0.7, see https://microsoft.github.io/autogen/stable/.

Agents of AutoGen 0.2 and AG2 take ``jkg_client.JupyterCodeExecutor`` as it is.
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
        'JupyterCodeExecutor needs: pip install "jkg-client[autogen]" (Python 3.10 or newer)'
    ) from _missing

from .. import jupyter_executors
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
    """What is dumped of an executor.

    Attributes:
        url: Of the server, without its token; None for that of ``JUPYTER_GATEWAY_URL``.
        kernel_name: Which of its kernels to start.
        timeout: Seconds for each block.
        output_dir: Where images and pages are saved.
        max_text: Characters of text in one result.
    """

    url: str | None = None
    kernel_name: str = "python3"
    timeout: float = Field(default=60, gt=0)
    output_dir: str = "."
    max_text: int = Field(default=MAX_TEXT, gt=0)


@dataclass
class JupyterCodeResult(CodeResult):
    """What came of a list of code blocks.

    Attributes:
        output_files: Images and pages that they showed.
    """

    output_files: list[Path] = field(default_factory=list)


class JupyterCodeExecutor(CodeExecutor, Component[JupyterCodeExecutorConfig]):
    """Runs code blocks of AutoGen's agents and tools in a kernel of its own.

    A configuration that is loaded finds the token of its server in the environment
    (``JUPYTER_GATEWAY_AUTH_TOKEN``), if ``JUPYTER_GATEWAY_URL`` is that server. The kernel is
    started by ``async with``, ``start`` or the first blocks; after ``stop`` by the first two, anew.

    Args:
        jupyter_server: A launched server, or where a running one is; None for that of
            ``JUPYTER_GATEWAY_URL``.
        kernel_name: Which of its kernels to start.
        timeout: Seconds for each block as a whole.
        output_dir: Where images and pages are saved; made if it is missing.
        max_text: Characters of text in one result. Of more the beginning and the end are kept, with
            a line that says how many are missing.
        options: Further ones of ``AsyncJupyterCodeExecutor``; they are not dumped. ``notebook``
            keeps what the agents run as a notebook.

    Raises:
        ValueError: For bad arguments; those that the server knows of, when the kernel is started.
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
        server = given_or_known(jupyter_server)
        self._config = JupyterCodeExecutorConfig(
            url=info_of(server).url,
            kernel_name=kernel_name,
            timeout=timeout,
            output_dir=os.fspath(output_dir),
            max_text=checked(max_text),
        )
        # One for all kernels of it: what is run after a stop is added.
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
        """Where images and pages are saved."""
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
            code_blocks: AutoGen's, or ours.
            cancellation_token: If it is cancelled, in whichever thread, the block that runs is
                interrupted.

        Raises:
            asyncio.CancelledError: If it was.
            ClientClosed: After ``stop``.
            GatewayError: The server is away.
        """
        if cancellation_token.is_cancelled():
            raise asyncio.CancelledError
        # The code that a model passes to a tool comes as a block, perhaps with fences in it.
        blocks = [await tool_block(block.code, block.language) for block in code_blocks]
        running = asyncio.ensure_future(self._executor.execute_code_blocks(blocks))
        cancellation_token.add_callback(functools.partial(_cancel, running))
        result = await running
        files = [Path(name) for name in result.output_files]
        output = shortened(result.output, self._config.max_text)
        return JupyterCodeResult(result.exit_code, output, files)

    async def start(self) -> None:
        """Start the kernel, unless that was done already."""
        await self._startable().start()

    async def stop(self) -> None:
        """Delete the kernel and close all; may be called twice."""
        self._stopped = True
        await self._executor.stop()

    async def restart(self) -> None:
        """Restart the kernel: variables are gone. After ``stop`` a new one is started."""
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
    return asked  # the token of one server is not for another


def _cancel(running: asyncio.Future[Any]) -> None:
    # Tokens live on: the loop may be gone when they are cancelled.
    with contextlib.suppress(RuntimeError):
        running.get_loop().call_soon_threadsafe(running.cancel)
