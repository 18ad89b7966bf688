"""Adapter for LangChain 1, see https://docs.langchain.com/oss/python/langchain/tools."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar

try:
    from langchain_core.tools import ArgsSchema, BaseTool
    from pydantic import BaseModel, Field, PrivateAttr
except ImportError as _missing:
    raise ImportError(
        'JupyterTool needs an extra: pip install "jkg-client[langchain]" (Python 3.10 or newer)'
    ) from _missing

from ..client import arguments
from ..code_result import CodeResult
from ..gateway.connection import JupyterConnectable, JupyterConnectionInfo, given_or_known
from ..jupyter_executors import AsyncJupyterCodeExecutor
from ..protocol.shortening import shortened
from .model_limits import MAX_IMAGE, MAX_IMAGES, MAX_TEXT, checked
from .tool_code import tool_block

T = TypeVar("T")

DESCRIPTION = (
    "Runs Python code in a Jupyter kernel and returns its output: printed text, the value of the"
    " last line, the traceback of an error. Variables, functions and imports are kept for later"
    " calls, until the output says that the kernel was restarted. Images are saved as files. Magics"
    " such as %pip install work, too."
)
"""Description of the tool for the model."""

_MIME_TYPES = {
    ".png": "image/png",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}


class Code(BaseModel):
    """The arguments that the model passes."""

    code: str = Field(description="The code to run.")


class Image(TypedDict):
    """An image in the format of LangChain's messages, which can be sent to a model."""

    type: Literal["image"]
    base64: str
    mime_type: str


class Artifact(TypedDict):
    """Details of a call as JSON, in ``ToolMessage.artifact``.

    Attributes:
        exit_code: 0 for success, 1 for an error, 124 for a timeout, 137 for a dead kernel.
        kernel_restarted: Whether the kernel was restarted, so that its variables are lost.
        output_files: Absolute paths of images and pages that the code has shown.
        images: The first 20 images in PNG, JPEG, GIF or WebP format with at most 3.75 MB.
    """

    exit_code: int
    kernel_restarted: bool
    output_files: list[str]
    images: list[Image]


class JupyterTool(BaseTool):
    """A tool that runs a model's code in one Jupyter kernel. The kernel keeps its state.

    ``with``, ``async with`` or the first call starts the kernel. An asynchronous call never blocks
    the event loop. A cancelled call interrupts the kernel.

    Args:
        jupyter_server: A server that this program has started, or a ``JupyterConnectionInfo``. None
            for the server of ``JUPYTER_GATEWAY_URL``.
        kernel_name: Name of the kernel to start.
        timeout: Time limit for each call, in seconds.
        output_dir: Folder for images and pages. It is created if it is missing.
        name: Name of the tool for the model.
        description: Description of the tool for the model.
        max_text: Longest text in one answer, in characters. Longer texts are shortened in the
            middle, with a line that says how much is missing.
        options: Further arguments of ``AsyncJupyterCodeExecutor``, such as ``notebook``.
    """

    args_schema: ArgsSchema | None = Code
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    _executor: AsyncJupyterCodeExecutor = PrivateAttr()
    _max_text: int = PrivateAttr()

    def __init__(
        self,
        jupyter_server: JupyterConnectable | JupyterConnectionInfo | None = None,
        kernel_name: str = "python3",
        timeout: float = 60,
        output_dir: Path | str = ".",
        *,
        name: str = "python",
        description: str = DESCRIPTION,
        max_text: int = MAX_TEXT,
        **options: Any,
    ) -> None:
        arguments.each(arguments.filled, name=name, description=description)
        super().__init__(name=name, description=description)
        self._max_text = checked(max_text)
        server = given_or_known(jupyter_server)
        self._executor = AsyncJupyterCodeExecutor(
            server, kernel_name, timeout, output_dir, **options
        )

    def __enter__(self) -> JupyterTool:
        try:
            _done(self._executor.start())
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    async def __aenter__(self) -> JupyterTool:
        await self._executor.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._executor.stop()

    def stop(self) -> None:
        """Delete the kernel and close the connections. A second call does nothing.

        In an event loop, use ``async with`` instead, because this call blocks the loop.
        """
        _done(self._executor.stop())

    def _run(self, code: str) -> tuple[str, Artifact]:
        return _done(self._arun(code))

    async def _arun(self, code: str) -> tuple[str, Artifact]:
        result = await self._executor.execute_code_blocks([await tool_block(code)])
        output = shortened(result.output, self._max_text)
        return output, await asyncio.to_thread(_artifact, result)


def _done(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine, and return its result. If a loop is running here, use another thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    loop = asyncio.new_event_loop()
    task = loop.create_task(coroutine)
    with ThreadPoolExecutor(1, thread_name_prefix="jkg_client") as thread:
        try:
            return thread.submit(_run_and_close, loop, task).result()
        except KeyboardInterrupt:
            # Otherwise the ``with`` block waits for the thread until the code ends by itself.
            with contextlib.suppress(RuntimeError):  # the loop is closed: the task has just ended
                loop.call_soon_threadsafe(task.cancel)
            raise


def _run_and_close(loop: asyncio.AbstractEventLoop, task: asyncio.Task[T]) -> T:
    # The thread closes the loop, because after a second Ctrl-C nobody waits for the thread.
    with contextlib.closing(loop):
        return loop.run_until_complete(task)


def _artifact(result: CodeResult) -> Artifact:
    found = (image for name in result.output_files for image in _images(Path(name)))
    images = list(itertools.islice(found, MAX_IMAGES))
    return Artifact(
        exit_code=result.exit_code,
        kernel_restarted=result.kernel_restarted,
        output_files=result.output_files,
        images=images,
    )


def _images(file: Path) -> list[Image]:
    mime_type = _MIME_TYPES.get(file.suffix)
    if mime_type is None or file.stat().st_size > MAX_IMAGE * 3 // 4:
        return []
    data = base64.b64encode(file.read_bytes()).decode()
    return [Image(type="image", base64=data, mime_type=mime_type)]
