"""Options of a container: safe by default, and overridden by the user."""

from __future__ import annotations

import copy
from pathlib import PurePosixPath
from typing import Any

import pytest
from tables import rows

from jkg_client.servers.docker.options import container_options, environment_of

LOOPBACK = ("127.0.0.1", None)


def options(given: dict[str, Any] | None = None, **ours: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {"env": {}, "labels": {}, "publish": LOOPBACK, **ours}
    return container_options(given or {}, **wanted)


def test_a_container_is_safe_by_default() -> None:
    assert options() == {
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "init": True,
        "pids_limit": 1024,
        "environment": {},
        "labels": {},
        "ports": {"8888/tcp": ("127.0.0.1", None)},
    }


@pytest.mark.parametrize(
    "given",
    [
        {"cap_drop": []},
        {"security_opt": ["seccomp=unconfined"]},
        {"init": False},
        {"pids_limit": None},
        {"pids_limit": 50},
        {"mem_limit": "2g", "network": "none"},
        {"user": "1000:100"},
    ],
    ids=str,
)
def test_options_of_the_user_override_all_others(given: dict[str, Any]) -> None:
    made = options(given, others={"user": "5:5", "auto_remove": True})
    assert {name: made[name] for name in given} == given
    assert made["auto_remove"] is True


def test_further_options_override_only_the_defaults() -> None:
    assert options(others={"init": None})["init"] is None
    assert options({"init": False}, others={"init": None})["init"] is False


@pytest.mark.parametrize(
    ("given", "environment"),
    [
        (None, {"TOKEN": "ours", "A": "1"}),
        ({}, {"TOKEN": "ours", "A": "1"}),
        ({"TOKEN": "user's"}, {"TOKEN": "user's", "A": "1"}),
        ({"A": None, "B": ""}, {"TOKEN": "ours", "A": None, "B": ""}),
        (["TOKEN=user's", "B=x=y"], {"TOKEN": "user's", "A": "1", "B": "x=y"}),
        (["A"], {"TOKEN": "ours", "A": None}),
        (("B=",), {"TOKEN": "ours", "A": "1", "B": ""}),
    ],
)
def test_environment_variables_are_added(given: Any, environment: dict[str, Any]) -> None:
    made = options({"environment": given}, env={"TOKEN": "ours", "A": "1"})
    assert made["environment"] == environment


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        (None, {"owner": "ours"}),
        ({"a": "b", "owner": "stolen"}, {"a": "b", "owner": "ours"}),
        (["a", "b=c=d"], {"a": "", "b": "c=d", "owner": "ours"}),
    ],
)
def test_labels_of_the_user_are_kept_beside_ours(given: Any, labels: dict[str, str]) -> None:
    assert options({"labels": given}, labels={"owner": "ours"})["labels"] == labels


@pytest.mark.parametrize(
    ("given", "publish", "ports"),
    [
        (None, LOOPBACK, {"8888/tcp": LOOPBACK}),
        (None, ("::1", 9000), {"8888/tcp": ("::1", 9000)}),
        (None, None, {}),
        ({"5000/tcp": 5000}, LOOPBACK, {"5000/tcp": 5000, "8888/tcp": LOOPBACK}),
        ({"8888/udp": 1}, LOOPBACK, {"8888/udp": 1, "8888/tcp": LOOPBACK}),
        ({"8888/tcp": 1}, LOOPBACK, {"8888/tcp": 1}),
        ({"8888": 1}, LOOPBACK, {"8888": 1}),
        ({8888: ("::1", 1)}, LOOPBACK, {8888: ("::1", 1)}),
    ],
)
def test_the_port_is_published_once(given: Any, publish: Any, ports: dict[Any, Any]) -> None:
    assert options({"ports": given}, publish=publish)["ports"] == ports


@pytest.mark.parametrize(
    "given", [{"network": "host"}, {"network_mode": "host"}, {"network": "container:x"}], ids=str
)
def test_no_port_is_published_if_the_container_uses_another_network(
    given: dict[str, Any],
) -> None:
    assert options(given)["ports"] == {}


def test_a_read_only_container_has_a_volume_for_the_configuration() -> None:
    made = options({"read_only": True, "mounts": [{"Type": "tmpfs", "Target": "/tmp"}]})
    assert made["mounts"] == [
        {"Type": "tmpfs", "Target": "/tmp"},
        {"Type": "volume", "Target": "/etc/jupyter"},
    ]


@pytest.mark.parametrize(
    ("given", "volumes"),
    [
        (None, ["/folder:/work:rw"]),
        (["/a:/b:ro"], ["/a:/b:ro", "/folder:/work:rw"]),
        (
            {"/a": {"bind": "/b", "mode": "ro"}},
            {"/a": {"bind": "/b", "mode": "ro"}, "/folder": {"bind": "/work", "mode": "rw"}},
        ),
    ],
)
def test_a_work_directory_is_mounted_beside_other_volumes(given: Any, volumes: Any) -> None:
    made = options({"volumes": given}, work_dir=PurePosixPath("/folder"))
    assert (made["volumes"], made["working_dir"]) == (volumes, "/work")


def test_kernels_may_start_in_another_directory_than_the_work_directory() -> None:
    made = options({"working_dir": "/srv"}, work_dir=PurePosixPath("/folder"))
    assert made["working_dir"] == "/srv"


def test_without_a_work_directory_nothing_is_mounted() -> None:
    made = options({"volumes": ["/a:/b"]})
    assert made["volumes"] == ["/a:/b"]
    assert "working_dir" not in made


def test_the_options_of_the_user_are_not_changed() -> None:
    given = {
        "environment": {"A": "1"},
        "labels": {"a": "b"},
        "ports": {"5000/tcp": 5000},
        "volumes": {"/a": {"bind": "/b"}},
        "cap_drop": [],
    }
    before = copy.deepcopy(given)
    made = options(given, env={"B": "2"}, labels={"c": "d"}, work_dir=PurePosixPath("/folder"))
    for name in ("environment", "labels", "ports", "volumes"):
        made[name].clear()
    assert given == before


# In the format of Docker 20.10.24.
@rows(
    ("told", "environment"),
    [
        (["A=1=2", "TOKEN=t"], {"A": "1=2", "TOKEN": "t"}),
        (["EMPTY=", "PATH=/bin"], {"EMPTY": "", "PATH": "/bin"}),
        ([], {}),
        (None, {}),
    ],
)
def test_the_environment_of_a_container(told: Any, environment: dict[str, str]) -> None:
    assert environment_of({"Config": {"Env": told}}) == environment
    assert environment_of({"Config": {}}) == {}


def test_a_work_directory_that_is_also_a_volume_is_mounted_twice() -> None:
    given = {"/folder": {"bind": "/data", "mode": "ro"}}
    made = options({"volumes": given}, work_dir=PurePosixPath("/folder"))
    assert made["volumes"] == ["/folder:/data:ro", "/folder:/work:rw"]
