"""Starts a gateway and a kernel, and runs a first cell."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from jkg_client import JupyterCodeExecutor, LocalJupyterServer

from .driver import TIMEOUT, Cell, Where, serve
from .minimal import opened
from .ours import execute_block

POLL = 0.02


@contextlib.contextmanager
def ours(where: Where) -> Iterator[Cell]:
    """Start both by this package."""
    with (
        LocalJupyterServer(
            token=None, python=where["gateway_python"], cwd=where["folder"]
        ) as server,
        JupyterCodeExecutor(server, output_dir=Path(where["folder"])) as runner,
    ):
        yield lambda code: execute_block(runner, code)


@contextlib.contextmanager
def by_hand(where: Where) -> Iterator[Cell]:
    """Start the gateway by a command line, poll until it answers, and use the minimal loop."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Path(where["folder"], "by-hand.log").open("wb") as log:
        process = subprocess.Popen(_command(where["gateway_python"], port), stdout=log, stderr=log)
    try:
        _wait(process, f"http://127.0.0.1:{port}/api/kernelspecs")
        here = {"http": f"http://127.0.0.1:{port}", "ws": f"ws://127.0.0.1:{port}"}
        with opened(here, quickack=True) as cell:
            yield cell
    finally:
        process.terminate()
        process.wait(TIMEOUT)


def _command(python: str, port: int) -> list[str]:
    return [
        *(python, "-m", "jupyter", "kernelgateway"),
        "--KernelGatewayApp.ip=127.0.0.1",
        f"--KernelGatewayApp.port={port}",
        "--KernelGatewayApp.port_retries=0",
        "--JupyterWebsocketPersonality.list_kernels=true",
        "--ZMQChannelsWebsocketConnection.limit_rate=False",
        "--KernelManager.transport=ipc",
        "--JupyterApp.answer_yes=true",
    ]


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(url, timeout=TIMEOUT).close()  # noqa: S310
            return
        time.sleep(POLL)
    raise RuntimeError("the gateway did not come up")


if __name__ == "__main__":
    serve(by_hand if sys.argv[1] == "by-hand" else ours)
