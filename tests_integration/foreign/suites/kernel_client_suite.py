"""For jupyter-kernel-client's own tests: the fake gateway in place of a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jkg_client.testing import FakeGateway


@pytest.fixture
def jupyter_server() -> Iterator[tuple[str, str]]:
    # The client sends the token as "Bearer …", which kernel gateways do not accept.
    with FakeGateway(token=None) as gateway:
        yield str(gateway.connection_info.port), "any"
