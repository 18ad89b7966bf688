"""Creates the MCP server, with its tools and the kernels of its sessions."""

from __future__ import annotations

import contextlib
import inspect
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
from mcp.server import MCPServer, ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.shared.exceptions import MCPError
from mcp.types import ToolAnnotations
from mcp_types import UNSUPPORTED_PROTOCOL_VERSION
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from ..._version import __version__
from ...client import arguments
from ...gateway.connection import JupyterConnectable, JupyterConnectionInfo, info_of
from ...session_file import session_file_of
from .kernels import SessionKernel, SessionKernels
from .tools import Limits, Tools

_INSTRUCTIONS = """\
Runs code in a Jupyter kernel. Only you use this kernel. It keeps variables, functions and imports
from one call to the next. Take small steps. After an error, continue from there: do not repeat code
that has succeeded. Displayed images are returned as images. Nobody can answer input().
"""

_ANYTHING = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)
_CHANGES = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
_LOOKS = ToolAnnotations(read_only_hint=True, open_world_hint=False)


def create_server(
    jupyter_server: JupyterConnectable | JupyterConnectionInfo | None,
    kernel_name: str = "python3",
    limits: Limits | None = None,
    *,
    notebook: Path | str | None = None,
) -> MCPServer[SessionKernels]:
    """An MCP server. Run it with ``serve_stdio`` or ``serve_http``.

    Args:
        jupyter_server: A server that this program has started, or a ``JupyterConnectionInfo``. None
            for kernels on this machine without a server.
        kernel_name: Name of the kernel to start.
        limits: Limits for a call.
        notebook: Notebook file in which the session is recorded as it runs. Further sessions get
            ``name-2.ipynb`` and so on. None for no file.

    Raises:
        ValueError: An argument is wrong, or the folder of the notebook does not exist.
    """
    if jupyter_server is not None:
        info_of(jupyter_server)
    arguments.filled("kernel_name", kernel_name)
    if limits is not None:
        arguments.instance("limits", limits, Limits)
    session_file_of(notebook)  # check the path before the first client connects
    notebooks = _numbered(notebook)

    @contextlib.asynccontextmanager
    async def kernels(_: MCPServer[SessionKernels]) -> AsyncIterator[SessionKernels]:
        made = SessionKernels(lambda: SessionKernel(jupyter_server, kernel_name, next(notebooks)))
        try:
            yield made
        finally:
            with anyio.CancelScope(shield=True):
                await made.stop()

    server = MCPServer[SessionKernels](
        "jkg",
        title="Jupyter kernel",
        instructions=_INSTRUCTIONS,
        version=__version__,
        lifespan=kernels,
        middleware=[_with_sessions],
        log_level="WARNING",
    )
    _add_tools(server, limits or Limits())
    return server


def _add_tools(server: MCPServer[SessionKernels], limits: Limits) -> None:
    tools = Tools(limits)
    for tool, title, hints in (
        (tools.execute_code, "Run code", _ANYTHING),
        (tools.restart_kernel, "Restart the kernel", _CHANGES),
        (tools.list_variables, "List variables", _LOOKS),
        (tools.put_file, "Write a file", _CHANGES),
        (tools.get_file, "Read a file", _LOOKS),
    ):
        description = str(inspect.getdoc(tool)).format(limits)
        server.add_tool(
            tool, title=title, description=description, annotations=hints, structured_output=False
        )


def _numbered(notebook: Path | str | None) -> Iterator[Path | None]:
    """The notebook file of each session. Always None if ``notebook`` is None."""
    for number in itertools.count(1):
        if notebook is None:
            yield None
        else:
            path = Path(notebook)
            yield path.with_name(f"{path.stem}-{number}{path.suffix}") if number > 1 else path


async def _with_sessions(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Refuse protocol versions from 2026-07-28 on over HTTP, because they have no sessions.

    Clients then use an older version.
    """
    if ctx.request is not None and ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        raise MCPError(
            UNSUPPORTED_PROTOCOL_VERSION,
            "a kernel needs a session: begin with initialize",
            {"supported": list(HANDSHAKE_PROTOCOL_VERSIONS), "requested": ctx.protocol_version},
        )
    return await call_next(ctx)
