"""Cleanup on the fake gateway, and delayed Ctrl-C."""

from __future__ import annotations

import signal
import threading

import pytest
from ownership import *  # noqa: F403

from jkg_client.client.ctrl_c import CtrlCHeldBack


@pytest.fixture
def tries() -> int:
    return 20


def _started_and_ended(order: list[str], times: int) -> None:
    with CtrlCHeldBack():
        order.append("begun")
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        order.append("done")


def test_ctrl_c_is_raised_when_it_is_no_longer_held_back() -> None:
    order: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        _started_and_ended(order, 1)
    assert order == ["begun", "done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_is_raised_at_once() -> None:
    order: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        _started_and_ended(order, 2)
    assert order == ["begun"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order: list[str] = []
    _started_and_ended(order, 1)
    assert order == ["begun", "done"]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_hold_nothing_back() -> None:
    seen: list[object] = []

    def work() -> None:
        with CtrlCHeldBack():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
