"""Log messages about cells. Also: forked children cannot use the clients of their parents."""

from __future__ import annotations

import logging
import math
import os

import pytest

from jkg_client.client.cell_log import logged
from jkg_client.client.forks import check_owner
from jkg_client.errors import ClientClosed
from jkg_client.protocol.result import ExecutionResult

DEBUG, INFO = logging.DEBUG, logging.INFO
OK = (DEBUG, "the code ended, status ok")
Said = list[tuple[int, str]]

# The time limit of a cell, its result, and the log messages.
CELLS: list[tuple[float | None, ExecutionResult, Said]] = [
    (None, ExecutionResult(status="ok"), [(DEBUG, "the code ended, status ok")]),
    (
        math.inf,
        ExecutionResult(status="ok"),
        [(DEBUG, "the code ended, status ok")],
    ),
    (
        2.0,
        ExecutionResult(status="error"),
        [(DEBUG, "the code ended, status error")],
    ),
    (
        0.5,
        ExecutionResult(status="timeout"),
        [
            (DEBUG, "the code ended, status timeout"),
            (INFO, "the time limit of 0.5 s has passed"),
        ],
    ),
    (
        60.0,
        ExecutionResult(status="died", kernel_restarted=True),
        [
            (DEBUG, "the code ended, status died"),
            (INFO, "died while code ran"),
            (INFO, "was restarted, its variables are gone"),
        ],
    ),
]


@pytest.mark.parametrize(("limit", "result", "said"), CELLS)
def test_the_log_says_that_a_cell_runs_and_how_it_ends(
    limit: float | None,
    result: ExecutionResult,
    said: Said,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(DEBUG, "jkg_client")
    assert logged("k", "secret", limit, lambda: result) is result
    runs = (DEBUG, f"runs 6 characters of code, time limit in seconds: {limit}")
    assert caplog.record_tuples == [
        ("jkg_client", level, f"kernel k: {text}") for level, text in (runs, *said)
    ]


def test_a_forked_child_cannot_use_an_object_of_its_parent() -> None:
    check_owner(os.getpid(), "this client")
    with pytest.raises(ClientClosed) as caught:
        check_owner(os.getpid() + 1, "this client")
    assert str(caught.value) == (
        "this client belongs to the process that has created it;"
        " create another one in the forked child"
    )
