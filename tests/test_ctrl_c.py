"""Delayed Ctrl-C: the test sends signals to its own process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from jkg_client.client.ctrl_c import CtrlCHeldBack

came: list[int] = []


def hear(number: int, frame: FrameType | None) -> None:
    assert frame is None or isinstance(frame, FrameType)
    came.append(number)


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """``hear`` handles Ctrl-C, with any signal settings of the tests."""
    came.clear()
    before = signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_waits_until_the_end_of_the_block() -> None:
    with CtrlCHeldBack():
        signal.raise_signal(signal.SIGINT)
        assert came == []
    assert came == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is hear


def test_without_ctrl_c_a_block_changes_nothing() -> None:
    with CtrlCHeldBack():
        pass
    assert (came, signal.getsignal(signal.SIGINT)) == ([], hear)


def test_a_second_ctrl_c_works_at_once() -> None:
    with CtrlCHeldBack():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert came == [signal.SIGINT]
    assert came == [signal.SIGINT] * 2


def test_ctrl_c_is_raised_with_the_first_exception() -> None:
    def fail() -> None:
        with CtrlCHeldBack():
            signal.raise_signal(signal.SIGINT)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert came == [signal.SIGINT]


def test_a_nested_block_holds_ctrl_c_back_until_the_outer_block_ends() -> None:
    with CtrlCHeldBack():
        with CtrlCHeldBack():
            signal.raise_signal(signal.SIGINT)
        assert came == []
    assert came == [signal.SIGINT]


def test_a_handler_that_was_set_in_between_stays() -> None:
    def other(_: int, __: FrameType | None) -> None:
        raise AssertionError

    with CtrlCHeldBack():
        signal.signal(signal.SIGINT, other)
    assert signal.getsignal(signal.SIGINT) is other


@pytest.mark.parametrize("disposition", [signal.SIG_IGN, signal.SIG_DFL])
def test_ctrl_c_without_a_python_handler_is_not_changed(disposition: signal.Handlers) -> None:
    signal.signal(signal.SIGINT, disposition)
    with CtrlCHeldBack():
        assert signal.getsignal(signal.SIGINT) == disposition
    assert signal.getsignal(signal.SIGINT) == disposition


def test_in_another_thread_nothing_is_changed() -> None:
    seen: list[object] = []

    def run() -> None:
        with CtrlCHeldBack():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert seen == [hear]
