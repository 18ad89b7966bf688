"""What a client can call."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Literal

from attrs import frozen
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ContentBlock, TextContent

from ...code_blocks import CodeBlock
from ...code_result import CodeResult
from ...errors import JkgError
from ...protocol.outputs import Failure
from ...protocol.result import ExecutionResult
from . import cells
from .contents import contents, shortened
from .kernels import Kernels, SessionKernel, Tell


@frozen(kw_only=True)
class Limits:
    """What a call may take.

    Attributes:
        timeout: Seconds for code, unless a call says otherwise.
        max_timeout: The most that a call may say.
        max_text: Characters of each text in an answer.
    """

    timeout: float = 60.0
    max_timeout: float = 600.0
    max_text: int = 50_000

    def __attrs_post_init__(self) -> None:
        if not 0 < self.timeout <= self.max_timeout:
            raise ValueError(
                f"the default time limit, {self.timeout:g} s, must be positive and"
                f" not above the greatest, {self.max_timeout:g} s"
            )

    def seconds(self, asked: float | None) -> float:
        """For a call.

        Raises:
            ToolError: If it asks for too many, or for none.
        """
        if asked is None:
            return self.timeout
        if not 0 < asked <= self.max_timeout:
            raise ToolError(
                f"timeout: more than 0 and at most {self.max_timeout:g} seconds, not {asked:g};"
                " nothing was run"
            )
        return asked


@frozen
class Tools:
    """Each method is a tool; its docstring is what the model is told of it."""

    limits: Limits

    async def execute_code(
        self,
        code: str,
        ctx: Context[Kernels],
        language: str = "",
        timeout: float | None = None,
    ) -> CallToolResult:
        """Run code in the kernel, which keeps its state between calls.

        The answer has what the code printed, its last value, images, and the traceback of an
        error, in the order in which they came. %pip install works. language: empty for that of
        the kernel, or bash. timeout: seconds; code that takes longer is interrupted, and the
        kernel keeps its variables.
        """
        seconds = self.limits.seconds(timeout)

        async def tell(passed: float, news: str) -> None:
            await ctx.report_progress(passed, seconds, news or None)

        results, trouble = await self._run(ctx, [CodeBlock(code, language)], seconds, tell)
        content: list[ContentBlock] = []
        for result in results:
            content += contents(result, seconds, self.limits.max_text)
        if trouble:
            content.append(TextContent(text=trouble))
        is_error = bool(trouble) or any(not result.is_ok for result in results)
        return CallToolResult(content=content, is_error=is_error)

    async def restart_kernel(self, ctx: Context[Kernels]) -> CallToolResult:
        """End what the kernel runs, and start it anew: all variables are gone, files stay."""
        try:
            await _kernel(ctx).restart()
        except JkgError as exc:
            raise ToolError(str(exc)) from exc
        return _said("The kernel was restarted, variables are gone.")

    async def list_variables(self, ctx: Context[Kernels]) -> CallToolResult:
        """List the variables of a Python kernel: name, type and a short form of the value."""
        printed = await self._printed(ctx, [cells.variables()])
        return _said(shortened(printed, self.limits.max_text) or "There are no variables.")

    async def put_file(
        self,
        path: str,
        content: str,
        ctx: Context[Kernels],
        encoding: Literal["text", "base64"] = "text",
    ) -> CallToolResult:
        """Write a file where a Python kernel runs, in place of one that is there.

        path: relative to the kernel's folder, or absolute. content: text, written as UTF-8, or
        bytes in base64, by the encoding.
        """
        data = _decoded(content) if encoding == "base64" else content.encode()
        if len(data) > cells.LARGEST_FILE:
            raise ToolError(f"the file has {len(data)} bytes, and at most {cells.LARGEST_FILE} fit")
        await self._printed(ctx, cells.put(path, data))
        return _said(f"{path}: {len(data)} bytes were written.")

    async def get_file(
        self, path: str, ctx: Context[Kernels], encoding: Literal["text", "base64"] = "text"
    ) -> CallToolResult:
        """Read a file where a Python kernel runs: whole, as UTF-8 text or as bytes in base64."""
        try:
            data = cells.got(await self._printed(ctx, [cells.get(path)]))
            text = data.decode() if encoding == "text" else base64.b64encode(data).decode()
        except UnicodeDecodeError as exc:
            raise ToolError(f"{path} is no UTF-8 text: ask for it with encoding base64") from exc
        except ValueError as exc:
            raise ToolError(f"{path}: {exc}") from exc
        return _said(text)

    async def _run(
        self, ctx: Context[Kernels], blocks: Sequence[CodeBlock], seconds: float, tell: Tell
    ) -> tuple[tuple[ExecutionResult, ...], str]:
        """Results, and why there are no more of them."""
        try:
            return await _kernel(ctx).run(blocks, seconds, tell), ""
        except JkgError as exc:
            had = exc.result.results if isinstance(exc.result, CodeResult) else ()
            return had, f"Error: {exc}"

    async def _printed(self, ctx: Context[Kernels], sources: Sequence[str]) -> str:
        """What our own cells printed.

        Raises:
            ToolError: If they failed.
        """
        blocks = [CodeBlock(source, "python") for source in sources]

        async def tell(passed: float, _: str) -> None:
            await ctx.report_progress(passed, self.limits.timeout)

        results, trouble = await self._run(ctx, blocks, self.limits.timeout, tell)
        if trouble:
            raise ToolError(trouble)
        for result in results:
            if not result.is_ok or result.truncated:
                raise ToolError(_reason(result, self.limits))
        return "".join(result.output for result in results)


def _kernel(ctx: Context[Kernels]) -> SessionKernel:
    # Handlers have no other way to the exit stack that is for what ends with a session.
    connection = ctx.session._connection  # noqa: SLF001

    def at_end(end: Any) -> None:
        connection.exit_stack.push_async_callback(end)

    kernels: Kernels = ctx.request_context.lifespan_context
    return kernels.of(connection.session_id, at_end)


def _reason(result: ExecutionResult, limits: Limits) -> str:
    if isinstance(result.failure, Failure) and result.status == "error":
        return f"{result.failure.ename}: {result.failure.evalue}"
    blocks = contents(result, limits.timeout, limits.max_text)
    return "\n".join(block.text for block in blocks if isinstance(block, TextContent))


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ToolError(f"content is no base64: {exc}") from exc


def _said(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=text)])
