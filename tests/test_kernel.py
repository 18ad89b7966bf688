"""The kernel client and faults: broken connections, silence, foreign messages, a lost server."""

from __future__ import annotations

import base64
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from attrs import evolve
from tables import rows

from jkg_client import (
    ClientClosed,
    GatewayUnauthorized,
    GatewayUnreachable,
    JupyterClient,
    JupyterKernelClient,
    KernelNotFound,
    KernelNotReady,
    Output,
)
from jkg_client.client.deadline import Deadline
from jkg_client.client.timeouts import Timeouts
from jkg_client.protocol.messages import Message
from jkg_client.protocol.wire import encode
from jkg_client.testing import FakeGateway

QUICK = Timeouts(
    first_heartbeat=0.1,
    heartbeat=0.2,
    stale=0.0,
    pong=0.3,
    handshake=1.0,
    reconnect=3.0,
    grace=0.3,
    ready=3.0,
)
# On a busy machine, too: if the client gives up a new connection, it loses the messages that the
# gateway has already sent there.
PATIENT = Timeouts(
    first_heartbeat=10.0, heartbeat=20.0, pong=15.0, handshake=20.0, reconnect=40.0, ready=60.0
)
SOON_GIVEN_UP = evolve(QUICK, first_heartbeat=0.05, heartbeat=5.0, reconnect=0.3)
COUNT = "for i in range(5): print(i, flush=True)"
COUNTED = "0\n1\n2\n3\n4\n"


@pytest.fixture
def timeouts() -> Timeouts:
    return QUICK


@pytest.fixture
def kernels(server: FakeGateway) -> Iterator[Any]:
    with JupyterClient(server.connection_info) as client:
        clients: list[JupyterKernelClient] = []

        def connect(**options: Any) -> JupyterKernelClient:
            kernel_id = client.start_kernel("python3")
            kernel = JupyterKernelClient(client, kernel_id, **{"timeouts": QUICK, **options})
            clients.append(kernel)
            return kernel

        yield connect
        for kernel in clients:
            kernel.stop()


@pytest.mark.parametrize("rst", [False, True])
def test_a_connection_cut_between_cells_is_restored_and_the_cell_runs_once(
    kernel: JupyterKernelClient, server: FakeGateway, rst: bool
) -> None:
    kernel.execute("n = 0", 5)
    server.faults.cut_now(rst=rst)
    result = kernel.execute("n += 1\nprint(n)", 5)
    assert (result.status, result.output) == ("ok", "1\n")
    assert kernel.execute("print(n)", 5).output == "1\n"
    sessions = {r.query["session_id"] for r in server.journal.requests("GET", "*/channels")}
    assert len(sessions) == 1


@pytest.mark.parametrize("rst", [False, True])
@pytest.mark.parametrize("msg_type", ["status", "execute_input", "stream", "execute_reply"])
def test_a_connection_cut_during_a_cell_is_restored_without_a_loss(
    kernels: Any, server: FakeGateway, msg_type: str, rst: bool
) -> None:
    kernel = kernels(timeouts=PATIENT)
    # Otherwise the status of the new kernel may cause the cut, just when the cell is sent.
    assert kernel.wait_for_ready(60)
    server.faults.cut_before(msg_type, rst=rst)
    result = kernel.execute(COUNT, 60)
    assert (result.status, result.output) == ("ok", COUNTED)
    executed = server.journal.messages("execute_request")
    assert len(executed) == 1


def test_a_frame_lost_in_a_cut_is_reported(kernels: Any, server: FakeGateway) -> None:
    kernel = kernels(timeouts=PATIENT)
    assert kernel.wait_for_ready(60)
    server.faults.cut_within("stream")
    result = kernel.execute("print('lost', flush=True)\nprint('seen')", 60)
    assert result.status == "ok"
    assert result.truncated is not None
    assert result.truncated.connection_lost


