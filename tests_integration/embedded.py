"""Kernels for tests: kernelspecs that a test writes, and clients of their kernels."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,import-not-found,unused-ignore]  # from ipykernel
import pytest

from jkg_client import JupyterKernelClient, KernelNotFound
from jkg_client.client.deadline import Deadline
from jkg_client.client.timeouts import Timeouts
from jkg_client.embedded.kernels import LocalKernels
from jkg_client.executor import KernelCodeExecutor

IPYKERNEL = ("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")

SpecWriter = Callable[..., str]
Starter = Callable[..., JupyterKernelClient]
Executors = Callable[..., KernelCodeExecutor]


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SpecWriter:
    """Writes a kernelspec to a folder that is searched, and returns its name."""
    kernels = tmp_path / "jupyter" / "kernels"
    monkeypatch.setenv("JUPYTER_PATH", str(kernels.parent))

    def write(argv: Sequence[str], name: str = "mine", **more: Any) -> str:
        folder = kernels / name
        folder.mkdir(parents=True, exist_ok=True)
        said = {"argv": list(argv), "display_name": name, "language": "python", **more}
        (folder / "kernel.json").write_text(json.dumps(said), "utf-8")
        return name

    return write


@pytest.fixture
def kernels() -> Iterator[LocalKernels]:
    with LocalKernels() as running:
        yield running


@pytest.fixture
def start(kernels: LocalKernels, timeouts: Timeouts) -> Iterator[Starter]:
    """Starts kernels and connects to them. The kernels end after the test."""
    with contextlib.ExitStack() as stack:

        def started(
            name: str = "python3",
            *,
            provider: LocalKernels = kernels,
            env: Mapping[str, str] | None = None,
            timeouts: Timeouts = timeouts,
        ) -> JupyterKernelClient:
            kernel_id = provider.start_kernel(name, env=env)
            return stack.enter_context(
                JupyterKernelClient(provider, kernel_id, timeouts=timeouts, connect_timeout=60)
            )

        yield started


class Shared(LocalKernels):
    """Kernels of several executors: an executor that stops must not end all of them."""

    def close(self) -> None:
        """Do nothing: the fixture ends the kernels."""


@pytest.fixture(scope="session")
def server() -> Iterator[LocalKernels]:
    shared = Shared()
    try:
        yield shared
    finally:
        LocalKernels.close(shared)


@pytest.fixture
def executors(server: LocalKernels, tmp_path: Path) -> Iterator[Executors]:
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> KernelCodeExecutor:
            options = {"timeout": 30, "output_dir": tmp_path, **options}
            return stack.enter_context(KernelCodeExecutor(server, **options))

        yield start


@pytest.fixture
def kernel(server: LocalKernels, timeouts: Timeouts) -> Iterator[JupyterKernelClient]:
    kernel_id = server.start_kernel("python3")
    try:
        with JupyterKernelClient(server, kernel_id, timeouts=timeouts) as kernel:
            assert kernel.wait_for_ready(60)
            yield kernel
    finally:
        with contextlib.suppress(KernelNotFound):
            server.delete_kernel(kernel_id)


def has_ended(pid: int, deadline: Deadline) -> bool:
    """Whether a process ends before the deadline. A zombie has ended."""
    try:
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE and not deadline.passed:
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(0.05)
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def program(code: str, *command: str, env: Mapping[str, str] | None = None) -> Any:
    """A program that uses this package, as a process whose output can be read."""
    return subprocess.Popen(
        [*command, sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(env or {})},
    )
