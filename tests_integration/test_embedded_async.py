"""The executor for event loops, on embedded kernels."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from async_behaviours import *  # noqa: F403
from async_behaviours import Executors
from embedded import server

from jkg_client import AsyncEmbeddedIPythonCodeExecutor, CodeBlock
from jkg_client.async_executor import AsyncKernelCodeExecutor
from jkg_client.client.timeouts import Timeouts
from jkg_client.embedded.kernels import LocalKernels

__all__ = ["server"]

# Embedded kernels have no server that could be unreachable.
del test_a_server_that_cannot_be_reached_is_an_error  # noqa: F821


@pytest.fixture  # type: ignore[no-redef]  # replaces the one for servers
def executors(server: LocalKernels, tmp_path: Path, timeouts: Timeouts) -> Executors:
    def executor(**options: Any) -> AsyncKernelCodeExecutor:
        options = {"timeout": 30, "output_dir": tmp_path, "timeouts": timeouts, **options}
        return AsyncKernelCodeExecutor(lambda: server, **options)

    return executor  # type: ignore[return-value]  # its base will do


@pytest.mark.field("K29")
def test_the_public_executor_runs_in_an_event_loop(tmp_path: Path) -> None:
    async def main() -> str:
        async with AsyncEmbeddedIPythonCodeExecutor(output_dir=tmp_path) as executor:
            return (await executor.execute_code_blocks([CodeBlock("6 * 7", "python")])).output

    assert asyncio.run(main()) == "42"
