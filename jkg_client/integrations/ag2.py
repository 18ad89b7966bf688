"""For AG2 1, see https://docs.ag2.ai.

Agents of AG2 up to 0.14 take ``jkg_client.JupyterCodeExecutor`` as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    from ag2.tools.code import CodeLanguage, CodeRunResult
except ImportError as _missing:
    raise ImportError(
        'JupyterEnvironment needs: pip install "jkg-client[ag2]" (Python 3.10 or newer)'
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
    """A code environment that is a kernel: pass it to ``SandboxCodeTool``.

    The kernel keeps its state between calls, of all agents and conversations that use it. It
    is started by ``async with``, or by the first call. A cancelled call interrupts it.

    Args:
        jupyter_server: A launched server, or where a running one is; None for that of
            ``JUPYTER_GATEWAY_URL``.
        kernel_name: Which of its kernels to start; one for Python.
        timeout: Seconds for each call.
        output_dir: Where images and pages are saved; made if it is missing.
        max_text: Characters of text in one answer. Of more the beginning and the end are kept, with
            a line that says how many are missing.
        options: Further ones of ``AsyncJupyterCodeExecutor``. ``notebook`` keeps what the agent
            runs as a notebook.
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
        """What a kernel for Python runs."""
        return _LANGUAGES

    async def __aenter__(self) -> JupyterEnvironment:
        await self._executor.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    def __deepcopy__(self, memo: object) -> JupyterEnvironment:
        # Agents copy their tools; a kernel cannot be copied.
        return self

    async def run(
        self,
        code: str,
        language: CodeLanguage,
        *,
        context: ConversationContext | None = None,  # noqa: ARG002 - of the protocol
    ) -> CodeRunResult:
        """Run ``code``; the kernel is the same whatever the ``context``.

        Returns:
            What it showed, and where its images were saved; 124 after a timeout, 137 if its
            kernel died.

        Raises:
            GatewayError: The server is away.
        """
        result = await self._executor.execute_code_blocks([await tool_block(code, language)])
        return CodeRunResult(shortened(result.output, self._max_text), result.exit_code)

    async def stop(self) -> None:
        """Delete the kernel and close all; may be called twice."""
        await self._executor.stop()
