"""AutoGen 0.2's JupyterCodeExecutor."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from autogen.coding import CodeBlock  # type: ignore[import-not-found]
from autogen.coding.jupyter import (  # type: ignore[import-not-found]
    JupyterCodeExecutor,
    JupyterConnectionInfo,
)

from .driver import TIMEOUT, Cell, Where, serve, size_of_files


@contextlib.contextmanager
def opened(where: Where) -> Iterator[Cell]:
    """A new kernel and its executor."""
    info = JupyterConnectionInfo(where["host"], False, where["port"])
    folder = where["folder"]
    with JupyterCodeExecutor(info, timeout=int(TIMEOUT), output_dir=folder) as executor:
        yield lambda code: _run(executor, code)


def _run(executor: JupyterCodeExecutor, code: str) -> int:
    result = executor.execute_code_blocks([CodeBlock(code=code, language="python")])
    if result.exit_code:
        raise RuntimeError(result.output)
    return size_of_files(result.output, result.output_files or [])


if __name__ == "__main__":
    serve(opened)
