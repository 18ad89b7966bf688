"""For LangChain 1, see https://docs.langchain.com/oss/python/langchain/tools."""

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
        'JupyterTool needs: pip install "jkg-client[langchain]" (Python 3.10 or newer)'
    ) from _missing

from ..code_result import CodeResult
from ..gateway.connection import JupyterConnectable, JupyterConnectionInfo, given_or_known
from ..jupyter_executors import AsyncJupyterCodeExecutor
from ..protocol.shortening import shortened
from .model_limits import MAX_IMAGE, MAX_IMAGES, MAX_TEXT, checked
from .tool_code import tool_block

T = TypeVar("T")

DESCRIPTION = (
    "Runs Python code in a Jupyter kernel and returns what it shows: prints, the value of the"
    " last line, the traceback of an error. Variables, functions and imports are there in later"
    " calls, until you are told that the kernel was restarted. Images are saved as files. Magics"
    " such as %pip install work, too."
)
"""What a model is told of the tool."""

_MIME_TYPES = {
    ".png": "image/png",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}


class Code(BaseModel):
    """What the model passes."""

    code: str = Field(description="The code to run.")


class Image(TypedDict):
    """An image as LangChain's messages have it, ready to be shown to a model."""

    type: Literal["image"]
    base64: str
    mime_type: str


class Artifact(TypedDict):
    """What became of the code, as JSON; ``ToolMessage.artifact``.

    Attributes:
        exit_code: 0; 1 for an error, 124 for a timeout, 137 for a kernel that died.
        kernel_restarted: Variables are gone.
        output_files: Absolute paths of images and pages that the code showed.
        images: The first 20 of them that are PNG, JPEG, GIF or WebP of at most 3.75 MB.
    """

    exit_code: int
    kernel_restarted: bool
    output_files: list[str]
    images: list[Image]


class JupyterTool(BaseTool):
    """Runs code of a model in a kernel of its own, which keeps its state between calls.

    The kernel is started by ``with`` or ``async with``, or by the first call. An asynchronous
    call never blocks the event loop; a cancelled one interrupts the kernel.

    Args:
        jupyter_server: A launched server, or where a running one is; None for that of
            ``JUPYTER_GATEWAY_URL``.
        kernel_name: Which of its kernels to start.
        timeout: Seconds for each call.
        output_dir: Where images and pages are saved; made if it is missing.
        name: For the model.
        description: For the model.
        max_text: Characters of text in one answer. Of more the beginning and the end are kept, with
            a line that says how many are missing.
        options: Further ones of ``AsyncJupyterCodeExecutor``. ``notebook`` keeps what the agent
            runs as a notebook.
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
        """Delete the kernel and close all; may be called twice. Not for event loops."""
        _done(self._executor.stop())

    def _run(self, code: str) -> tuple[str, Artifact]:
        return _done(self._arun(code))

    async def _arun(self, code: str) -> tuple[str, Artifact]:
        result = await self._executor.execute_code_blocks([await tool_block(code)])
        output = shortened(result.output, self._max_text)
        return output, await asyncio.to_thread(_artifact, result)


def _done(coroutine: Coroutine[Any, Any, T]) -> T:
    """What the coroutine returns; where an event loop runs, in another thread."""
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
            # Else the thread, which is waited for, runs until the code ends by itself.
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(task.cancel)
            raise


def _run_and_close(loop: asyncio.AbstractEventLoop, task: asyncio.Task[T]) -> T:
    # By the thread: who presses Ctrl-C again does not wait for it any longer.
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
