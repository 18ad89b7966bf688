"""Ctrl-C of the command while code runs: the test sends signals to its own process."""

from __future__ import annotations

import signal
import threading

import pytest

from jkg_client import JupyterKernelClient
from jkg_client.cli.input_answers import InputAnswers
from jkg_client.cli.interruptions import Interruptions
from jkg_client.cli.screen import Screen


def test_a_second_ctrl_c_does_not_end_the_first_in_the_middle(
    fake_kernel: JupyterKernelClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    start = threading.Thread.start

    def start_slowly(thread: threading.Thread) -> None:
        if thread.name == "jkg-interrupt":
            signal.raise_signal(signal.SIGINT)  # the second one
        start(thread)
        started.append(thread.name)

    monkeypatch.setattr(threading.Thread, "start", start_slowly)
    # The tests may have been started with another handler.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with (
            pytest.raises(KeyboardInterrupt),
            Interruptions(fake_kernel, InputAnswers(Screen.of_process("never"))) as interruptions,
        ):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    # An exception inside of ``start`` would leave its lock in a wrong state.
    assert started == ["jkg-interrupt"]
    assert interruptions.count == 2