@rows(
    ("lost", "silent"),
    [("execute_input", False), ("status execute_input", False), ("status", True)],
)
def test_lost_frames_before_the_output_are_no_loss(
    kernels: Any, server: FakeGateway, lost: str, silent: bool
) -> None:
    kernel = kernels(timeouts=PATIENT)
    assert kernel.wait_for_ready(60)
    for msg_type in lost.split():
        server.faults.cut_within(msg_type)
    result = kernel.execute(COUNT, 60, silent=silent)
    assert (result.status, result.output, result.truncated) == ("ok", COUNTED, None)
    connections = server.journal.requests("GET", f"*/{kernel.kernel_id}/channels")
    assert len(connections) == 1 + len(lost.split())


def test_a_reply_lost_in_a_cut_is_an_error(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    server.faults.cut_within("execute_reply")
    result = kernel.execute("print('said')", 5)
    assert (result.status, result.output.splitlines()[0]) == ("error", "said")
    assert result.failure is not None
    assert result.failure.ename == "ConnectionLost"
    assert kernel.execute("print('fine')", 5).output == "fine\n"


def test_a_session_that_the_server_lost_is_reported(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    def go() -> None:
        server.faults.refuse_connections()
        server.faults.cut_now()

    def come_back() -> None:
        server.faults.drop_kept()
        server.faults.accept_connections()

    server.script("cell").stream("on\n").then(go).stream("lost\n").then(come_back).stream("off\n")
    result = kernel.execute("cell", 20)
    assert result.output.startswith("on\n")
    assert "lost" not in result.output
    assert result.truncated is not None
    assert result.truncated.connection_lost


def test_many_cuts_in_a_row_lose_nothing(kernels: Any, server: FakeGateway) -> None:
    kernel = kernels(timeouts=PATIENT)
    assert kernel.wait_for_ready(60)
    for _ in range(4):
        server.faults.cut_before("stream")
    assert kernel.execute(COUNT, 60).output == COUNTED


def test_a_half_open_connection_is_noticed_before_it_is_used(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    server.faults.hold()
    released = threading.Timer(0.35, server.faults.release)
    released.start()
    assert kernel.execute("print('through')", 10).output == "through\n"
    released.join()


def test_a_server_that_is_gone_is_an_error_with_the_output_so_far(
    kernels: Any, server: FakeGateway
) -> None:
    kernel = kernels(timeouts=SOON_GIVEN_UP)

    def vanish(_: Output) -> None:
        server.faults.refuse_connections()
        server.faults.cut_now()

    loop = "print('on', flush=True)\nimport time; time.sleep(60)"
    with pytest.raises(GatewayUnreachable, match="could not be restored") as caught:
        kernel.execute(loop, 30, on_output=vanish)
    assert caught.value.result.output == "on\n"
    server.faults.accept_connections()
    kernel.interrupt()
    assert kernel.execute("print('back')", 10).output == "back\n"


@pytest.mark.pitfall(5)
def test_a_kernel_deleted_while_its_cell_runs_is_a_death(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    def delete(_: Output) -> None:
        with JupyterClient(server.connection_info) as client:
            client.delete_kernel(kernel.kernel_id)

    loop = "print('on', flush=True)\nimport time; time.sleep(60)"
    result = kernel.execute(loop, 30, on_output=delete)
    # Servers interrupt a kernel before they end it, and the kernel may still report that.
    assert result.status == "died"
    assert result.output.startswith("on\n")
    with pytest.raises(KernelNotFound):
        kernel.execute("1", 5)


def test_a_kernel_that_dies_before_its_answer_to_a_query_is_a_death(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    # After a cut, the client sends a query. A dead kernel never answers.
    server.script("dying").stream("on\n").then(server.faults.cut_now).pauses(0.2).dies()
    result = kernel.execute("dying", 10)
    assert (result.status, result.output, result.failure) == ("died", "on\n", None)


def test_a_kernel_that_stays_dead_is_an_error() -> None:
    with (
        FakeGateway(restart_limit=0) as server,
        JupyterClient(server.connection_info) as client,
        JupyterKernelClient(client, client.start_kernel("python3"), timeouts=QUICK) as kernel,
    ):
        assert kernel.execute("import os\nos._exit(1)", 10).status == "died"
        with pytest.raises(KernelNotFound):
            kernel.execute("1", 5)


def test_a_death_between_cells_is_reported_by_the_next_cell(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    kernel.execute("x = 1\nimport os, threading", 5)
    with JupyterClient(server.connection_info) as client:
        client.restart_kernel(kernel.kernel_id)
    result = kernel.execute("print('x' in globals())", 10)
    assert (result.output, result.kernel_restarted) == ("False\n", True)
    assert not kernel.execute("1", 5).kernel_restarted


def test_messages_of_other_clients_do_no_harm(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    server.faults.foreign_messages()
    assert kernel.execute(COUNT, 5).output == COUNTED


def test_invalid_frames_are_skipped_and_counted(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    def garble() -> None:
        server.faults.send_frame(b"\x00\x01")
        server.faults.send_frame("{not json")

    server.script("cell").stream("on\n").then(garble).stream("off\n")
    result = kernel.execute("cell", 5)
    assert (result.status, result.output) == ("ok", "on\noff\n")
    assert result.truncated is not None
    assert result.truncated.messages == 2


@pytest.mark.pitfall(21)
def test_output_dropped_by_the_rate_limit_is_reported(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    server.faults.rate_limit(data=200)
    code = "for i in range(500): print(i, flush=True)"
    result = kernel.execute(code, 10)
    assert result.status == "ok"
    assert result.truncated is not None
    assert result.truncated.rate_limited


def test_a_server_without_the_v1_framing_gets_the_old_framing() -> None:
    with (
        FakeGateway(subprotocol=False) as server,
        JupyterClient(server.connection_info) as client,
        JupyterKernelClient(client, client.start_kernel("python3"), timeouts=QUICK) as kernel,
    ):
        assert kernel.execute("print('ž')", 5).output == "ž\n"


@pytest.mark.pitfall(10, 12)
@pytest.mark.parametrize("reply", ["before idle", "after idle", "before output"])
def test_the_reply_may_come_before_or_after_idle(reply: Any) -> None:
    with (
        FakeGateway(reply=reply) as server,
        JupyterClient(server.connection_info) as client,
        JupyterKernelClient(client, client.start_kernel("python3"), timeouts=QUICK) as kernel,
    ):
        for number in range(20):
            assert kernel.execute(f"print({number})", 5).output == f"{number}\n"


def test_a_cell_without_a_reply_ends(kernel: JupyterKernelClient, server: FakeGateway) -> None:
    kernel.execute("x = 1", 5)
    server.script("fit()").stream("epoch 1\n").loses("reply")
    result = kernel.execute("fit()")
    assert (result.status, result.truncated, result.kernel_restarted) == ("error", None, False)
    assert result.failure is not None
    assert result.failure.ename == "NoReply"
    assert kernel.execute("print(x)", 5).output == "1\n"


def test_a_cell_without_an_idle_ends_and_says_that_output_may_be_missing(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    server.script("fit()").stream("epoch 1\n").loses("idle")
    result = kernel.execute("fit()")
    assert (result.status, result.output) == ("ok", "epoch 1\n")
    assert str(result.truncated) == "1 message was lost"


def test_a_stubborn_cell_on_a_server_that_does_not_restart_is_restarted_next_time(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    kernel.execute("x = 1", 5)
    server.script("stubborn").stream("on\n").hangs().ignores_interrupts()
    server.faults.status(500, method="POST", path="*/restart", times=1)
    result = kernel.execute("stubborn", 0.2)
    assert (result.status, result.output, result.kernel_restarted) == ("timeout", "on\n", False)
    after = kernel.execute("print('x' in globals())", 10)
    assert (after.output, after.kernel_restarted) == ("False\n", True)


def test_a_kernel_that_never_answers_is_not_ready(server: FakeGateway, kernels: Any) -> None:
    kernel = kernels(timeouts=evolve(QUICK, ready=0.1, pong=0.1))
    assert kernel.wait_for_ready(5)
    server.faults.hold()
    assert not kernel.wait_for_ready(0.1)
    with pytest.raises(KernelNotReady, match="does not answer"):
        kernel.kernel_info(0.1)
    server.faults.release()


@rows(
    ("arguments", "message"),
    [
        ({"code": 5}, "code must be a string"),
        ({"code": "1", "timeout_seconds": 0}, "timeout_seconds must be a positive number"),
        ({"code": "1", "timeout_seconds": -1}, "timeout_seconds must be a positive number"),
        (
            {"code": "1", "timeout_seconds": float("nan")},
            "timeout_seconds must be a positive number",
        ),
        ({"code": "1", "max_output": 0}, "max_output must be at least 2"),
        ({"code": None}, "code must be a string, not NoneType"),
        (
            {"code": "1", "timeout_seconds": True},
            "timeout_seconds must be a positive number or None",
        ),
        (
            {"code": "1", "timeout_seconds": "5"},
            "timeout_seconds must be a positive number or None",
        ),
        ({"code": "1", "max_output": None}, "max_output must be an integer"),
        ({"code": "1", "on_output": 3}, "on_output must be a function or None"),
        ({"code": "1", "on_input": "x"}, "on_input must be a function or None"),
        ({"code": "1", "user_expressions": {"a": 1}}, "values of user_expressions must be strings"),
        ({"code": "1", "user_expressions": ["a"]}, "user_expressions must be a mapping"),
        ({"code": "#" * 11_000_000}, "servers accept at most 10485760"),
    ],
)
def test_bad_arguments_are_reported_and_nothing_is_run(
    kernel: JupyterKernelClient, server: FakeGateway, arguments: Any, message: str
) -> None:
    asked = server.journal.messages("execute_request")
    with pytest.raises(ValueError, match=message):
        kernel.execute(**arguments)
    assert server.journal.messages("execute_request") == asked
    assert kernel.execute("print('usable')", 5).output == "usable\n"


@pytest.mark.field("E10")
@rows(
    ("ask", "message"),
    [
        (
            lambda kernel: kernel.wait_for_ready("5"),
            "timeout_seconds must be a positive number or None",
        ),
        (lambda kernel: kernel.kernel_info(None), "timeout_seconds must be a positive number"),
        (lambda kernel: kernel.restart(0), "timeout_seconds must be a positive number"),
        (lambda kernel: kernel.complete(None), "code must be a string"),
        (lambda kernel: kernel.complete("x", -1), "cursor_pos must be at least 0"),
        (lambda kernel: kernel.inspect("x", "0"), "cursor_pos must be an integer"),
        (lambda kernel: kernel.is_complete(3), "code must be a string"),
    ],
)
def test_bad_queries_are_reported_and_not_sent(
    kernel: JupyterKernelClient, server: FakeGateway, ask: Callable[[Any], Any], message: str
) -> None:
    asked = len(server.journal.messages())
    with pytest.raises(ValueError, match=message):
        ask(kernel)
    assert len(server.journal.messages()) == asked


@pytest.mark.field("E12")
def test_the_repr_of_a_client_shows_its_kernel_and_state(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    begin = f"<JupyterKernelClient of kernel {kernel.kernel_id}"
    shown: list[str] = []
    kernel.execute("print(1)", 10, on_output=lambda _: shown.append(repr(kernel)))
    assert shown[0] == f"{begin}, busy>"
    assert repr(kernel) == f"{begin}, idle>"
    kernel.stop()
    assert repr(kernel) == f"{begin}, stopped>"
    with JupyterClient(server.connection_info) as client:
        assert repr(client) == f"<JupyterClient of {server.connection_info.url}>"


def test_a_stopped_client_raises_client_closed(kernel: JupyterKernelClient) -> None:
    kernel.stop()
    kernel.stop()
    with pytest.raises(ClientClosed, match="was stopped"):
        kernel.execute("1")
    with pytest.raises(ClientClosed, match="was stopped"):
        kernel.wait_for_ready(1)


def test_a_death_after_unanswered_pings_is_reported() -> None:
    with (
        FakeGateway(ping_interval=0.05) as server,
        JupyterClient(server.connection_info) as client,
        JupyterKernelClient(client, client.start_kernel("python3")) as kernel,
    ):
        kernel.execute("x = 1", 5)
        pinged = threading.Event()
        pinged.wait(0.15)
        client.restart_kernel(kernel.kernel_id)
        result = kernel.execute("print('x' in globals())", 10)
    assert (result.status, result.output, result.kernel_restarted) == ("ok", "False\n", True)


@pytest.mark.parametrize("ask", ["wait_for_ready", "kernel_info"])
def test_a_death_noticed_by_a_query_is_reported_by_the_next_cell(
    kernel: JupyterKernelClient, server: FakeGateway, ask: str
) -> None:
    kernel.execute("x = 1", 5)
    with JupyterClient(server.connection_info) as client:
        client.restart_kernel(kernel.kernel_id)
    assert getattr(kernel, ask)(5)
    result = kernel.execute("print('x' in globals())", 10)
    assert (result.output, result.kernel_restarted) == ("False\n", True)


def test_a_death_is_reported_even_if_the_next_cell_was_interrupted(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    def fail(_: Output) -> None:
        raise ZeroDivisionError

    kernel.execute("x = 1", 5)
    with JupyterClient(server.connection_info) as client:
        client.restart_kernel(kernel.kernel_id)
    with pytest.raises(ZeroDivisionError):
        kernel.execute("print(1)", 5, on_output=fail)
    result = kernel.execute("print('x' in globals())", 10)
    assert (result.output, result.kernel_restarted) == ("False\n", True)


def test_a_death_is_reported_even_if_the_server_was_away_meanwhile(
    kernels: Any, server: FakeGateway
) -> None:
    kernel = kernels(timeouts=SOON_GIVEN_UP)
    kernel.execute("x = 1", 5)
    with JupyterClient(server.connection_info) as client:
        client.restart_kernel(kernel.kernel_id)
    server.faults.cut_now()
    server.faults.status(503, path="*/channels", times=None)
    with pytest.raises(GatewayUnreachable):
        kernel.execute("1", 5)
    server.faults.clear()
    result = kernel.execute("print('x' in globals())", 10)
    assert (result.output, result.kernel_restarted) == ("False\n", True)


def test_a_cell_that_continued_while_the_server_was_away_is_interrupted(
    kernels: Any, server: FakeGateway
) -> None:
    kernel = kernels(timeouts=SOON_GIVEN_UP)

    def vanish(_: Output) -> None:
        server.faults.refuse_connections()
        server.faults.cut_now()

    kernel.execute("x = 1", 5)
    with pytest.raises(GatewayUnreachable):
        kernel.execute("print('on', flush=True)\nimport time; time.sleep(60)", 30, on_output=vanish)
    server.faults.accept_connections()
    result = kernel.execute("print(x)", 10)
    assert (result.output, result.kernel_restarted) == ("1\n", False)


def test_a_connection_that_is_down_at_the_time_limit_is_a_timeout(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    server.script("hang").stream("on\n").then(server.faults.cut_now).hangs()
    server.faults.status(503, path="*/channels", times=2)
    result = kernel.execute("hang", 0.15)
    assert (result.status, result.output) == ("timeout", "on\n")


def test_code_that_is_too_long_interrupts_nothing(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    with pytest.raises(ValueError, match="servers accept at most"):
        kernel.execute("#" * 11_000_000, 5)
    assert server.journal.requests("POST", "*/interrupt") == []


def test_stop_ends_a_reconnect(server: FakeGateway, kernels: Any) -> None:
    kernel = kernels(timeouts=Timeouts())
    cut = threading.Event()
    server.script("hang").stream("on\n").then(server.faults.cut_now).then(cut.set).hangs()
    said: list[BaseException] = []

    def run() -> None:
        try:
            kernel.execute("hang")
        except ClientClosed as exc:
            said.append(exc)

    thread = threading.Thread(target=run)
    assert kernel.wait_for_ready(5)
    server.faults.delay(0.3, path="*/channels")
    thread.start()
    assert cut.wait(5)
    while not server.journal.requests("GET", "*/channels")[1:]:
        thread.join(0.02)
    kernel.stop()  # during the handshake, where an abort of the old connection has no effect
    thread.join(5)
    assert not thread.is_alive()
    assert len(said) == 1


def test_stop_does_not_wait_for_a_callback_that_hangs(kernel: JupyterKernelClient) -> None:
    called, go_on = threading.Event(), threading.Event()
    said: list[BaseException] = []

    def hang(_: Output) -> None:
        called.set()
        go_on.wait(20)

    def run() -> None:
        try:
            kernel.execute("print(1, flush=True)\nimport time; time.sleep(60)", 20, on_output=hang)
        except ClientClosed as exc:
            said.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    assert called.wait(5)
    kernel.stop()
    assert thread.is_alive()
    go_on.set()
    thread.join(5)
    assert len(said) == 1


def test_an_exception_of_a_callback_after_stop_is_raised(kernel: JupyterKernelClient) -> None:
    def fail(_: Output) -> None:
        kernel.stop()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        kernel.execute("print(1)\nimport time; time.sleep(60)", 5, on_output=fail)


def test_a_restart_from_a_callback_is_refused(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    with pytest.raises(RuntimeError, match="a callback cannot use the kernel"):
        kernel.execute("print(1)", 5, on_output=lambda _: kernel.restart(5))
    kernel.stop()
    with pytest.raises(ClientClosed):
        kernel.restart(5)
    assert server.journal.requests("POST", "*/restart") == []


@pytest.mark.pitfall(53)
def test_a_refused_handshake_shows_no_cookies(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    cookie = {"Set-Cookie": "login=s3cret"}
    server.faults.status(403, path="*/channels", headers=cookie, times=None)
    with (
        JupyterClient(server.connection_info) as client,
        pytest.raises(GatewayUnauthorized) as caught,
    ):
        JupyterKernelClient(client, kernel.kernel_id)
    assert "s3cret" not in "".join(traceback.format_exception(None, caught.value, caught.tb))


def test_a_death_during_a_cut_is_reported_and_the_cell_runs(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    with JupyterClient(server.connection_info) as client:
        for _ in range(8):
            kernel.execute("x = 1", 5)
            server.faults.cut_now()
            client.restart_kernel(kernel.kernel_id)
            result = kernel.execute("print('x' in globals())", 10)
            said = (result.status, result.output, result.kernel_restarted)
            assert said == ("ok", "False\n", True)


def test_a_restart_without_a_message_is_noticed(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    kernel.execute("x = 1", 5)
    server.faults.cut_now()
    with JupyterClient(server.connection_info) as other:
        other.restart_kernel(kernel.kernel_id)
    server.faults.drop_kept()
    result = kernel.execute("'x' in globals()", 5)
    assert (result.output, result.kernel_restarted) == ("False", True)
    assert not kernel.execute("1", 5).kernel_restarted


@pytest.mark.pitfall(1)
def test_after_the_server_has_closed_the_connection_every_cell_runs_once() -> None:
    with (
        FakeGateway(ping_interval=0.1, ping_timeout=0.3) as server,
        JupyterClient(server.connection_info) as client,
        JupyterKernelClient(client, client.start_kernel("python3")) as kernel,
    ):
        assert kernel.execute("n = 0", 5).truncated is None
        for count in range(1, 3):
            _wait_until_dropped(client, kernel.kernel_id)
            result = kernel.execute("n += 1\nprint(n)", 10)
            assert (result.status, result.output, result.truncated) == ("ok", f"{count}\n", None)


def _wait_until_dropped(client: JupyterClient, kernel_id: str) -> None:
    deadline, pause = Deadline(10), threading.Event()
    while client.get_kernel(kernel_id)["connections"]:
        assert not deadline.passed, "the server has not hung up"
        pause.wait(0.02)


@pytest.mark.pitfall(6)
def test_threads_on_one_kernel_queue_and_each_gets_its_own_output(
    kernel: JupyterKernelClient,
) -> None:
    with ThreadPoolExecutor(6) as pool:
        cells = [f"for _ in range(3): print({n}, flush=True)" for n in range(12)]
        said = [result.output for result in pool.map(lambda cell: kernel.execute(cell, 20), cells)]
    assert said == [f"{n}\n" * 3 for n in range(12)]


@pytest.mark.pitfall(8)
def test_wait_for_ready_takes_its_time_limit_without_busy_waiting(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    server.faults.hold()
    started, busy = time.monotonic(), time.thread_time()
    assert not kernel.wait_for_ready(0.3)
    assert time.thread_time() - busy < 0.15
    assert 0.29 < time.monotonic() - started < 6
    server.faults.release()


@pytest.mark.pitfall(9)
@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012])
def test_a_close_frame_of_the_server_loses_nothing(
    kernel: JupyterKernelClient, server: FakeGateway, code: int
) -> None:
    def close() -> None:
        server.faults.close(code)

    kernel.execute("x = 1", 5)
    close()
    assert kernel.execute("print(x)", 5).output == "1\n"
    server.script("closed").stream("on\n").then(close).stream("off\n")
    result = kernel.execute("closed", 5)
    assert (result.status, result.output, result.truncated) == ("ok", "on\noff\n", None)
    # On a busy machine, the client may connect once more.
    assert len(server.journal.requests("GET", "*/channels")) in {3, 4}


@pytest.mark.pitfall(10, 12)
def test_output_long_after_the_reply_is_awaited() -> None:
    # Without the subprotocol, so that the frame is the same on every connection.
    with (
        FakeGateway(subprotocol=False) as server,
        JupyterClient(server.connection_info) as client,
        JupyterKernelClient(client, client.start_kernel("python3"), timeouts=QUICK) as kernel,
    ):

        def reply() -> None:
            asked = server.journal.messages("execute_request")[-1].message
            header = {**asked.header, "msg_id": "reply", "msg_type": "execute_reply"}
            content = {"status": "ok", "execution_count": 1}
            answer = Message(
                channel="shell", header=header, parent_header=asked.header, content=content
            )
            server.faults.send_frame(encode(answer))

        server.script("late").stream("first\n").then(reply).pauses(0.3).stream("last\n")
        assert kernel.execute("late", 10).output == "first\nlast\n"
        assert kernel.execute("print('next')", 10).output == "next\n"


@pytest.mark.pitfall(20, 23)
@pytest.mark.parametrize("subprotocol", [True, False])
def test_buffers_and_large_frames_come_in_either_framing(subprotocol: bool) -> None:
    image = bytes(range(256)) * 10_000
    with (
        FakeGateway(subprotocol=subprotocol) as server,
        JupyterClient(server.connection_info) as client,
        client.get_kernel_client(client.start_kernel("python3")) as kernel,
    ):
        cell = server.script("large").message(
            "comm_msg", {"comm_id": "c", "data": {}}, buffers=(b"\xff\xfe\x00", b"")
        )
        cell.display({"image/png": image}).stream("after\n")
        result = kernel.execute("large", 60)
        assert (result.status, result.output, result.truncated) == ("ok", "after\n", None)
        (item,) = result.data_items
        assert base64.b64decode(item.data) == image
        assert kernel.execute("print('usable')", 60).output == "usable\n"


@pytest.mark.pitfall(21)
def test_an_error_that_the_rate_limit_dropped_is_still_reported(
    kernel: JupyterKernelClient, server: FakeGateway
) -> None:
    server.faults.rate_limit(messages=1, window=60)
    cell = server.script("noisy")
    for i in range(100):
        cell.display({"text/plain": f"{i}"})
    cell.error("ValueError", "dropped")
    result = kernel.execute("noisy", 10)
    assert result.status == "error"
    assert result.failure is not None
    assert result.output.endswith("ValueError: dropped")
    assert result.truncated is not None
    assert result.truncated.rate_limited


def test_a_bad_gateway_on_the_way_to_the_first_connection_is_tried_again(
    server: FakeGateway,
) -> None:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        server.faults.status(504, path="/api/kernels/*/channels", times=1)
        with client.get_kernel_client(kernel_id) as kernel:
            assert kernel.wait_for_ready(5)
