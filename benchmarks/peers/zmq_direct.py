"""jupyter_client and a kernel that it starts itself: no gateway, no WebSocket."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from .driver import TIMEOUT, Cell, Where, serve, size_of


@contextlib.contextmanager
def opened(_: Where) -> Iterator[Cell]:
    """A new kernel and its client."""
    manager, client = start_new_kernel(startup_timeout=TIMEOUT)
    try:
        yield lambda code: _run(client, code)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _run(client: BlockingKernelClient, code: str) -> int:
    got = 0

    def count(message: dict[str, Any]) -> None:
        nonlocal got
        got += size_of(message["content"])

    client.execute_interactive(code, timeout=TIMEOUT, allow_stdin=False, output_hook=count)
    return got


if __name__ == "__main__":
    serve(opened)
