"""Addresses of servers in containers, from shortened answers of a real engine."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from tables import rows

from jkg_client.servers.docker.addresses import address_of, networks_of, own_ids


def told(mode: str, ports: Any, **networks: tuple[str, str]) -> dict[str, Any]:
    """An answer of an engine. Each of ``networks`` has an IPv4 and an IPv6 address."""
    return {
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {
            "Ports": ports,
            "Networks": {
                name: {"IPAddress": four, "GlobalIPv6Address": six}
                for name, (four, six) in networks.items()
            },
        },
    }


def published(*bindings: tuple[str, str]) -> dict[str, Any]:
    return {"8888/tcp": [{"HostIp": ip, "HostPort": port} for ip, port in bindings]}


# Docker 20.10.24, containers of one image that exposes 8888/tcp.
LOOPBACK = told("default", published(("127.0.0.1", "32790")), bridge=("172.17.0.3", ""))
LOOPBACK_6 = told("default", published(("::1", "32772")), bridge=("172.17.0.4", ""))
BOTH = told(
    "default", published(("::1", "32773"), ("127.0.0.1", "32791")), bridge=("172.17.0.5", "")
)
EVERYWHERE = told(
    "default", published(("0.0.0.0", "32778"), ("::", "32778")), bridge=("172.17.0.6", "")
)
EVERYWHERE_6 = told("default", published(("::", "32779")), bridge=("172.17.0.8", ""))
OTHER_ADDRESS = told("default", published(("192.0.2.7", "8888")), bridge=("172.17.0.8", ""))
HOST = told("host", {}, host=("", ""))
NONE = told("none", {}, none=("", ""))
EXPOSED = told("default", {"8888/tcp": None}, bridge=("172.17.0.9", ""))
ENDED = told("default", {}, bridge=("", ""))
INTERNAL = told("inner", {}, inner=("172.23.0.2", ""))
TWO = told(
    "default",
    published(("127.0.0.1", "32796")),
    bridge=("172.17.0.10", ""),
    ours=("172.22.0.3", ""),
)
SIX = told("six", published(("127.0.0.1", "32797")), six=("172.24.0.2", "fd00:6b67:7574::2"))
ONLY_SIX = told("six", {}, six=("", "fd00:6b67:7574::2"))
BORROWED = told("container:d1ff", {})
WITHOUT = {"HostConfig": {}, "NetworkSettings": {"Ports": None, "Networks": None}}
OTHER_PORT = told(
    "default", {"9999/tcp": [{"HostIp": "127.0.0.1", "HostPort": "1"}]}, bridge=("172.17.0.9", "")
)
UNBOUND = told("default", published(("127.0.0.1", "")), bridge=("172.17.0.9", ""))
# Podman uses an empty address for "all addresses".
NO_ADDRESS = told("bridge", published(("", "45678")), podman=("10.88.0.2", ""))


@rows(
    ("container", "address"),
    [
        (LOOPBACK, ("127.0.0.1", 32790)),
        (LOOPBACK_6, ("::1", 32772)),
        (BOTH, ("127.0.0.1", 32791)),
        (EVERYWHERE, ("127.0.0.1", 32778)),
        (EVERYWHERE_6, ("::1", 32779)),
        (OTHER_ADDRESS, ("192.0.2.7", 8888)),
        (NO_ADDRESS, ("127.0.0.1", 45678)),
        (HOST, ("127.0.0.1", 8888)),
        (EXPOSED, ("172.17.0.9", 8888)),
        (OTHER_PORT, ("172.17.0.9", 8888)),
        (UNBOUND, ("172.17.0.9", 8888)),
        (INTERNAL, ("172.23.0.2", 8888)),
        (ONLY_SIX, ("fd00:6b67:7574::2", 8888)),
        (TWO, ("127.0.0.1", 32796)),
        (NONE, None),
        (ENDED, None),
        (BORROWED, None),
        (WITHOUT, None),
    ],
)
def test_a_container_on_this_machine_is_reached_at_this_address(
    container: dict[str, Any], address: tuple[str, int] | None
) -> None:
    assert address_of(container) == address


@rows(
    ("container", "address"),
    [
        (LOOPBACK, ("engine.example", 32790)),
        (BOTH, ("engine.example", 32791)),
        (EVERYWHERE, ("engine.example", 32778)),
        (HOST, ("engine.example", 8888)),
        # Networks of another machine are not ours.
        (INTERNAL, None),
        (EXPOSED, None),
        (NONE, None),
    ],
)
def test_a_container_on_another_machine_is_reached_at_this_address(
    container: dict[str, Any], address: tuple[str, int] | None
) -> None:
    assert address_of(container, host="engine.example") == address


@rows(
    ("container", "shared", "address"),
    [
        (TWO, ["ours"], ("172.22.0.3", 8888)),
        (LOOPBACK, ["bridge"], ("172.17.0.3", 8888)),
        (SIX, {"six": {}}, ("172.24.0.2", 8888)),
        (ONLY_SIX, ["six"], ("fd00:6b67:7574::2", 8888)),
        # A container may be in a network without having an address there.
        (HOST, ["host"], ("127.0.0.1", 8888)),
        (NONE, ["none"], None),
        (TWO, ["foreign"], ("127.0.0.1", 32796)),
    ],
)
def test_a_container_in_a_shared_network_is_reached_without_its_published_port(
    container: dict[str, Any], shared: Any, address: tuple[str, int] | None
) -> None:
    assert address_of(container, shared=shared) == address


def test_a_container_in_a_shared_network_is_reached_by_its_own_address() -> None:
    assert address_of(TWO, host="engine.example", shared=["ours"]) == ("172.22.0.3", 8888)


@pytest.mark.parametrize(
    ("container", "names"), [(TWO, ["bridge", "ours"]), (BORROWED, []), (WITHOUT, [])]
)
def test_networks_of_a_container(container: dict[str, Any], names: list[str]) -> None:
    assert list(networks_of(container)) == names


def test_address_of_does_not_change_the_description() -> None:
    container = copy.deepcopy(TWO)
    networks_of(container).clear()
    address_of(container, host="engine.example", shared=["ours"])
    assert container == TWO


def test_in_a_container_the_host_name_is_the_last_id() -> None:
    """In a container, the host name is the last id. Outside of containers, there is no id."""
    ids = list(own_ids("machine"))
    assert ids[-1:] in ([], ["machine"])
    assert len(set(ids)) == len(ids)


MOUNTS = f"""\
401 400 0:53 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/docker/overlay2/l/X
420 401 254:0 /docker/containers/{"a" * 64}/hostname /etc/hostname rw - ext4 /dev/vda rw
421 401 0:60 / /docker/containers/{"b" * 64}/mounts/shm rw - tmpfs shm rw,size=65536k
"""


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_the_own_container_is_found_by_its_mounts(tmp_path: Path, mark: str) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(MOUNTS, encoding="utf-8")
    (tmp_path / "proc/self/cgroup").write_text(f"1:cpu:/docker/{'c' * 64}\n", encoding="utf-8")
    assert list(own_ids("box", tmp_path)) == []
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).touch()
    assert list(own_ids("box", tmp_path)) == ["a" * 64, "c" * 64, "box"]


def test_without_other_signs_the_own_container_has_the_host_name(tmp_path: Path) -> None:
    (tmp_path / ".dockerenv").touch()
    assert list(own_ids("box", tmp_path)) == ["box"]
