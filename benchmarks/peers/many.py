"""Many executors of this package on one gateway, each in a thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jkg_client import JupyterCodeExecutor, JupyterConnectionInfo

from .driver import TIMEOUT, Cell, Where, serve
from .ours import execute_block

AT_ONCE = 4
"""Number of kernels that start at the same time."""


@contextlib.contextmanager
def opened(where: Where) -> Iterator[Cell]:
    """Start ``executors`` executors. Each of them runs a cell ``blocks`` times."""
    info = JupyterConnectionInfo.from_url(where["http"])
    count, blocks = where["executors"], where["blocks"]

    def started(_: int) -> JupyterCodeExecutor:
        return JupyterCodeExecutor(info, timeout=TIMEOUT, output_dir=Path(where["folder"]))

    with contextlib.ExitStack() as stack:
        with ThreadPoolExecutor(AT_ONCE) as few:
            runners = [stack.enter_context(one) for one in few.map(started, range(count))]
        threads = stack.enter_context(ThreadPoolExecutor(count))

        def run(runner: JupyterCodeExecutor, code: str) -> int:
            return sum(execute_block(runner, code) for _ in range(blocks))

        yield lambda code: sum(threads.map(run, runners, [code] * count))


if __name__ == "__main__":
    serve(opened)
