"""The owner of a container, as written on its label."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from attrs import evolve
from tables import rows

from jkg_client.servers.docker.owners import KEPT, LAUNCH, OWNER, Owner, is_orphan, labels

WRITES_ITS_LABEL = """
import sys
from jkg_client.servers.docker.owners import Owner
print(Owner.here().label, flush=True)
sys.stdin.read()
"""
LABEL: dict[str, Any] = {
    "node": "n",
    "boot": "b",
    "namespace": "s",
    "pid": 5,
    "started": "7",
    "container": "c",
}
FAR = Owner(node="nosuch", boot="b", namespace="s", pid=5, started="7")


@contextmanager
def program() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The label of another process, and the process, which runs until the end of the block."""
    command = [sys.executable, "-c", WRITES_ITS_LABEL]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline(), process


def written(owner: Owner, kept: bool = False) -> dict[str, str]:
    """The labels of a container."""
    return {OWNER: owner.label, KEPT: "true" if kept else "false"}


def never(container: str) -> bool:
    raise AssertionError(container)


def test_an_owner_is_read_back_from_its_label() -> None:
    owner = Owner.here("c" * 64)
    assert Owner.from_label(owner.label) == owner
    assert owner.pid == os.getpid()


def test_a_label_has_a_format_that_other_programs_can_read() -> None:
    assert json.loads(Owner(**LABEL).label) == LABEL


def test_a_label_of_an_owner_outside_of_containers_may_omit_the_container() -> None:
    short = {name: value for name, value in LABEL.items() if name != "container"}
    assert Owner.from_label(json.dumps(short)) == Owner(**short)


@rows(
    "label",
    [
        "",
        "no json",
        "{",
        "null",
        "5",
        "true",
        '"text"',
        "[]",
        '["node"]',
        "{}",
        json.dumps({**LABEL, "more": 1}),
        json.dumps({name: value for name, value in LABEL.items() if name != "pid"}),
        json.dumps([LABEL]),
        "\0\ufffd\x1b[31m",
    ],
)
def test_a_label_that_we_did_not_write_has_no_owner(label: str) -> None:
    assert Owner.from_label(label) is None
    assert not is_orphan({OWNER: label, KEPT: "false"}, never)


def test_the_owner_of_this_process_is_not_gone() -> None:
    assert not Owner.here().is_gone


def test_a_process_is_gone_when_it_has_ended() -> None:
    with program() as (label, _):
        owner = Owner.from_label(label)
        assert owner is not None
        assert not owner.is_gone
    # On Windows, this cannot be checked without disturbing the process.
    assert owner.is_gone is (os.name == "posix")


def test_a_later_process_with_the_same_id_is_not_the_owner() -> None:
    assert evolve(Owner.here(), started="before").is_gone


@pytest.mark.parametrize("changed", [{"node": "x"}, {"boot": "x"}, {"namespace": "x"}], ids=str)
def test_a_process_on_another_machine_may_still_run(changed: dict[str, Any]) -> None:
    with program() as (label, _):
        owner = Owner.from_label(label)
    assert owner is not None
    assert not evolve(owner, **changed).is_gone


@pytest.mark.parametrize(
    ("owner", "text"),
    [
        (FAR, "process 5 of nosuch"),
        (
            evolve(FAR, container="0123456789abcdef"),
            "process 5 of nosuch, in container 0123456789ab",
        ),
    ],
)
def test_an_owner_in_words(owner: Owner, text: str) -> None:
    assert str(owner) == text


@pytest.mark.parametrize("kept", [False, True])
def test_the_labels_of_a_container_name_its_owner_and_launch(kept: bool) -> None:
    assert labels(FAR, kept, "word") == {**written(FAR, kept), LAUNCH: "word"}


@pytest.mark.parametrize("kept", [False, True])
def test_a_container_of_a_running_program_is_not_an_orphan(kept: bool) -> None:
    assert not is_orphan(written(Owner.here(), kept), never)


@pytest.mark.parametrize(("kept", "orphan"), [(False, True), (True, False)])
def test_a_container_of_an_ended_program_is_an_orphan_unless_it_is_kept(
    kept: bool, orphan: bool
) -> None:
    gone = evolve(Owner.here(), started="before")
    assert is_orphan(written(gone, kept), never) is orphan


@pytest.mark.parametrize(
    ("container", "runs", "orphan"),
    [("", False, False), ("c1", True, False), ("c1", False, True)],
)
def test_an_owner_in_a_container_is_gone_when_its_container_is_gone(
    container: str, runs: bool, orphan: bool
) -> None:
    asked: list[str] = []

    def running(name: str) -> bool:
        asked.append(name)
        return runs

    assert is_orphan(written(evolve(FAR, container=container)), running) is orphan
    assert asked == ([container] if container else [])


@pytest.mark.parametrize("given", [{}, {KEPT: "false"}, {"other": "label"}])
def test_a_container_without_owner_is_not_an_orphan(given: dict[str, Any]) -> None:
    assert not is_orphan(given, never)


@rows(
    "changed",
    [
        {"pid": "1"},
        {"pid": 1.5},
        {"pid": None},
        {"pid": True},
        {"pid": -1},
        {"pid": 0},
        {"pid": 10**30},
        {"container": 5},
        {"container": None},
        {"node": []},
    ],
)
def test_a_label_with_values_of_another_kind_has_no_owner(changed: dict[str, Any]) -> None:
    here = json.loads(Owner.here().label)
    assert Owner.from_label(json.dumps({**here, **changed})) is None


def test_a_label_that_is_too_deep_has_no_owner() -> None:
    assert Owner.from_label("[" * 100000) is None


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="tells no states")  # noqa: PTH110
def test_a_killed_process_is_gone_before_its_parent_waits_for_it() -> None:
    with program() as (label, process):
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        owner = Owner.from_label(label)
        assert owner is not None
        assert owner.is_gone
