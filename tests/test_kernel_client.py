"""The kernel client and its callers' threads. The kernel answers at once, without sockets."""

from __future__ import annotations

import inspect
import json
import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from jkg_client.client import block_run
from jkg_client.client.block_run import BlockRun
from jkg_client.client.channels import Incoming, KernelConnection
from jkg_client.client.deadline import Deadline
from jkg_client.client.interrupts import interrupt_until_done
from jkg_client.client.kernel import JupyterKernelClient
from jkg_client.client.timeouts import TIMEOUTS, Timeouts
from jkg_client.errors import (
    ClientClosed,
    GatewayStatus,
    GatewayUnreachable,
    KernelNotFound,
    KernelNotReady,
)
from jkg_client.protocol.message_gaps import Gap
from jkg_client.protocol.messages import Json, Message
from jkg_client.protocol.outputs import Output

QUICK = Timeouts(first_heartbeat=0.1, grace=0.2, ready=5.0)


class Kernel:
    """Provider, channels and control of one kernel. The test sets its answers."""

    session = "ours"

    def __init__(self) -> None:
        self.closed = False
        self.times_closed = 0
        self.requests: list[Message] = []
        self.fails: set[str] = set()
        self.failing: GatewayStatus | None = None  # the answer to interrupts
        self.failing_restart: GatewayStatus | None = None
        self.dies: set[str] = set()
        self.did: list[str] = []
        self.connected: list[tuple[str, float | None, Timeouts]] = []
        self.silent = False
        self.says: dict[str, list[str]] = {}
        self.info: Json = {}
        self.asks: set[object] = set()
        self.idle_only: set[str] = set()
        self._coming: queue.Queue[Message | None] = queue.Queue()

    def connect(self, kernel_id: str, deadline: Deadline, timeouts: Timeouts) -> KernelConnection:
        self.connected.append((kernel_id, deadline.seconds, timeouts))
        return KernelConnection(self, self)

    def send(self, message: Message, deadline: Deadline) -> Gap | None:
        self.requests.append(message)
        if message.msg_type in self.fails:
            raise GatewayUnreachable("away")
        if message.content.get("code") in self.asks:
            self.say("stdin", "input_request", {"prompt": "? "})
        if message.msg_type in self.dies:
            header = {"msg_id": "x", "msg_type": "status"}
            content = {"execution_state": "restarting"}
            self._coming.put(Message(channel="iopub", header=header, content=content))
        elif message.msg_type in self.idle_only:
            self.say("iopub", "status", {"execution_state": "idle"})
        elif not self.silent:
            for text in self.says.get(str(message.content.get("code")), []):
                self.say("iopub", "stream", {"name": "stdout", "text": text})
            self.end()
        return None

    def end(self, status: str = "ok") -> None:
        """Answer the last request."""
        asked = self.requests[-1].msg_type
        info = self.info if asked == "kernel_info_request" else {}
        self.say("shell", "reply", {"status": status, "asked": asked, **info})
        self.say("iopub", "status", {"execution_state": "idle"})

    def say(self, channel: str, msg_type: str, content: Json) -> None:
        header = {"msg_id": "x", "msg_type": msg_type}
        parent = self.requests[-1].header
        self._coming.put(
            Message(channel=channel, header=header, parent_header=parent, content=content)
        )

    def receive(self, deadline: Deadline) -> Incoming | None:
        try:
            message = self._coming.get(timeout=deadline.left())
        except queue.Empty:
            message = None
        if self.closed:
            raise ClientClosed("closed")
        return message

    def drain(self) -> Iterator[Incoming]:
        while not self._coming.empty():
            message = self._coming.get()
            if message is not None:
                yield message

    def refresh(self) -> None:
        pass

    def check(self, deadline: Deadline, *, is_new_kernel: bool = False) -> Gap | None:
        return None

    def prove_alive(self, limit: Deadline) -> None:
        pass

    def abort(self) -> None:
        self.closed = True
        self._coming.put(None)

    def close(self) -> None:
        self.closed = True
        self.times_closed += 1

    def interrupt(self, deadline: Deadline) -> None:
        assert isinstance(deadline, Deadline)
        self.did.append("interrupt")
        if self.failing is not None:
            raise self.failing

    def restart(self, deadline: Deadline) -> None:
        self.did.append(f"restart {deadline.seconds:g}")
        if self.failing_restart is not None:
            raise self.failing_restart

    def state(self, deadline: Deadline) -> str | None:
        return None

    def start_kernel(self, kernel_spec_name: str, **options: Any) -> str:
        raise NotImplementedError

    def delete_kernel(self, kernel_id: str) -> None:
        raise NotImplementedError


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def client(kernel: Kernel) -> Iterator[JupyterKernelClient]:
    with JupyterKernelClient(kernel, "k1", timeouts=QUICK) as client:
        yield client


