"""Fixtures for any kind of server, which is the fixture ``server``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import pytest

from jkg_client import (
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectable,
    JupyterKernelClient,
    KernelNotFound,
)
from jkg_client.client.timeouts import Timeouts

if TYPE_CHECKING:
    from forked_commands import Commands

Programs = Callable[..., "tuple[int, str, str]"]
Executors = Callable[..., JupyterCodeExecutor]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let ``-k pitfall_04`` find ``pitfall(4)``, and ``-k field_B04`` find ``field("B4")``."""
    for mark in item.iter_markers("pitfall"):
        item.extra_keyword_matches.update(f"pitfall_{number:02}" for number in mark.args)
    for mark in item.iter_markers("field"):
        for line in mark.args:
            letters = line.rstrip("0123456789")
            item.extra_keyword_matches.add(f"field_{letters}{line[len(letters) :]:0>2}")


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    from forked_commands import Commands  # noqa: PLC0415 - not where nothing forks

    commands = Commands()
    yield commands
    commands.close()


@pytest.fixture
def programs(commands: Commands, tmp_path: Path) -> Programs:
    """Runs a program to its end in a forked process.

    It is called with the code of the program, its arguments, a time limit as ``seconds``, and
    variables of the environment. It returns the exit status, stdout and stderr.
    """

    def run(
        program: str, *words: str, seconds: float = 60.0, **environ: str
    ) -> tuple[int, str, str]:
        env = {**os.environ, **environ}
        with contextlib.closing(
            commands.start([*words], program=program, env=env, cwd=tmp_path, stdout=-1, stderr=-1)
        ) as process:
            out, err = process.communicate(timeout=seconds)
            return process.wait(), out, err

    return run


@pytest.fixture
def executors(
    server: JupyterConnectable, tmp_path: Path, timeouts: Timeouts
) -> Iterator[Executors]:
    """Starts executors, which are stopped with the test."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> JupyterCodeExecutor:
            options = {"timeout": 30, "output_dir": tmp_path, "timeouts": timeouts, **options}
            return stack.enter_context(JupyterCodeExecutor(server, **options))

        yield start


@pytest.fixture
def executor(executors: Executors) -> JupyterCodeExecutor:
    return executors()


@pytest.fixture
def kernel(server: JupyterConnectable, timeouts: Timeouts) -> Iterator[JupyterKernelClient]:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        try:
            with JupyterKernelClient(client, kernel_id, timeouts=timeouts) as kernel:
                assert kernel.wait_for_ready(60)
                yield kernel
        finally:
            with contextlib.suppress(KernelNotFound):
                client.delete_kernel(kernel_id)
