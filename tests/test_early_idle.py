"""Kernels that say idle before the value of the cell, as Deno does."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from test_exchange import VALUE, message, stream

from jkg_client import JupyterKernelClient
from jkg_client.protocol.early_idle import EarlyIdle
from jkg_client.protocol.messages import Message
from jkg_client.testing import FakeGateway


def info(name: Any) -> Message:
    return message("shell", "kernel_info_reply", {"implementation": name})


@pytest.mark.field("B13")
@pytest.mark.parametrize(
    ("name", "expected"),
    [("Deno kernel", True), ("deno", True), ("ipython", False), ("IRkernel", False), (None, False)],
)
def test_a_kernel_is_known_by_its_implementation(name: Any, expected: bool) -> None:
    early_idle = EarlyIdle()
    early_idle.feed(info(name))
    assert early_idle.is_expected == expected


@pytest.mark.field("B13")
def test_a_value_after_the_end_of_its_cell_gives_the_kernel_away() -> None:
    early_idle = EarlyIdle()
    early_idle.feed(VALUE)
    assert not early_idle.is_expected
    early_idle.ended("req")
    early_idle.feed(VALUE)
    assert early_idle.is_expected


@pytest.mark.parametrize("later", [info("ipython"), VALUE, evolve(VALUE, parent_header={})])
def test_what_has_given_a_kernel_away_holds_whatever_comes_later(later: Message) -> None:
    early_idle = EarlyIdle()
    early_idle.feed(info("deno"))
    early_idle.feed(later)
    assert early_idle.is_expected


@pytest.mark.parametrize(
    "late", [stream("by a thread"), evolve(VALUE, parent_header={"msg_id": "other"})]
)
def test_what_threads_print_and_what_others_run_says_nothing_of_the_kernel(late: Message) -> None:
    early_idle = EarlyIdle()
    early_idle.ended("req")
    early_idle.feed(late)
    assert not early_idle.is_expected


@pytest.mark.field("B13")
def test_from_the_first_late_value_on_each_cell_gets_its_own(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    for number in range(4):
        script = server.script(f"cell({number})")
        script.message("execute_reply", {"status": "ok", "execution_count": 1}, channel="shell")
        script.message("status", {"execution_state": "idle"})
        script.pauses(0.1).result(str(number))
    kernel.execute("cell(0)", 10)
    second = kernel.execute("cell(1)", 10)
    assert [output.text for output in second.late_outputs] in (["0"], [])
    for number in (2, 3):
        result = kernel.execute(f"cell({number})", 10)
        assert result.output == str(number)