def in_thread(do: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Call a function in another thread. Returns its result or its exception."""
    came: list[object] = []

    def run() -> None:
        try:
            came.append(do())
        except Exception as exc:  # noqa: BLE001 - for the test to look at
            came.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, came


def wait_for(true: Callable[[], object]) -> None:
    deadline = Deadline(10.0)
    while not true():
        assert not deadline.passed
        time.sleep(0.001)


def test_a_client_connects_once_with_its_limits(kernel: Kernel) -> None:
    client = JupyterKernelClient(kernel, "k1")
    assert kernel.connected == [("k1", 120.0, TIMEOUTS)]
    assert client.kernel_id == "k1"
    JupyterKernelClient(kernel, "k2", connect_timeout=1.5, timeouts=QUICK)
    assert kernel.connected[1] == ("k2", 1.5, QUICK)


ASKED: list[tuple[Callable[[JupyterKernelClient], Json], str, Json]] = [
    (lambda c: c.kernel_info(), "kernel_info_request", {}),
    (lambda c: c.complete("abc"), "complete_request", {"code": "abc", "cursor_pos": 3}),
    (lambda c: c.complete("abc", 1), "complete_request", {"code": "abc", "cursor_pos": 1}),
    (
        lambda c: c.inspect("abc"),
        "inspect_request",
        {"code": "abc", "cursor_pos": 3, "detail_level": 0},
    ),
    (
        lambda c: c.inspect("abc", 0, 1),
        "inspect_request",
        {"code": "abc", "cursor_pos": 0, "detail_level": 1},
    ),
    (lambda c: c.is_complete("if"), "is_complete_request", {"code": "if"}),
    # Half of a character is replaced.
    (lambda c: c.is_complete("\ud800"), "is_complete_request", {"code": "\ufffd"}),
    (lambda c: c.complete("\ud800", 1), "complete_request", {"code": "\ufffd", "cursor_pos": 1}),
    # Two halves are one character for the kernel.
    (
        lambda c: c.complete("\ud83d\ude00a"),
        "complete_request",
        {"code": "\U0001f600a", "cursor_pos": 2},
    ),
    (
        lambda c: c.complete("a\ud83d\ude00b\ud83d\ude00", 3),
        "complete_request",
        {"code": "a\U0001f600b\U0001f600", "cursor_pos": 2},
    ),
    (
        lambda c: c.inspect("a\ud800", 1),
        "inspect_request",
        {"code": "a\ufffd", "cursor_pos": 1, "detail_level": 0},
    ),
    (
        lambda c: c.history(0),
        "history_request",
        {"hist_access_type": "tail", "output": False, "raw": True, "n": 0},
    ),
    (
        lambda c: c.history(),
        "history_request",
        {"hist_access_type": "tail", "output": False, "raw": True, "n": 10},
    ),
    (
        lambda c: c.history(3, access_type="search", pattern="x*", unique=True, output=True),
        "history_request",
        {
            "hist_access_type": "search",
            "output": True,
            "raw": True,
            "n": 3,
            "pattern": "x*",
            "unique": True,
        },
    ),
    (
        lambda c: c.history(1, access_type="search", pattern="\ud83d"),
        "history_request",
        {
            "hist_access_type": "search",
            "output": False,
            "raw": True,
            "n": 1,
            "pattern": "\ufffd",
            "unique": False,
        },
    ),
]


@pytest.mark.parametrize(("ask", "msg_type", "content"), ASKED)
def test_a_query_has_the_format_of_the_protocol(
    kernel: Kernel,
    client: JupyterKernelClient,
    ask: Callable[[JupyterKernelClient], Json],
    msg_type: str,
    content: Json,
) -> None:
    assert ask(client) == {"status": "ok", "asked": msg_type}
    (request,) = kernel.requests
    assert (request.msg_type, request.content) == (msg_type, content)
    assert request.header["session"] == "ours"


def test_a_query_without_an_answer_in_time_is_an_error(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.silent = True
    with pytest.raises(KernelNotReady) as caught:
        client.kernel_info(0.01)
    assert str(caught.value) == "kernel k1 gave no answer to kernel_info_request within 0.01 s"


def test_a_death_during_a_query_is_not_reported_as_a_passed_time_limit(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.dies.add("kernel_info_request")
    with pytest.raises(KernelNotReady) as caught:
        client.kernel_info()
    assert str(caught.value) == "kernel k1 died and gave no answer to kernel_info_request"


def test_a_cell_is_sent_with_all_options_of_the_caller(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.says["1"] = ["a", "b"]
    told: list[Any] = []
    result = client.execute("1", 5, on_output=told.append, max_output=1000)
    assert (result.status, result.output) == ("ok", "ab")
    assert [output.text for output in told] == ["a", "b"]
    client.execute(
        "2", silent=True, user_expressions={"x": "1"}, on_input=lambda _: "", store_history=True
    )
    client.execute("3", store_history=False)
    sent = [
        {name: request.content[name] for name in ("code", "silent", "store_history")}
        for request in kernel.requests
    ]
    assert sent == [
        {"code": "1", "silent": False, "store_history": True},
        {"code": "2", "silent": True, "store_history": False},
        {"code": "3", "silent": False, "store_history": False},
    ]
    # If our cell fails, waiting cells of other clients must not be aborted.
    assert {request.content["stop_on_error"] for request in kernel.requests} == {False}
    assert {request.header["session"] for request in kernel.requests} == {"ours"}
    asks = [request.content["allow_stdin"] for request in kernel.requests]
    assert asks == [False, True, False]
    assert kernel.requests[1].content["user_expressions"] == {"x": "1"}


def test_the_log_names_the_kernel_and_the_time_limit_of_a_cell(
    client: JupyterKernelClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", "jkg_client"):
        client.execute("12", 5)
    assert caplog.messages == [
        "kernel k1: runs 2 characters of code, time limit in seconds: 5.0",
        "kernel k1: the code ended, status ok",
    ]


def test_output_is_kept_up_to_the_limit(kernel: Kernel, client: JupyterKernelClient) -> None:
    kernel.says["1"] = ["0123456789"]
    assert client.execute("1", 5, max_output=4).truncated is not None


@pytest.mark.parametrize(
    ("code", "half"),
    [
        ("'a\ud800b'", "U+D800"),
        ("'\udcff'", "U+DCFF"),  # a byte that is not UTF-8, typed in a terminal
        ("'\ude00\ud83d'", "U+DE00"),
        ("'\ud83d\ude00\ude01'", "U+DE01"),
        ("'\ud83d\ud83e\ude00'", "U+D83D"),
        ("a" * (2**16 - 1) + "\ud83d", "U+D83D"),  # the search looks at 2**16 characters at a time
        ("a" * 2**16 + "\ude00", "U+DE00"),
    ],
)
def test_code_with_half_of_a_character_is_an_error_and_is_not_sent(
    kernel: Kernel, client: JupyterKernelClient, code: str, half: str
) -> None:
    told: list[Output] = []
    result = client.execute(code, 5, on_output=told.append)
    assert result.outputs == tuple(told) == (result.failure,)
    assert (result.status, result.output) == (
        "error",
        f"InvalidCode: the code contains half of a character ({half}, a lone surrogate)",
    )
    assert kernel.requests == []


@pytest.mark.parametrize("before", range(2**16 - 2, 2**16 + 2))
def test_two_halves_of_a_character_are_sent(
    kernel: Kernel, client: JupyterKernelClient, before: int
) -> None:
    code = "a" * before + "\ud83d\ude00"
    assert client.execute(code, 5).status == "ok"
    assert kernel.requests[0].content["code"] == code


BAD: list[tuple[Callable[[JupyterKernelClient], object], str]] = [
    (lambda c: c.wait_for_ready(0), "timeout_seconds must be a positive number or None, not 0"),
    (lambda c: c.restart(0), "timeout_seconds must be a positive number, not 0"),
    (lambda c: c.kernel_info(0), "timeout_seconds must be a positive number, not 0"),
    (lambda c: c.is_complete(b"1"), "code must be a string, not bytes"),  # type: ignore[arg-type]
    (lambda c: c.complete(1), "code must be a string, not int"),  # type: ignore[arg-type]
    (lambda c: c.inspect("a", -1), "cursor_pos must be at least 0, not -1"),
    (lambda c: c.inspect("a", 0, -1), "detail_level must be at least 0, not -1"),
    (lambda c: c.history(-1), "n must be at least 0, not -1"),
    (lambda c: c.stop_cell_by_restart(0), "timeout_seconds must be a positive number, not 0"),
]


@pytest.mark.parametrize(("use", "said"), BAD)
def test_bad_arguments_of_a_query_are_named(
    kernel: Kernel,
    client: JupyterKernelClient,
    use: Callable[[JupyterKernelClient], object],
    said: str,
) -> None:
    with pytest.raises(ValueError) as caught:
        use(client)
    assert (str(caught.value), kernel.requests) == (said, [])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"connect_timeout": 0}, "connect_timeout must be a positive number, not 0"),
        ({"timeouts": 5}, "timeouts must be a Timeouts, not int"),
        ({"keep_session": 1}, "keep_session must be True or False, not 1"),
    ],
)
def test_bad_arguments_are_refused_before_a_client_connects(
    kernel: Kernel, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError) as caught:
        JupyterKernelClient(kernel, "k1", **options)
    assert (str(caught.value), kernel.connected) == (said, [])


@pytest.mark.parametrize("name", ["kernel_info", "complete", "inspect", "is_complete", "history"])
def test_the_default_time_limit_of_a_query_is_half_a_minute(name: str) -> None:
    parameters = inspect.signature(getattr(JupyterKernelClient, name)).parameters
    assert parameters["timeout_seconds"].default == 30.0


def test_the_repr_shows_the_state(kernel: Kernel, client: JupyterKernelClient) -> None:
    assert repr(client) == "<JupyterKernelClient of kernel k1, idle>"
    kernel.says["1"] = ["a"]
    told: list[str] = []
    client.execute("1", 5, on_output=lambda _: told.append(repr(client)))
    assert told == ["<JupyterKernelClient of kernel k1, busy>"]
    assert repr(client) == "<JupyterKernelClient of kernel k1, idle>"
    client.stop()
    assert repr(client) == "<JupyterKernelClient of kernel k1, stopped>"


def test_an_input_request_of_the_code_is_answered(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.asks.add("1")
    assert client.execute("1", 5, on_input=lambda asked: f"{asked}Ada").is_ok
    (answer,) = (sent for sent in kernel.requests if sent.msg_type == "input_reply")
    assert answer.content["value"] == "? Ada"


def test_half_of_a_character_in_an_answer_is_replaced(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.asks.add("1")
    assert client.execute("1", 5, on_input=lambda _: "a\ud83d").is_ok
    assert kernel.requests[-1].content["value"] == "a\ufffd"


@pytest.mark.parametrize("answer", [None, 5, b"x"])
def test_an_answer_that_is_no_text_is_an_error_and_ends_the_cell(
    kernel: Kernel, client: JupyterKernelClient, answer: Any
) -> None:
    kernel.asks.add("1")
    with pytest.raises(ValueError, match="the answer of on_input must be a string, not"):
        client.execute("1", 5, on_input=lambda _: answer)
    assert "input_reply" not in [request.msg_type for request in kernel.requests]
    assert client.execute("2", 5).is_ok


def test_a_cell_beyond_its_time_limit_ends(kernel: Kernel) -> None:
    kernel.silent = True
    timeouts = Timeouts(first_heartbeat=0.1, grace=0.1, ready=0.1)
    with JupyterKernelClient(kernel, "k1", timeouts=timeouts) as client:
        assert client.execute("1", 0.05).status == "timeout"


def test_a_kernel_that_is_not_ready_after_its_restart_is_named(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.silent = True
    with pytest.raises(KernelNotReady, match=r"^kernel k1 does not answer$"):
        client.restart(0.05)


def test_the_error_of_an_interrupted_query_names_no_time_limit(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.idle_only.add("complete_request")
    with pytest.raises(KernelNotReady) as caught:
        client.complete("a")
    assert str(caught.value) == "kernel k1 gave no answer to complete_request"


def test_a_forked_child_cannot_use_the_client(
    client: JupyterKernelClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: 1)
        with pytest.raises(ClientClosed) as caught:
            client.kernel_info()
        client.stop()
    assert str(caught.value) == (
        "the client of kernel k1 belongs to the process that has created it;"
        " create another one in the forked child"
    )
    assert client.kernel_info()["status"] == "ok"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"code": 1}, "code must be a string, not int"),
        ({"on_output": 1}, "on_output must be a function or None, not 1"),
        ({"on_input": 1}, "on_input must be a function or None, not 1"),
        ({"silent": 1}, "silent must be True or False, not 1"),
        ({"store_history": 1}, "store_history must be True or False, not 1"),
        ({"user_expressions": []}, "user_expressions must be a mapping, not list"),
        ({"timeout_seconds": 0}, "timeout_seconds must be a positive number or None, not 0"),
        ({"timeout_seconds": -1.5}, "timeout_seconds must be a positive number or None, not -1.5"),
        ({"max_output": 1}, "max_output must be at least 2, not 1"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_sent(
    kernel: Kernel, client: JupyterKernelClient, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError) as caught:
        client.execute(**{"code": "1", **options})
    assert (str(caught.value), kernel.requests) == (said, [])


def test_the_smallest_max_output_is_two_characters(client: JupyterKernelClient) -> None:
    assert client.execute("1", 0.5, max_output=2).is_ok


def test_wait_for_ready_waits_until_the_kernel_answers(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    assert client.wait_for_ready(5)
    assert client.wait_for_ready()
    kernel.silent = True
    assert not client.wait_for_ready(0.01)


def test_a_client_that_was_stopped_cannot_be_used(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    client.stop()
    client.stop()
    assert kernel.times_closed == 2
    uses = (client.kernel_info, client.restart, client.wait_for_ready, lambda: client.execute("1"))
    for use in uses:
        with pytest.raises(ClientClosed, match="the client of kernel k1 was stopped"):
            use()
    assert (kernel.requests, kernel.did) == ([], [])


def test_stop_wakes_a_thread_that_waits_for_the_kernel(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.silent = True
    thread, came = in_thread(lambda: client.execute("1"))
    wait_for(lambda: kernel.requests)
    client.stop()
    thread.join(10)
    assert isinstance(came[0], ClientClosed)
    assert kernel.times_closed >= 1


def test_stop_does_not_wait_for_a_callback_and_the_client_is_closed_after_it(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.says["1"] = ["a"]
    called, go_on = threading.Event(), threading.Event()

    def block(_: object) -> None:
        called.set()
        go_on.wait(10)

    thread, came = in_thread(lambda: client.execute("1", on_output=block))
    assert called.wait(10)
    client.stop()
    assert kernel.times_closed == 0
    go_on.set()
    thread.join(10)
    assert isinstance(came[0], ClientClosed)
    assert kernel.times_closed == 1


def test_a_callback_cannot_use_the_client_of_its_cell(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.says["1"] = ["a"]
    uses: list[Callable[[], object]] = [client.kernel_info, client.restart]

    def use_it(_: object) -> None:
        uses.pop()()

    while uses:
        with pytest.raises(RuntimeError, match=r"^a callback cannot use the kernel"):
            client.execute("1", 5, on_output=use_it)
    assert "restart" not in kernel.did
    assert client.execute("2", 5).is_ok


def test_cells_of_several_threads_run_one_after_the_other(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.silent = True
    first, _ = in_thread(lambda: client.execute("1"))
    wait_for(lambda: len(kernel.requests) == 1)
    second, _ = in_thread(lambda: client.execute("2"))
    second.join(0.05)
    assert len(kernel.requests) == 1
    kernel.end()
    wait_for(lambda: len(kernel.requests) == 2)
    kernel.end()
    first.join(10)
    second.join(10)
    assert [first.is_alive(), second.is_alive()] == [False, False]


def test_an_interrupt_does_not_wait_for_the_running_cell(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    kernel.silent = True
    thread, came = in_thread(lambda: client.execute("1"))
    wait_for(lambda: kernel.requests)
    client.interrupt()
    assert kernel.did == ["interrupt"]
    kernel.end("error")
    thread.join(10)
    assert len(came) == 1


def test_only_a_restart_that_ends_a_cell_is_reported_by_the_next_result(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    client.execute("1", 5)
    client.restart()
    client.restart(7)
    assert not client.execute("1", 5).kernel_restarted
    client.stop_cell_by_restart(5)
    assert client.execute("1", 5).kernel_restarted
    assert kernel.did == ["restart 60", "restart 7", "restart 5"]


def test_interrupts_are_repeated_until_the_code_has_ended() -> None:
    told: list[bool] = []
    assert interrupt_until_done(told.append, lambda: len(told) == 3, 5)
    assert told == [False, True, True]
    assert not interrupt_until_done(told.append, lambda: False, 2)
    assert len(told) == 5


def test_blocks_that_have_not_begun_never_run_and_nothing_is_interrupted(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    run = BlockRun()
    assert not run.is_interrupted
    run.interrupt(lambda: client, QUICK)
    assert (run.is_interrupted, kernel.did) == (True, [])


def test_blocks_that_have_ended_are_not_interrupted(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    run = BlockRun()
    run.begin()
    run.end()
    run.interrupt(lambda: client, QUICK)
    assert kernel.did == []


def test_blocks_that_end_by_an_interrupt_cause_no_restart(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    run = BlockRun()
    run.begin()
    thread, _ = in_thread(lambda: run.interrupt(lambda: client, QUICK))
    wait_for(lambda: kernel.did)
    run.end()
    thread.join(10)
    assert not thread.is_alive()
    assert kernel.did == ["interrupt"]


# The kernel may have died: then the blocks notice it, and interrupts fail.
@pytest.mark.parametrize(
    "error", [None, KernelNotFound(404, "POST", ""), GatewayStatus(500, "POST", "")]
)
def test_an_interrupt_of_blocks_is_soon_repeated_until_they_end_even_if_it_fails(
    kernel: Kernel,
    client: JupyterKernelClient,
    error: GatewayStatus | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(block_run, "_AGAIN", 0.1)
    run, limits = BlockRun(), Timeouts(grace=60.0)
    kernel.failing = error
    run.begin()
    thread, came = in_thread(lambda: run.interrupt(lambda: client, limits))
    try:
        wait_for(lambda: len(kernel.did) > 1)
        assert thread.is_alive()
    finally:
        run.end()
    thread.join(10)
    assert (came, set(kernel.did)) == ([None], {"interrupt"})


def test_an_interrupt_reports_that_the_server_refuses_it(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    run = BlockRun()
    kernel.failing = GatewayStatus(499, "POST", "")
    run.begin()
    with pytest.raises(GatewayStatus):
        run.interrupt(lambda: client, QUICK)


def test_blocks_on_a_stopped_client_are_not_ended_by_a_restart(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    run = BlockRun()
    run.begin()
    client.stop()
    run.interrupt(lambda: client, Timeouts(grace=0.1, ready=0.01))
    assert kernel.did == ["interrupt"]


def test_blocks_that_ignore_interrupts_end_by_a_restart(
    kernel: Kernel, client: JupyterKernelClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_run, "_AGAIN", 0.2)
    run, limits = BlockRun(), Timeouts(grace=0.3, ready=3.0)
    run.begin()
    thread, _ = in_thread(lambda: run.interrupt(lambda: client, limits))
    wait_for(lambda: "restart 3" in kernel.did)
    run.end()
    thread.join(10)
    assert not thread.is_alive()
    assert kernel.did == ["interrupt", "interrupt", "restart 3"]


@pytest.mark.parametrize("error", [KernelNotFound(404, "POST", ""), GatewayStatus(500, "POST", "")])
def test_blocks_may_end_although_the_server_refuses_the_restart(
    kernel: Kernel, client: JupyterKernelClient, error: GatewayStatus
) -> None:
    run = BlockRun()
    kernel.failing_restart = error
    run.begin()
    thread, came = in_thread(lambda: run.interrupt(lambda: client, Timeouts(grace=0.1, ready=9.0)))
    wait_for(lambda: "restart 9" in kernel.did)
    run.end()
    thread.join(10)
    assert came == [None]


def test_a_refused_restart_is_reported_if_the_blocks_do_not_end(
    kernel: Kernel, client: JupyterKernelClient
) -> None:
    run = BlockRun()
    kernel.failing_restart = GatewayStatus(500, "POST", "")
    run.begin()
    with pytest.raises(GatewayStatus):
        run.interrupt(lambda: client, Timeouts(grace=0.1, ready=0.01))


def test_without_a_kernel_nothing_is_interrupted() -> None:
    run = BlockRun()
    run.begin()
    run.interrupt(lambda: None, Timeouts(grace=0.1, ready=0.01))
    assert run.is_interrupted


SCHEME = {"name": "scheme", "mimetype": "text/x-scheme"}


def saved(client: JupyterKernelClient, path: Path) -> tuple[Json, list[str]]:
    """The metadata of the language, and the code of the cells."""
    client.save_notebook(path)
    notebook = json.loads(path.read_text())
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    return notebook["metadata"].get("language_info", {}), sources


def test_a_saved_session_names_the_language_and_asks_for_it_once(
    kernel: Kernel, client: JupyterKernelClient, tmp_path: Path
) -> None:
    kernel.info = {"language_info": SCHEME}
    client.execute("1", 5)
    client.execute("2", 5, silent=True)
    client.execute("3", 5, store_history=False)
    for _ in range(2):
        assert saved(client, tmp_path / "a.ipynb") == (SCHEME, ["1"])
    asked = [request.msg_type for request in kernel.requests]
    assert asked == ["execute_request"] * 3 + ["kernel_info_request"]


@pytest.mark.parametrize("state", ["stopped", "away", "in a callback"])
def test_a_session_is_saved_even_if_the_language_is_unknown(
    kernel: Kernel, client: JupyterKernelClient, tmp_path: Path, state: str
) -> None:
    kernel.info = {"language_info": SCHEME}
    kernel.says["2"] = ["a"]
    client.execute("1", 5)
    path = tmp_path / "a.ipynb"
    if state == "in a callback":
        found: list[object] = []
        client.execute("2", 5, on_output=lambda _: found.append(saved(client, path)))
        assert found == [({}, ["1"])]
        assert len(kernel.requests) == 2
        return
    if state == "stopped":
        client.stop()
    kernel.fails.add("kernel_info_request")
    assert saved(client, path) == ({}, ["1"])
    assert len(kernel.requests) == (1 if state == "stopped" else 2)


@pytest.mark.parametrize(("options", "kept"), [({}, ["1"]), ({"keep_session": False}, [])])
def test_a_session_is_kept_unless_keep_session_is_false(
    kernel: Kernel, tmp_path: Path, options: dict[str, Any], kept: list[str]
) -> None:
    with JupyterKernelClient(kernel, "k1", timeouts=QUICK, **options) as client:
        client.execute("1", 5)
        assert saved(client, tmp_path / "a.ipynb")[1] == kept
