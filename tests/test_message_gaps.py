"""Messages that never came, counted by the numbers in their ids."""

from __future__ import annotations

from typing import Optional

import pytest
from attrs import evolve

from jkg_client.protocol.exchange import Exchange
from jkg_client.protocol.message_gaps import Gap, MessageGaps
from jkg_client.protocol.messages import Message

Sent = tuple[str, Optional[str]]


def message(msg_id: str, parent: str | None, msg_type: str = "execute_result") -> Message:
    header = {"msg_id": msg_id, "msg_type": msg_type}
    parent_header = {"msg_id": parent} if parent else {}
    return Message(channel="iopub", header=header, parent_header=parent_header)


# What came of a cell that has a value, as (id, id of the request it answers), and how many
# did not.
ROWS: list[tuple[list[Sent], int]] = [
    ([], 0),
    ([("s_7_4", "me"), ("s_7_5", "me"), ("s_7_6", "me")], 0),
    ([("s_7_4", "me"), ("s_7_6", "me")], 1),
    ([("s_7_4", "me"), ("s_7_1000", "me")], 995),
    # In any order: reply and idle overtake each other.
    ([("s_7_4", "me"), ("s_7_6", "me"), ("s_7_5", "me")], 0),
    # What comes late from before does not count.
    ([("s_7_4", "me"), ("s_7_2", "old"), ("s_7_6", "me")], 1),
    # It begins with the first answer.
    ([("s_7_1", "old"), ("s_7_90", "me"), ("s_7_91", "me")], 0),
    # Others were answered meanwhile, and were perhaps asked something.
    ([("s_7_4", "me"), ("s_7_5", "you"), ("s_7_8", "you"), ("s_7_9", "me")], 0),
    ([("s_7_4", "me"), ("s_7_5", "you"), ("s_7_9", "me"), ("s_7_10", "me")], 1),
    # News without a parent.
    ([("s_7_4", "me"), ("s_7_5", None), ("s_7_6", "me")], 0),
    # Processes that the kernel has forked, and other kernels, count by themselves.
    ([("s_7_4", "me"), ("s_9_50", "me"), ("s_7_5", "me")], 0),
    # Two threads may have taken the same number.
    ([("s_7_4", "me"), ("s_7_5", "me"), ("s_7_5", "me"), ("s_7_6", "me")], 0),
    # Ids that are not numbered.
    ([("d5f8", "me"), ("a_b", "me"), ("_3", "me"), ("a_\u00b2", "me"), ("x_-9", "me")], 0),
    ([("s_7_4", "me"), (f"s_7_{'9' * 40}", "me")], 0),
]


@pytest.mark.parametrize(("sent", "missing"), ROWS)
def test_what_is_missing_is_counted(sent: list[Sent], missing: int) -> None:
    gaps = MessageGaps("me")
    for msg_id, parent in sent:
        gaps.feed(message(msg_id, parent))
    assert gaps.missing == missing


# The same, as (number, channel) of answers to one request.
OVERTAKEN: list[tuple[list[tuple[int, str]], int]] = [
    ([(9, "shell"), (4, "iopub"), (5, "iopub"), (10, "iopub")], 3),
    ([(6, "shell"), (4, "iopub"), (5, "iopub"), (7, "iopub")], 0),
    ([(6, "stdin"), (4, "iopub"), (5, "iopub"), (7, "shell"), (8, "iopub")], 0),
    ([(9, "shell"), (6, "stdin"), (4, "iopub"), (10, "iopub")], 3),
    # All that was lost before the first word on iopub may have been another's.
    ([(9, "shell"), (10, "iopub")], 0),
    ([(4, "iopub"), (9, "shell"), (3, "iopub"), (10, "iopub")], 4),
]


@pytest.mark.parametrize(("sent", "missing"), OVERTAKEN)
def test_a_reply_that_comes_before_all_output_hides_no_loss(
    sent: list[tuple[int, str]], missing: int
) -> None:
    gaps = MessageGaps("me")
    for number, channel in sent:
        gaps.feed(evolve(message(f"s_7_{number}", "me"), channel=channel))
    assert gaps.missing == missing


@pytest.mark.parametrize(("last", "missing"), [(5, 0), (6, 0), (7, 1), (1000, 994)])
def test_a_value_that_shows_itself_has_a_number_that_is_never_sent(last: int, missing: int) -> None:
    gaps = MessageGaps("me")
    for number in (4, last):
        gaps.feed(message(f"s_7_{number}", "me", "stream"))
    assert gaps.missing == missing


def test_a_result_tells_how_many_were_lost() -> None:
    exchange = Exchange("me")
    for number in (3, 4, 9):
        exchange.feed(message(f"s_1_{number}", "me"))
    exchange.skip(Gap(unread=1))
    truncated = exchange.result().truncated
    assert truncated is not None
    assert str(truncated) == "4 messages were lost"
