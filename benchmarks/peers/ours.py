"""This package: the client of a kernel, or an executor with or without a server."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from jkg_client import (
    CodeBlock,
    Display,
    EmbeddedIPythonCodeExecutor,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectionInfo,
    JupyterKernelClient,
)
from jkg_client.executor import KernelCodeExecutor

from .driver import TIMEOUT, Cell, Where, serve, size_of_files


@contextlib.contextmanager
def client(where: Where) -> Iterator[Cell]:
    """``JupyterKernelClient.execute``."""
    with JupyterClient(JupyterConnectionInfo.from_url(where["http"])) as server:
        kernel_id = server.start_kernel("python3")
        try:
            with server.get_kernel_client(kernel_id) as kernel:
                yield lambda code: _execute(kernel, code)
        finally:
            server.delete_kernel(kernel_id)


@contextlib.contextmanager
def executor(where: Where) -> Iterator[Cell]:
    """``JupyterCodeExecutor.execute_code_blocks``."""
    info = JupyterConnectionInfo.from_url(where["http"])
    with JupyterCodeExecutor(info, timeout=TIMEOUT, output_dir=Path(where["folder"])) as runner:
        yield lambda code: execute_block(runner, code)


@contextlib.contextmanager
def embedded(where: Where) -> Iterator[Cell]:
    """``EmbeddedIPythonCodeExecutor.execute_code_blocks``, without a gateway."""
    with EmbeddedIPythonCodeExecutor(timeout=TIMEOUT, output_dir=Path(where["folder"])) as runner:
        yield lambda code: execute_block(runner, code)


def execute_block(runner: KernelCodeExecutor, code: str) -> int:
    """Run a block, and return the bytes of its output."""
    result = runner.execute_code_blocks([CodeBlock(code=code, language="python")])
    if result.exit_code:
        raise RuntimeError(result.output)
    return size_of_files(result.output, result.output_files)


def _execute(kernel: JupyterKernelClient, code: str) -> int:
    result = kernel.execute(code, TIMEOUT)
    result.raise_for_error()
    shown = [o for o in result.outputs if isinstance(o, Display)]
    return len(result.output) + sum(len(o.data.get("image/png", "")) for o in shown)


if __name__ == "__main__":
    if sys.argv[1] == "pongs":  # as on systems without this option
        del socket.TCP_QUICKACK
    serve({"executor": executor, "embedded": embedded}.get(sys.argv[1], client))
