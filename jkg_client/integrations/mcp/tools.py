"""The tools of the MCP server."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Annotated, Literal

from attrs import field, frozen
from mcp.server.connection import Connection
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ContentBlock, TextContent
from pydantic import Field

from ... import python_files
from ...client import arguments
from ...client.arguments import validator
from ...code_blocks import CodeBlock
from ...code_result import CodeResult, not_run, notes
from ...errors import JkgError
from ...protocol.mime_data import decoded
from ...protocol.outputs import Failure, encodable
from ...protocol.result import ExecutionResult
from ...protocol.shortening import shortened
from ..model_limits import MAX_TEXT, checked
from ..tool_code import tool_block
from .contents import contents
from .kernels import SessionKernel, SessionKernels, Tell


@frozen(kw_only=True)
class Limits:
    """Limits for a call.

    Attributes:
        timeout: Default time limit for code, in seconds.
        max_timeout: Longest time limit that a call may ask for, in seconds.
        max_text: Longest text in an answer, in characters.
    """

    timeout: float = field(default=60.0, validator=validator(arguments.seconds))
    max_timeout: float = field(default=600.0, validator=validator(arguments.seconds))
    max_text: int = field(default=MAX_TEXT, converter=checked)

    def __attrs_post_init__(self) -> None:
        if self.timeout > self.max_timeout:
            raise ValueError(
                f"timeout must be at most the maximum, {self.max_timeout:g} s,"
                f" not {self.timeout:g} s"
            )

    def seconds(self, asked: float | None) -> float:
        """The time limit of a call that asks for ``asked`` seconds. None asks for the default.

        Raises:
            ToolError: The call asks for too many seconds, or for no time at all.
        """
        if asked is None:
            return self.timeout
        if not 0 < asked <= self.max_timeout:
            raise ToolError(
                f"timeout must be more than 0 and at most {self.max_timeout:g} seconds,"
                f" not {asked:g}; nothing was run"
            )
        return asked


_Path = Annotated[
    str,
    Field(description="Path of the file: absolute, ~/…, or relative to the kernel's folder"),
]
_Encoding = Annotated[
    Literal["text", "base64"],
    Field(description="Encoding of the content: UTF-8 text, or bytes in base64"),
]


@frozen
class Tools:
    """Each public method is a tool. Its docstring is the description for the model."""

    limits: Limits

    async def execute_code(
        self,
        ctx: Context[SessionKernels],
        code: Annotated[
            str, Field(description="The code; %pip install, magics and !commands work, too")
        ],
        language: Annotated[
            str, Field(description="Language of the code: bash, or empty for that of the kernel")
        ] = "",
        timeout: Annotated[
            float | None,
            Field(description="Time limit in seconds. Then the code is interrupted"),
        ] = None,
    ) -> CallToolResult:
        """Run code in the kernel, which keeps its state between calls.

        The answer has the printed text, the last value, images, and the traceback of an error, in
        the order of the output. The code is interrupted after {0.timeout:g} seconds, or after the
        time limit of the call, which can be up to {0.max_timeout:g} seconds. Variables are kept.
        """
        seconds = self.limits.seconds(timeout)

        async def tell(passed: float, news: str) -> None:
            total = seconds if math.isfinite(seconds) else None
            await ctx.report_progress(passed, total, encodable(news) or None)

        block = await tool_block(code, language)
        results, trouble = await self._run(ctx, [block], seconds, tell, store_history=True)
        content: list[ContentBlock] = []
        for result in results:
            content += contents(result, seconds, self.limits.max_text)
        if trouble:
            content.append(TextContent(text=f"Error: {trouble}"))
        is_error = bool(trouble) or any(not result.is_ok for result in results)
        if not content:
            # Some clients and models do not accept an empty answer.
            text = "Done, without output." if results else not_run([block.language])
            content.append(TextContent(text=text))
        return CallToolResult(content=content, is_error=is_error)

    async def restart_kernel(self, ctx: Context[SessionKernels]) -> CallToolResult:
        """Stop the running code and restart the kernel. All variables are lost; files are kept."""
        try:
            await _kernel(ctx).restart()
        except JkgError as exc:
            raise ToolError(str(exc)) from exc
        return _said("The kernel was restarted, variables are gone.")

    async def list_variables(self, ctx: Context[SessionKernels]) -> CallToolResult:
        """List the variables of a Python kernel: name, type and a short form of the value."""
        # Run an empty block first, because only blocks report that the kernel was restarted.
        _, remarks = await self._printed(ctx, ["pass"])
        try:
            found = await _kernel(ctx).variables()
        except JkgError as exc:
            raise ToolError(encodable(str(exc))) from exc
        listed = "".join(f"{variable}\n" for variable in found)
        return _said(shortened(listed, self.limits.max_text) or "There are no variables.", *remarks)

    async def put_file(
        self,
        ctx: Context[SessionKernels],
        path: _Path,
        content: Annotated[str, Field(description="Content of the file")],
        encoding: _Encoding = "text",
    ) -> CallToolResult:
        """Write a file on the machine of a Python kernel. An existing file is replaced.

        Missing folders are created. The file may have up to 10 MB.
        """
        data = _decoded(content) if encoding == "base64" else content.encode()
        if len(data) > python_files.LARGEST_FILE:
            raise ToolError(
                f"the file has {len(data)} bytes; the limit is {python_files.LARGEST_FILE} bytes"
            )
        _, remarks = await self._printed(ctx, python_files.put(path, data))
        return _said(f"{path}: {len(data)} bytes were written.", *remarks)

    async def get_file(
        self, ctx: Context[SessionKernels], path: _Path, encoding: _Encoding = "text"
    ) -> CallToolResult:
        """Read a whole file on the machine of a Python kernel. It may have up to 10 MB."""
        try:
            printed, remarks = await self._printed(ctx, [python_files.get(path)])
            data = python_files.got(printed)
            text = data.decode() if encoding == "text" else base64.b64encode(data).decode()
        except UnicodeDecodeError as exc:
            raise ToolError(f"{path} is not UTF-8 text: read it with encoding base64") from exc
        except ValueError as exc:
            raise ToolError(f"{path}: {exc}") from exc
        return _said(text, *remarks)

    async def _run(
        self,
        ctx: Context[SessionKernels],
        blocks: Sequence[CodeBlock],
        seconds: float,
        tell: Tell,
        *,
        store_history: bool,
    ) -> tuple[tuple[ExecutionResult, ...], str]:
        """The results, and the error that ended the call. The error may be empty."""
        try:
            kernel = _kernel(ctx)
            return await kernel.run(blocks, seconds, tell, store_history=store_history), ""
        except JkgError as exc:
            had = exc.result.results if isinstance(exc.result, CodeResult) else ()
            return had, encodable(str(exc))

    async def _printed(
        self, ctx: Context[SessionKernels], sources: Sequence[str]
    ) -> tuple[str, list[str]]:
        """Run cells of this package. Return their printed output, and notes for the reader.

        Raises:
            ToolError: A cell failed.
        """
        blocks = [CodeBlock(source, "python") for source in sources]

        async def tell(passed: float, _: str) -> None:
            await ctx.report_progress(passed, self.limits.timeout)

        # Do not keep these cells in the history, which kernels save on disk: they contain whole
        # files.
        results, trouble = await self._run(
            ctx, blocks, self.limits.timeout, tell, store_history=False
        )
        if trouble:
            raise ToolError(trouble)
        for result in results:
            if not result.is_ok or result.truncated:
                raise ToolError(_reason(result, self.limits))
        remarks = [note for result in results for note in notes(result, self.limits.timeout)]
        return "".join(result.output for result in results), remarks


def _kernel(ctx: Context[SessionKernels]) -> SessionKernel:
    # The library has no public access to the exit stack of a session.
    connection: Connection = ctx.session._connection  # noqa: SLF001
    kernels: SessionKernels = ctx.request_context.lifespan_context
    return kernels.of(connection.session_id, connection.exit_stack.push_async_callback)


def _reason(result: ExecutionResult, limits: Limits) -> str:
    if isinstance(result.failure, Failure) and result.status == "error":
        return encodable(shortened(result.failure.summary, limits.max_text))
    blocks = contents(result, limits.timeout, limits.max_text)
    return "\n".join(block.text for block in blocks if isinstance(block, TextContent))


def _decoded(content: str) -> bytes:
    try:
        return decoded(content)
    except ValueError as exc:
        raise ToolError(f"content is not base64: {exc}") from exc


def _said(*texts: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=encodable(text)) for text in texts])
