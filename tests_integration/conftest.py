"""A real kernel gateway, one for each worker of the test run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from jkg_client import (
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectable,
    JupyterKernelClient,
    LocalJupyterServer,
)


@pytest.fixture(scope="session")
def server() -> Iterator[JupyterConnectable]:
    with LocalJupyterServer() as running:
        yield running


@pytest.fixture
def executors(
    server: JupyterConnectable, tmp_path: Path
) -> Iterator[Callable[..., JupyterCodeExecutor]]:
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> JupyterCodeExecutor:
            options = {"timeout": 30, "output_dir": tmp_path, **options}
            return stack.enter_context(JupyterCodeExecutor(server, **options))

        yield start


@pytest.fixture
def executor(executors: Callable[..., JupyterCodeExecutor]) -> JupyterCodeExecutor:
    return executors()


@pytest.fixture
def kernel(server: JupyterConnectable) -> Iterator[JupyterKernelClient]:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        try:
            with JupyterKernelClient(client, kernel_id, grace=2.0) as kernel:
                assert kernel.wait_for_ready(60)
                yield kernel
        finally:
            client.delete_kernel(kernel_id)
