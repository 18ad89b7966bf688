"""For AutoGen 0.7's own tests of its Docker Jupyter executor: the fake in place of Docker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

# Installed only in the environment of this program.
import docker
import pytest
from autogen_ext.code_executors import docker_jupyter  # type: ignore[import-not-found]

from jkg_client.testing import FakeGateway

running: list[FakeGateway] = []


def pytest_configure(config: pytest.Config) -> None:
    config.option.asyncio_mode = "auto"


class Server:
    """Replaces a container. Its kernels start in ``bind_dir``."""

    def __init__(self, bind_dir: str | None = None) -> None:
        self._bind_dir = bind_dir
        self._gateway = FakeGateway()
        running.append(self._gateway)
        if bind_dir is not None:
            os.chdir(bind_dir)

    @property
    def connection_info(self) -> Any:
        return self._gateway.connection_info

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gateway.stop()


@pytest.fixture(autouse=True)
def folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A new folder for each test. Servers that the test has not stopped are stopped here."""
    monkeypatch.chdir(tmp_path)
    yield
    while running:
        running.pop().stop()


docker_jupyter.DockerJupyterServer = Server
setattr(docker, "from_env", lambda: SimpleNamespace(ping=lambda: None))  # noqa: B010 - its type
