"""Ctrl-C of the command while code runs: the test sends signals to its own process."""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from jkg_client import JupyterKernelClient
from jkg_client.cli.console.cells import ConsoleAnswers, ConsoleCells, ConsoleShown
from jkg_client.cli.graphics import Graphics
from jkg_client.cli.input_answers import InputAnswers
from jkg_client.cli.interruptions import Interruptions
from jkg_client.cli.screen import Screen
from jkg_client.cli.shown import ShownToPeople
from jkg_client.protocol.questions import InputRequest


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    """Set the usual handler, because the tests may have been started with another one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_the_start(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """Ctrl-C comes while a thread with this name is started. Returns the threads that started."""
    started: list[str] = []
    start = threading.Thread.start

    def start_slowly(thread: threading.Thread) -> None:
        if thread.name == name:
            signal.raise_signal(signal.SIGINT)
        start(thread)
        started.append(thread.name)

    monkeypatch.setattr(threading.Thread, "start", start_slowly)
    return started


def test_a_second_ctrl_c_does_not_end_the_first_in_the_middle(
    fake_kernel: JupyterKernelClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = interrupt_the_start(monkeypatch, "jkg-interrupt")
    with (
        pytest.raises(KeyboardInterrupt),
        Interruptions(fake_kernel, InputAnswers(Screen.of_process("never"))) as interruptions,
    ):
        signal.raise_signal(signal.SIGINT)
    # An exception inside of ``start`` would leave its lock in a wrong state.
    assert started == ["jkg-interrupt"]
    assert interruptions.count == 2


def test_the_console_loses_no_cell_when_ctrl_c_comes_at_its_start(
    fake_kernel: JupyterKernelClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen.of_process("never")
    cells = ConsoleCells(
        kernel=fake_kernel,
        language="python",
        shown=ConsoleShown(ShownToPeople(screen, Graphics("none", None)), screen),
        screen=screen,
        answers=ConsoleAnswers(screen),
        folder=None,
        timeout=60,
        restart=fake_kernel.restart,
    )
    started = interrupt_the_start(monkeypatch, "jkg-cell")
    # The interrupt may come before, in or after this code.
    result = cells.run("6 * 7")
    assert started == ["jkg-cell", "jkg-interrupt"]
    assert result is not None
    assert result.results[-1].status in {"ok", "error"}


class Terminal(io.StringIO):
    """A terminal on which Ctrl-C is pressed when the prompt is shown."""

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        if self.getvalue() == "name: ":
            signal.raise_signal(signal.SIGINT)


def test_a_line_follows_the_prompt_that_ctrl_c_has_ended() -> None:
    terminal = Terminal()
    screen = Screen(terminal, terminal)
    with suppress(KeyboardInterrupt):
        InputAnswers(screen)(InputRequest("name: "))
    screen.line("KeyboardInterrupt")
    assert terminal.getvalue() == "name: \nKeyboardInterrupt\n"
