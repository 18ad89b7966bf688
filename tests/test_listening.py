"""Reading a kernel's channels at the prompt of the console, with the fake gateway."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest
from attrs import define, field

from jkg_client import JupyterClient, JupyterKernelClient
from jkg_client.cli.console import listening
from jkg_client.cli.console.kernel_activity import KernelActivity
from jkg_client.cli.console.kernel_queries import KernelQueries
from jkg_client.cli.console.listening import (
    RESTORED,
    TRIES_AGAIN,
    ListeningChannels,
    ListeningProvider,
    ListeningThread,
)
from jkg_client.client.timeouts import Timeouts
from jkg_client.errors import GatewayError, GatewayUnreachable
from jkg_client.gateway import outages
from jkg_client.testing import FakeGateway

CHANNELS = "*/channels"
SECONDS = 20.0


@define(eq=False)
class Prompt:
    """A prompt with a kernel of the fake gateway. ``lines`` are shown above it."""

    server: FakeGateway
    client: JupyterClient
    lines: queue.SimpleQueue[str] = field(factory=queue.SimpleQueue, init=False)
    activity: KernelActivity = field(init=False)
    provider: ListeningProvider = field(init=False)
    kernel: JupyterKernelClient = field(init=False)
    listening: ListeningThread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.activity = KernelActivity(self.lines.put)
        self.provider = ListeningProvider(self.client, self.activity.hear)

    def connect(self, **timeouts: float) -> None:
        kernel_id = self.client.start_kernel("python3")
        limits = Timeouts(**timeouts)
        self.kernel = JupyterKernelClient(self.provider, kernel_id, timeouts=limits)
        self.activity.session = self.channels.session
        self.listening = ListeningThread(self.channels, self.lines.put)

    @property
    def channels(self) -> ListeningChannels:
        assert self.provider.channels is not None
        return self.provider.channels

    @property
    def attempts(self) -> int:
        """Number of connections that the gateway was asked for."""
        return len(self.server.journal.requests(path=CHANNELS))

    def next_line(self) -> str:
        return self.lines.get(timeout=SECONDS)

    def lose_server(self) -> None:
        self.server.faults.status(502, path=CHANNELS, times=None)
        self.server.faults.cut_now()

    def await_attempts(self, count: int) -> None:
        wanted = self.attempts + count
        self.server.journal.wait_for(lambda _: self.attempts >= wanted, SECONDS)

    def run(self, code: str) -> str:
        self.activity.is_running = True
        try:
            with self.listening.silent():
                return self.kernel.execute(code, SECONDS).output
        finally:
            self.activity.is_running = False


@pytest.fixture
def prompt(server: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prompt]:
    monkeypatch.setattr(outages, "_LONGEST_PAUSE", 0.5)
    monkeypatch.setattr(listening, "_PAUSE", 0.3)
    with JupyterClient(server.connection_info) as client:
        prompt = Prompt(server, client)
        yield prompt
        server.faults.clear()
        prompt.kernel.stop()


def test_a_lost_server_gets_few_attempts_and_is_reported_once(prompt: Prompt) -> None:
    prompt.connect(reconnect=0.6)
    before = prompt.attempts
    with prompt.listening:
        prompt.lose_server()
        error, then = prompt.next_line().split("\n")
        assert "answered 502; is the server still running?" in error
        assert then == f"jkg: {TRIES_AGAIN}"
        assert prompt.attempts - before <= 8
        prompt.await_attempts(1)
        assert prompt.lines.empty()
        prompt.server.faults.clear()
        assert prompt.next_line() == f"jkg: {RESTORED}"
        assert prompt.run("print(6 * 7)") == "42\n"


def test_a_lost_server_that_a_cell_has_found_is_not_reported_again(prompt: Prompt) -> None:
    prompt.connect(reconnect=0.3)
    with prompt.listening:
        prompt.lose_server()
        with pytest.raises(GatewayUnreachable):
            prompt.run("6 * 7")
        prompt.await_attempts(1)
        assert prompt.lines.empty()
        prompt.server.faults.clear()
        # The output of the cell is shown, so a message about the connection is not needed.
        assert prompt.run("print(6 * 7)") == "42\n"
        assert prompt.lines.empty()


def test_an_error_that_does_not_come_from_the_channels_is_not_an_outage(prompt: Prompt) -> None:
    prompt.connect()
    with prompt.listening:
        with pytest.raises(GatewayError), prompt.listening.silent():
            raise GatewayError("the server refuses the restart")
        prompt.lose_server()
        prompt.server.faults.clear()
        prompt.await_attempts(1)
        assert prompt.run("print(6 * 7)") == "42\n"
        assert prompt.lines.empty()


def test_output_during_a_short_outage_is_shown_after_it(prompt: Prompt) -> None:
    prompt.connect(reconnect=60.0)
    with prompt.listening:
        prompt.run("import threading; threading.Timer(0.3, print, ['late']).start()")
        prompt.lose_server()
        prompt.await_attempts(3)
        prompt.server.faults.clear()
        assert prompt.next_line() == "late"
        assert prompt.run("print(6 * 7)") == "42\n"


@pytest.mark.ipython
def test_one_blank_line_ends_a_cell_that_begins_with_a_cell_magic(prompt: Prompt) -> None:
    prompt.connect()
    questions = KernelQueries(prompt.kernel, prompt.activity, prompt.channels)
    with prompt.listening:
        assert questions.indent_of_next("%%bash\necho hi") == ""
        assert questions.indent_of_next("%%bash\necho hi\n") is None
        assert questions.indent_of_next("for i in range(3):\n    print(i)") == "    "


def test_a_kernel_that_cannot_be_reached_is_not_asked_while_the_user_types(prompt: Prompt) -> None:
    prompt.connect(reconnect=0.3)
    questions = KernelQueries(prompt.kernel, prompt.activity, prompt.channels)
    with prompt.listening:
        assert questions.indent_of_next("if 1:") == "    "
        prompt.lose_server()
        prompt.next_line()
        assert questions.indent_of_next("6 * 7") is None
        assert questions.matches("pri", 3) == {}
        assert "jkg-question" not in {thread.name for thread in threading.enumerate()}
