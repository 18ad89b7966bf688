"""autogen-ext's two executors: one uses nbclient, the other a gateway."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from .driver import TIMEOUT, Cell, Where, serve, size_of_files


def upon_nbclient(where: Where) -> Any:
    """The executor with a kernel that it starts itself."""
    from autogen_ext.code_executors import jupyter  # type: ignore[import-not-found]  # noqa: PLC0415

    return jupyter.JupyterCodeExecutor(timeout=int(TIMEOUT), output_dir=Path(where["folder"]))


def of_gateway(where: Where) -> Any:
    """The executor for containers. It also accepts other gateways."""
    from autogen_ext.code_executors import docker_jupyter  # noqa: PLC0415

    # A private class, but needed for servers that the package has not started.
    server = importlib.import_module(f"{docker_jupyter.__name__}._jupyter_server")
    return docker_jupyter.DockerJupyterCodeExecutor(
        server.JupyterConnectionInfo(where["host"], False, where["port"]),
        timeout=int(TIMEOUT),
        output_dir=Path(where["folder"]),
    )


@contextlib.contextmanager
def opened(where: Where, *, gateway: bool) -> Iterator[Cell]:
    """A new kernel and its executor."""
    loop = asyncio.new_event_loop()
    executor = of_gateway(where) if gateway else upon_nbclient(where)
    loop.run_until_complete(executor.start())
    try:
        yield lambda code: loop.run_until_complete(_run(executor, code))
    finally:
        loop.run_until_complete(executor.stop())
        loop.close()


async def _run(executor: Any, code: str) -> int:
    blocks = [CodeBlock(code=code, language="python")]
    result = await executor.execute_code_blocks(blocks, CancellationToken())
    if result.exit_code:
        raise RuntimeError(result.output)
    return size_of_files(result.output, result.output_files)


if __name__ == "__main__":
    serve(lambda where: opened(where, gateway=sys.argv[1] == "gateway"))
