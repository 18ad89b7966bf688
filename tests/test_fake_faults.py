"""The faults of the fake gateway, seen by a client without this package."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest
import requests
import websocket
from raw_client import RawClient, RawKernel, raw_client, says
from tables import rows

from jkg_client.gateway.rest import JupyterClient
from jkg_client.testing import FakeGateway


@pytest.fixture
def client() -> Iterator[RawClient]:
    with raw_client() as client:
        yield client


@pytest.fixture
def kernel(client: RawClient) -> Iterator[RawKernel]:
    with client.connect(session="s") as kernel:
        kernel.until("iopub status idle")
        yield kernel


CUT = (websocket.WebSocketConnectionClosedException, OSError)


def test_a_gateway_may_refuse_and_accept_again(client: RawClient) -> None:
    faults = client.gateway.faults
    client.close()
    faults.refuse_connections()
    faults.refuse_connections()
    with pytest.raises(requests.ConnectionError, match="refused"):
        client.rest("GET", "/api")
    faults.accept_connections()
    faults.accept_connections()
    assert client.rest("GET", "/api").status_code == 200
    faults.refuse_connections()


def test_the_end_of_all_faults_ends_a_refusal(client: RawClient) -> None:
    client.close()
    for end in (client.gateway.faults.clear, client.gateway.reset):
        client.gateway.faults.refuse_connections()
        end()
        assert client.rest("GET", "/api").status_code == 200


def test_a_stopped_gateway_does_not_listen_again() -> None:
    gateway = FakeGateway()
    gateway.stop()
    gateway.faults.refuse_connections()
    gateway.faults.accept_connections()
    gateway.faults.clear()
    with pytest.raises(requests.ConnectionError, match="refused"):
        requests.get(gateway.connection_info.url, timeout=5)
    with pytest.raises(RuntimeError, match="was stopped"), gateway:
        pass


def test_open_connections_survive_refusal(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.faults.refuse_connections()
    assert kernel.value("1") == "1"


def test_a_status_fault_affects_only_the_chosen_requests(client: RawClient) -> None:
    faults = client.gateway.faults
    faults.status(503, method="POST", path="/api/kernels")
    assert client.rest("GET", "/api/kernels").status_code == 200
    assert client.rest("POST", "/api/kernels").status_code == 503
    assert client.rest("POST", "/api/kernels").status_code == 201
    assert len(client.rest("GET", "/api/kernels").json()) == 1


def test_several_statuses_come_one_after_the_other(client: RawClient) -> None:
    for code in (503, 404, 520):
        client.gateway.faults.status(code, path="/api/kernels")
    said = [client.rest("GET", "/api/kernels").status_code for _ in range(4)]
    assert said == [503, 404, 520, 200]


def test_a_method_may_be_in_lower_case(client: RawClient) -> None:
    client.gateway.faults.status(503, method="get")
    assert client.rest("GET", "/api").status_code == 503


@rows(
    ("options", "message"),
    [
        ({"code": 100}, "code must be a status from 200 to 599, not 100"),
        ({"code": 1000}, "code must be a status from 200 to 599, not 1000"),
        ({"code": "500"}, "code must be an integer, not '500'"),
        ({"headers": {"X-Name": "caf\u20ac"}}, "the header 'X-Name' has characters"),
        ({"headers": {"a": "b\r\nX-Evil: 1"}}, "the header 'a' has characters"),
        ({"body": {"a": object()}}, "body cannot be sent as JSON"),
        ({"path": "api/kernels"}, "path must begin with / or with a wildcard"),
    ],
)
def test_a_status_that_cannot_be_sent_is_refused(
    options: dict[str, Any], message: str, client: RawClient
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        client.gateway.faults.status(**{"code": 500, **options})


def test_a_status_may_last_until_it_is_cleared(client: RawClient) -> None:
    faults = client.gateway.faults
    faults.status(502, path="/api*", times=None, body="<html>proxy</html>")
    answers = [client.rest("GET", "/api") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [502, 502, 502]
    assert answers[0].text == "<html>proxy</html>"
    assert answers[0].headers["Content-Type"].startswith("text/html")
    faults.clear()
    assert client.rest("GET", "/api").status_code == 200


def test_a_status_fault_can_redirect_to_a_login_page(client: RawClient) -> None:
    client.gateway.faults.status(302, headers={"Location": "/hub/login"})
    answer = client.rest("GET", "/api", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/hub/login")


def test_faults_for_requests_also_apply_to_handshakes(client: RawClient) -> None:
    kernel_id = client.start()
    client.gateway.faults.status(403, path="/api/kernels/*/channels")
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        client.connect(kernel_id)
    with client.connect(kernel_id) as kernel:
        assert kernel.value("1") == "1"


def test_an_answer_may_be_late(client: RawClient) -> None:
    client.gateway.faults.delay(0.05, times=1)
    assert client.rest("GET", "/api").elapsed.total_seconds() >= 0.05


def test_an_answer_may_never_come(client: RawClient) -> None:
    client.gateway.faults.never_answer(method="DELETE")
    kernel_id = client.start()
    url = f"{client.gateway.connection_info.url}/api/kernels/{kernel_id}"
    headers = client.gateway.connection_info.all_headers
    with pytest.raises(requests.ReadTimeout):
        requests.delete(url, headers=headers, timeout=0.05)
    assert client.model(kernel_id)["id"] == kernel_id
    (asked,) = client.gateway.journal.requests("DELETE")
    assert asked.status is None


@rows("seconds", [None, 60.0])
def test_a_request_that_waits_is_answered_when_the_faults_end(
    seconds: float | None, client: RawClient
) -> None:
    faults = client.gateway.faults
    if seconds is None:
        faults.never_answer(path="/api")
    else:
        faults.delay(seconds, path="/api")
    threading.Timer(0.1, faults.clear).start()
    assert client.rest("GET", "/api").status_code == 200


@rows("rst", [False, True])
def test_the_answer_to_a_handshake_may_be_cut(rst: bool, client: RawClient) -> None:
    with client.connect() as kernel:
        path = f"/api/kernels/{kernel.id}/channels"
    client.gateway.faults.cut_answer(5, path=path, rst=rst)
    with pytest.raises(CUT), client.connect(kernel.id):
        pass
    with client.connect(kernel.id) as kernel:
        assert kernel.value("1") == "1"


@pytest.mark.parametrize("after", [0, 300])
@pytest.mark.parametrize("rst", [False, True])
def test_an_answer_may_be_cut_after_the_request_was_carried_out(
    client: RawClient, after: int, rst: bool
) -> None:
    client.gateway.faults.cut_answer(after, method="POST", rst=rst)
    # Some releases of urllib3 accept half a body, which is not valid JSON.
    with pytest.raises((requests.RequestException, ValueError)):
        client.rest("POST", "/api/kernels").json()
    assert len(client.rest("GET", "/api/kernels").json()) == 1


@pytest.mark.parametrize("rst", [False, True])
def test_a_socket_may_be_cut_and_nothing_is_lost(
    client: RawClient, kernel: RawKernel, rst: bool
) -> None:
    faults = client.gateway.faults
    client.gateway.script("cell").stream("1").then(lambda: faults.cut_now(rst=rst)).stream("2")
    msg_id = kernel.send("execute_request", {"code": "cell"})
    with pytest.raises(CUT):
        kernel.until("iopub stream 2")
    with client.connect(kernel.id, session="s") as again:
        assert says(again.answers(msg_id)[0]) == "iopub stream 2"


@pytest.mark.parametrize("rst", [False, True])
@pytest.mark.parametrize("again", range(5))
def test_messages_after_a_cut_are_not_received(client: RawClient, rst: bool, again: int) -> None:
    gateway, session = client.gateway, f"s{again}"
    with client.connect(session=session) as kernel:
        kernel.until("iopub status idle")
        gateway.faults.cut_now(rst=rst)
        with contextlib.suppress(*CUT):
            kernel.send("execute_request", {"code": "1"})
        with pytest.raises(CUT):
            kernel.until("iopub execute_input")
        # After an answer on a new connection, the journal would contain the request.
        with client.connect(kernel.id, session=session) as other:
            assert other.value("2") == "2"
    (asked,) = gateway.journal.messages("execute_request")
    assert asked.content["code"] == "2"


def test_a_socket_may_be_closed_with_a_close_frame(client: RawClient, kernel: RawKernel) -> None:
    faults = client.gateway.faults
    script = client.gateway.script("cell").stream("1").then(lambda: faults.close(1012))
    script.then(lambda: away.put(client.model(kernel.id)["connections"])).stream("2")
    away: SimpleQueue[int] = SimpleQueue()
    msg_id = kernel.send("execute_request", {"code": "cell"})
    frames: list[tuple[int, bytes]] = []
    while not frames or frames[-1][0] != websocket.ABNF.OPCODE_CLOSE:
        frames.append(kernel.socket.recv_data(control_frame=True))
    assert frames[-1][1][:2] == (1012).to_bytes(2, "big")
    assert away.get(timeout=10) == 0
    with client.connect(kernel.id, session="s") as again:
        assert says(again.answers(msg_id)[0]) == "iopub stream 2"


def test_after_a_close_frame_the_client_knows_that_nothing_is_lost() -> None:
    with FakeGateway() as gateway, JupyterClient(gateway.connection_info) as rest:
        script = gateway.script("cell").stream("1").then(gateway.faults.close)
        script.stream("2")
        kernel = rest.get_kernel_client(rest.start_kernel("python3"))
        result = kernel.execute("cell", 10)
        kernel.stop()
        opened = gateway.journal.requests(path="*/channels")
    assert (result.status, result.output, result.truncated) == ("ok", "12", None)
    assert len(opened) == 2


def test_a_code_that_no_close_frame_has_is_refused(client: RawClient) -> None:
    with pytest.raises(ValueError, match="1006"):
        client.gateway.faults.close(1006)


def test_a_socket_may_be_cut_before_a_message_that_is_kept(
    client: RawClient, kernel: RawKernel
) -> None:
    client.gateway.faults.cut_before("execute_result")
    msg_id = kernel.send("execute_request", {"code": "print(1)\n2"})
    assert says(kernel.until("iopub stream 1\n")[-1]) == "iopub stream 1\n"
    with pytest.raises(CUT):
        kernel.receive()
    with client.connect(kernel.id, session="s") as again:
        assert [says(message) for message in again.answers(msg_id)] == [
            "iopub execute_result",
            "shell execute_reply ok",
            "iopub status idle",
        ]


def test_a_socket_may_be_cut_within_a_message_that_is_lost(
    client: RawClient, kernel: RawKernel
) -> None:
    client.gateway.faults.cut_within("stream")
    msg_id = kernel.send("execute_request", {"code": "print(1)\n2"})
    with pytest.raises(CUT):
        kernel.until("iopub stream 1\n")
    with client.connect(kernel.id, session="s") as again:
        assert [says(message) for message in again.answers(msg_id)] == [
            "iopub execute_result",
            "shell execute_reply ok",
            "iopub status idle",
        ]


def test_a_socket_may_be_cut_after_a_message(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.faults.cut_after_message("execute_reply")
    msg_id = kernel.send("execute_request", {"code": "1"})
    assert says(kernel.until("shell execute_reply ok")[-1]) == "shell execute_reply ok"
    with pytest.raises(CUT):
        kernel.receive()
    with client.connect(kernel.id, session="s") as again:
        (idle,) = again.until("iopub status idle")
        assert idle["parent_header"]["msg_id"] == msg_id


def test_a_socket_may_be_cut_after_some_bytes(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.faults.cut_after(100)
    kernel.send("execute_request", {"code": "1"})
    with pytest.raises(CUT):
        kernel.receive()


def test_kept_messages_may_be_dropped(client: RawClient, kernel: RawKernel) -> None:
    gateway, done = client.gateway, threading.Event()
    script = gateway.script("cell").then(gateway.faults.cut_now).stream("lost").then(done.set)
    script.stream("lost").then(gateway.faults.drop_kept)
    kernel.send("execute_request", {"code": "cell"})
    assert done.wait(10)
    client.wait_for(kernel.id, execution_state="idle")
    with client.connect(kernel.id, session="s") as again:
        again.send("kernel_info_request", {})
        assert says(again.receive()) == "iopub status busy"
        assert says(again.receive()) == "shell kernel_info_reply ok"


def test_a_connection_may_be_half_open(client: RawClient, kernel: RawKernel) -> None:
    faults = client.gateway.faults
    faults.hold()
    kernel.send("execute_request", {"code": "1"})
    kernel.socket.settimeout(0.05)
    with pytest.raises(websocket.WebSocketTimeoutException):
        kernel.receive()
    assert client.model(kernel.id)["connections"] == 1
    kernel.socket.settimeout(10)
    faults.release()
    assert says(kernel.until("shell execute_reply ok")[-1]) == "shell execute_reply ok"


def test_a_gateway_stops_while_it_holds_a_connection(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.faults.hold()
    kernel.send("execute_request", {"code": "1"})
    client.gateway.stop()


def test_a_half_open_connection_may_be_cut(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.faults.hold()
    client.gateway.faults.cut_now()
    with pytest.raises(CUT):
        kernel.receive()


@pytest.mark.parametrize("frame", ["garbage", b"\x00\x00", ""])
def test_a_frame_may_be_garbage(client: RawClient, kernel: RawKernel, frame: str | bytes) -> None:
    client.gateway.faults.send_frame(frame)
    assert kernel.socket.recv() == frame
    assert kernel.value("1") == "1"


def test_another_clients_messages_come_between(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.faults.foreign_messages()
    msg_id = kernel.send("execute_request", {"code": "print('mine')"})
    seen: list[dict[str, Any]] = []
    while (
        not seen
        or seen[-1]["parent_header"].get("msg_id") != msg_id
        or "idle" not in says(seen[-1])
    ):
        seen.append(kernel.receive())
    mine = [says(message) for message in seen if message["parent_header"]["msg_id"] == msg_id]
    assert mine[2:] == ["iopub stream mine\n", "shell execute_reply ok", "iopub status idle"]
    foreign = [says(message) for message in seen if message["parent_header"]["msg_id"] != msg_id]
    assert {"iopub error Foreign", "shell execute_reply ok", "iopub status idle"} < set(foreign)


NOTICE = """\
IOPub data rate exceeded.
The Jupyter server will temporarily stop sending output
to the client in order to avoid crashing it.
To change this limit, set the config variable
`--ServerApp.iopub_data_rate_limit`.

Current values:
ServerApp.iopub_data_rate_limit=100.0 (bytes/sec)
ServerApp.rate_limit_window=3.0 (secs)

"""


def test_too_much_data_is_dropped_with_a_notice(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.faults.rate_limit(data=100)
    notice, result = kernel.outputs("print('x' * 1000)\n5")
    assert notice == {"name": "stderr", "text": NOTICE}
    assert result["data"] == {"text/plain": "5"}
    # After idle, the server counts from 0 again.
    assert kernel.text("print('y')") == "y\n"


def test_too_many_messages_are_dropped_with_a_notice(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.faults.rate_limit(messages=1)
    outputs = kernel.outputs("for n in range(9): display(n)")
    assert [said["data"]["text/plain"] for said in outputs if "data" in said] == ["0", "1", "2"]
    assert outputs[-1]["text"].startswith("IOPub message rate exceeded.\n")
    client.gateway.faults.clear()
    assert len(kernel.outputs("for n in range(9): display(n)")) == 9
