"""The cause of a kernel's death, which embedded kernels report and servers do not."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from jkg_client.protocol.exchange import Exchange
from jkg_client.protocol.messages import Message, parentless_status
from jkg_client.protocol.outputs import Failure


def died(reason: Any) -> Message:
    message = parentless_status("restarting", "session")
    return evolve(message, content={**message.content, "reason": reason})


@pytest.mark.field("K27")
def test_the_result_says_how_the_process_ended() -> None:
    exchange = Exchange("req")
    exchange.feed(parentless_status("restarting", "session", "exit code 3"))
    result = exchange.result()
    assert result.status == "died"
    assert result.failure == Failure("KernelDied", "exit code 3")
    assert result.outputs == ()


@pytest.mark.parametrize("reason", [None, 3, [], {}, ""])
def test_an_invalid_cause_is_ignored(reason: Any) -> None:
    exchange = Exchange("req")
    exchange.feed(died(reason))
    assert (exchange.result().status, exchange.result().failure) == ("died", None)


def test_a_long_cause_is_shortened() -> None:
    exchange = Exchange("req")
    exchange.feed(died("x" * 1_000_000))
    failure = exchange.result().failure
    assert failure is not None
    assert len(failure.evalue) < 300


def test_a_death_after_the_reply_does_not_fail_the_cell() -> None:
    exchange = Exchange("req")
    header = {"msg_id": "m", "msg_type": "execute_reply"}
    exchange.feed(
        Message(
            channel="shell",
            header=header,
            parent_header={"msg_id": "req"},
            content={"status": "ok"},
        )
    )
    exchange.feed(died("exit code 3"))
    assert (exchange.result().status, exchange.result().failure) == ("ok", None)


def test_the_first_news_of_a_death_counts() -> None:
    exchange = Exchange("req")
    exchange.feed(died("exit code 3"))
    exchange.feed(died("exit code 4"))
    failure = exchange.result().failure
    assert failure is not None
    assert "exit code 3" in failure.evalue
