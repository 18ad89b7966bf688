"""For jupyter_server's own tests of its gateway client: the fake gateway in place of mocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Callable

import pytest
import requests

from jkg_client.testing import FakeGateway

pytest_plugins = ["jupyter_server.pytest_plugin"]


class RunningKernels:
    """The kernels of the gateway as a mapping for the tests. ``pop`` deletes a kernel."""

    def __init__(self, gateway: FakeGateway) -> None:
        self._url = f"{gateway.connection_info.url}/api/kernels"

    def __len__(self) -> int:
        return len(requests.get(self._url, timeout=10).json())

    def get(self, kernel_id: str) -> Any:
        return requests.get(f"{self._url}/{kernel_id}", timeout=10).json()

    def pop(self, kernel_id: str) -> None:
        assert requests.delete(f"{self._url}/{kernel_id}", timeout=10).status_code == 204


@pytest.fixture(autouse=True)
def gateway(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeGateway]:
    with FakeGateway(token=None, kernel_names=("kspec_foo", "kspec_bar")) as gateway:
        address = gateway.connection_info
        monkeypatch.setattr(request.module, "mocked_gateway", nullcontext())
        monkeypatch.setattr(request.module, "running_kernels", RunningKernels(gateway))
        monkeypatch.setattr(request.module, "mock_gateway_url", address.url.rstrip("/"))
        ws_url = address.websocket_url.rstrip("/")
        monkeypatch.setattr(request.module, "mock_gateway_ws_url", ws_url)
        yield gateway


@pytest.fixture
def jp_read_emitted_events(jp_read_emitted_events: Callable[[], Any]) -> Callable[[], Any]:
    """Leaves out events about the client's requests, which the original mock does not emit."""

    def read() -> list[Any]:
        events = jp_read_emitted_events()
        return [event for event in events if "/gateway_client/" not in event["__schema__"]]

    return read
