"""For smolagents' own tests of its Docker executor: the fake gateway in place of Docker."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import docker
import pytest
from smolagents import remote_executors

from jkg_client.testing import FakeGateway

# The source distribution lacks this module: its marker skips tests that need Docker.
markers = ModuleType("tests.utils.markers")
markers.require_run_all = lambda test: test  # type: ignore[attr-defined]
sys.modules["tests.utils.markers"] = markers


class Container:
    """Replaces a container that runs a kernel gateway."""

    id = short_id = "fake"
    status = "running"

    def __init__(self, gateway: FakeGateway, running: list[Container]) -> None:
        self._gateway, self._running = gateway, running
        running.append(self)

    def stop(self) -> None:
        self._gateway.stop()

    def remove(self) -> None:
        self._running.remove(self)


@pytest.fixture(autouse=True)
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGateway]:
    running: list[Container] = []
    with FakeGateway() as gateway:

        def run(_: str, **options: Any) -> Container:
            assert options["environment"] == {"KG_AUTH_TOKEN": gateway.token}
            return Container(gateway, running)

        images = SimpleNamespace(build=lambda **_: (None, []))
        containers = SimpleNamespace(run=run, list=lambda **_: running)
        engine = SimpleNamespace(images=images, containers=containers)
        executor = functools.partial(
            remote_executors.DockerExecutor, port=gateway.connection_info.port
        )
        secrets = SimpleNamespace(token_urlsafe=lambda _: gateway.token)
        monkeypatch.setattr(docker, "from_env", lambda: engine)
        monkeypatch.setattr(remote_executors, "secrets", secrets)
        monkeypatch.setattr("tests.test_remote_executors.DockerExecutor", executor)
        yield gateway
