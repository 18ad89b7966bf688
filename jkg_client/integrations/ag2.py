"""Adapter for AG2 1, see https://docs.ag2.ai.

Agents of AG2 up to 0.14 use ``jkg_client.JupyterCodeExecutor`` directly.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    from ag2.tools.code import CodeLanguage, CodeRunResult
except ImportError as _missing:
    raise ImportError(
        'JupyterEnvironment needs an extra: pip install "jkg-client[ag2]" (Python 3.10 or newer)'
    ) from _missing

from ..gateway.connection import JupyterConnectable, JupyterConnectionInfo, given_or_known
from ..jupyter_executors import AsyncJupyterCodeExecutor
from ..protocol.shortening import shortened
from .model_limits import MAX_TEXT, checked
from .tool_code import tool_block

if TYPE_CHECKING:
    from ag2.context import ConversationContext

_LANGUAGES: tuple[CodeLanguage, ...] = ("python", "bash")


class JupyterEnvironment:
    """A code environment that runs code in a Jupyter kernel. Pass it to ``SandboxCodeTool``.

    The kernel keeps its state between calls. All agents and conversations that use this environment
    share the state. ``async with`` or the first call starts the kernel. A cancelled call interrupts
    it.

    Args:
        jupyter_server: A server that this program has started, or a ``JupyterConnectionInfo``. None
            for the server of ``JUPYTER_GATEWAY_URL``.
        kernel_name: Name of the Python kernel to start.
        timeout: Time limit for each call, in seconds.
        output_dir: Folder for images and pages. It is created if it is missing.
        max_text: Longest text in one answer, in characters. Longer texts are shortened in the
            middle, with a line that says how much is missing.
        options: Further arguments of ``AsyncJupyterCodeExecutor``, such as ``notebook``.
    """

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
        self._max_text = checked(max_text)
        server = given_or_known(jupyter_server)
        self._executor = AsyncJupyterCodeExecutor(
            server, kernel_name, timeout, output_dir, **options
        )

    @property
    def supported_languages(self) -> tuple[CodeLanguage, ...]:
        """The languages that a Python kernel runs."""
        return _LANGUAGES

    async def __aenter__(self) -> JupyterEnvironment:
        await self._executor.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    def __deepcopy__(self, memo: object) -> JupyterEnvironment:
        # Agents copy their tools, but a kernel cannot be copied.
        return self

    async def run(
        self,
        code: str,
        language: CodeLanguage,
        *,
        context: ConversationContext | None = None,  # noqa: ARG002 - part of AG2's protocol
    ) -> CodeRunResult:
        """Run ``code``. All contexts use the same kernel.

        Returns:
            The output, with the paths of images, and the exit code: 124 after a timeout, 137 if the
            kernel died.

        Raises:
            GatewayError: The server cannot be reached.
        """
        result = await self._executor.execute_code_blocks([await tool_block(code, language)])
        return CodeRunResult(shortened(result.output, self._max_text), result.exit_code)

    async def stop(self) -> None:
        """Delete the kernel and close the connections. A second call does nothing."""
        await self._executor.stop()
