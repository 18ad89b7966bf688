"""Kernels that send idle before the value of the cell, as Deno does."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from test_exchange import VALUE, message, stream

from jkg_client import JupyterKernelClient
from jkg_client.protocol.idle_before_value import IdleBeforeValue
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
    idle_before_value = IdleBeforeValue()
    idle_before_value.feed(info(name))
    assert idle_before_value.is_expected == expected


@pytest.mark.field("B13")
def test_a_value_after_idle_identifies_a_kernel_with_late_values() -> None:
    idle_before_value = IdleBeforeValue()
    idle_before_value.feed(VALUE)
    assert not idle_before_value.is_expected
    idle_before_value.ended("req")
    idle_before_value.feed(VALUE)
    assert idle_before_value.is_expected


@pytest.mark.parametrize("later", [info("ipython"), VALUE, evolve(VALUE, parent_header={})])
def test_an_identified_kernel_stays_identified(later: Message) -> None:
    idle_before_value = IdleBeforeValue()
    idle_before_value.feed(info("deno"))
    idle_before_value.feed(later)
    assert idle_before_value.is_expected


@pytest.mark.parametrize(
    "late", [stream("by a thread"), evolve(VALUE, parent_header={"msg_id": "other"})]
)
def test_late_text_and_values_of_other_cells_do_not_identify_a_kernel_with_late_values(
    late: Message,
) -> None:
    idle_before_value = IdleBeforeValue()
    idle_before_value.ended("req")
    idle_before_value.feed(late)
    assert not idle_before_value.is_expected


@pytest.mark.field("B13")
def test_after_a_first_late_value_each_cell_gets_its_own_value(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    for number in range(4):
        script = server.script(f"cell({number})")
        script.message("execute_reply", {"status": "ok", "execution_count": 1}, channel="shell")
        script.message("status", {"execution_state": "idle"})
        script.pauses(0.03).result(str(number))
    kernel.execute("cell(0)", 10)
    second = kernel.execute("cell(1)", 10)
    assert [output.text for output in second.late_outputs] in (["0"], [])
    for number in (2, 3):
        result = kernel.execute(f"cell({number})", 10)
        assert result.output == str(number)
