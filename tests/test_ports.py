from __future__ import annotations

import errno
import socket

import pytest

from jkg_client.servers.ports import free_port


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "localhost", "0.0.0.0"])
def test_a_free_port_can_be_listened_on(ip: str) -> None:
    port = free_port(ip)
    family = socket.AF_INET6 if ip == "::1" else socket.AF_INET
    with socket.create_server((ip, port), family=family) as listener:
        assert listener.getsockname()[1] == port


def test_a_port_that_is_free_is_given_back() -> None:
    port = free_port("127.0.0.1")
    assert free_port("127.0.0.1", port) == port


@pytest.mark.parametrize("ip", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_port_in_use_is_not_free(ip: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(OSError) as caught:
        free_port(ip, listener.getsockname()[1])
    assert caught.value.errno == errno.EADDRINUSE


# 192.0.2.0/24 is for documentation: no machine has it.
@pytest.mark.parametrize("port", [0, 40000])
def test_an_address_of_another_machine_has_no_free_port(port: int) -> None:
    with pytest.raises(OSError) as caught:
        free_port("192.0.2.1", port)
    assert caught.value.errno == errno.EADDRNOTAVAIL
