"""Runs the tests of Jupyter Kernel Gateway on the fake gateway.

If a test uses an option that the fake gateway does not have, the test fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Callable

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

from jkg_client.testing import FakeGateway

# Options of kernel gateway, by command line or settings, and the fake gateway's for them.
OPTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "--JupyterWebsocketPersonality.list_kernels": lambda said: {"list_kernels": said == "True"},
    "kg_list_kernels": lambda value: {"list_kernels": value},
    "kg_max_kernels": lambda value: {"max_kernels": value},
    "api": lambda _: {},
    "auth_token": lambda value: {"token": value},
}

Running = Callable[[], FakeGateway]


def pytest_configure(config: pytest.Config) -> None:
    config.option.asyncio_mode = "auto"


class Settings(dict[str, Any]):
    def __setitem__(self, name: str, value: Any) -> None:
        if name not in OPTIONS:
            pytest.fail(f"the fake gateway has no option {name}")
        super().__setitem__(name, value)


@pytest.fixture
def jp_argv() -> list[str]:
    return []


@pytest.fixture
def jp_base_url() -> str:
    return "/"


@pytest.fixture
def jp_http_port() -> int:
    return 0


@pytest.fixture
def jp_web_app() -> SimpleNamespace:
    return SimpleNamespace(settings=Settings())


@pytest.fixture
def running(
    jp_argv: list[str], jp_server_config: Any, jp_base_url: str, jp_web_app: Any
) -> Iterator[Running]:
    """The gateway. It starts at the first request, because tests set options until then."""
    said = Settings()
    for option in jp_argv:
        name, _, value = option.partition("=")
        said[name] = value
    said.update(jp_server_config.get("KernelGatewayApp", {}))
    started: list[FakeGateway] = []

    def gateway() -> FakeGateway:
        if not started:
            options: dict[str, Any] = {"list_kernels": False}
            for name, value in {**said, **jp_web_app.settings}.items():
                options.update(OPTIONS[name](value))
            started.append(FakeGateway(base_path=jp_base_url.rstrip("/"), **options))
        return started[0]

    yield gateway
    for one in started:
        one.stop()
        one.check()


def headers_for(gateway: FakeGateway, headers: dict[str, str] | None) -> dict[str, str]:
    return {"Authorization": f"token {gateway.token}", **(headers or {})}


@pytest.fixture
def jp_fetch(running: Running) -> Callable[..., Any]:
    async def fetch(
        *parts: str, headers: dict[str, str] | None = None, **options: Any
    ) -> HTTPResponse:
        gateway = running()
        url = "/".join([gateway.connection_info.url.rstrip("/"), *parts])
        request = HTTPRequest(
            url,
            headers=headers_for(gateway, headers),
            allow_nonstandard_methods=True,
            **options,
        )
        return await AsyncHTTPClient().fetch(request)

    return fetch


@pytest.fixture
def jp_ws_fetch(running: Running) -> Callable[..., Any]:
    async def fetch(
        *parts: str, headers: dict[str, str] | None = None
    ) -> WebSocketClientConnection:
        gateway = running()
        url = "/".join([gateway.connection_info.websocket_url.rstrip("/"), *parts])
        return await websocket_connect(HTTPRequest(url, headers=headers_for(gateway, headers)))

    return fetch
