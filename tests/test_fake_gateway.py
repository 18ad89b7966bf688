"""The fake gateway: start and stop, sockets, journal, and messages that it keeps for clients."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import websocket
from fixtures import Programs
from raw_client import RawClient, RawKernel, raw_client, says
from tables import rows

from jkg_client import JupyterClient, JupyterConnectable, testing
from jkg_client.protocol.messages import execute_request
from jkg_client.testing import FakeGateway, RestRequest

V1 = "v1.kernel.websocket.jupyter.org"


@pytest.fixture
def client() -> Iterator[RawClient]:
    with raw_client() as client:
        yield client


@pytest.fixture
def kernel(client: RawClient) -> Iterator[RawKernel]:
    with client.connect() as kernel:
        yield kernel


def fake_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("jkg fake")]


def test_a_stopped_gateway_leaves_no_thread_behind() -> None:
    before = set(fake_threads())
    with raw_client() as client:
        idle, busy, asking = client.connect(), client.connect(), client.connect()
        idle.execute("import asyncio\nawait asyncio.sleep(0)")
        busy.send("execute_request", {"code": "print('on', flush=True)\nwhile True: pass"})
        busy.until("iopub stream on\n")
        asking.send("execute_request", {"code": "input()", "allow_stdin": True})
        asking.until("stdin input_request")
        client.gateway.stop()
        client.gateway.stop()
        assert set(fake_threads()) == before
        for kernel in (idle, busy, asking):
            kernel.close()


def test_a_stopped_gateway_does_not_listen() -> None:
    gateway = FakeGateway()
    url = gateway.connection_info.url
    gateway.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)


WITHOUT_DESCRIPTORS = """
import os, resource, socket, time
from jkg_client.testing import FakeGateway

with FakeGateway(token=None) as gateway:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    held = []
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        os.close(held.pop())
    waiting = socket.create_connection(("127.0.0.1", gateway.connection_info.port))
    begun = time.process_time()
    time.sleep(0.4)
    print(time.process_time() - begun)
    for fd in held:
        os.close(fd)
    waiting.sendall(b"GET /api HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    print(waiting.recv(12))
    waiting.close()
"""


def test_a_gateway_waits_while_there_are_no_file_descriptors(programs: Programs) -> None:
    status, out, err = programs(WITHOUT_DESCRIPTORS)
    assert (status, err) == (0, "")
    seconds, answer = out.splitlines()
    assert float(seconds) < 0.2
    assert answer == "b'HTTP/1.1 200'"


def test_a_fake_gateway_is_a_jupyter_connectable(client: RawClient) -> None:
    assert isinstance(client.gateway, JupyterConnectable)
    assert client.gateway.connection_info.is_loopback
    assert client.gateway.connection_info.token


def test_several_gateways_do_not_share_anything() -> None:
    with raw_client() as one, raw_client() as other:
        kernel_id = one.start()
        assert other.rest("GET", f"/api/kernels/{kernel_id}").status_code == 404
        assert len(other.gateway.journal) == 1


def test_the_gateway_works_beside_an_event_loop() -> None:
    async def run() -> str:
        loop = asyncio.get_running_loop()
        with raw_client() as client:
            kernel = await loop.run_in_executor(None, client.connect)
            with kernel:
                code = "import asyncio\nawait asyncio.sleep(0)\n1"
                return str(await loop.run_in_executor(None, kernel.value, code))

    assert asyncio.run(run()) == "1"


def test_importing_the_client_or_the_plugin_is_quick() -> None:
    code = (
        "import sys, jkg_client\nassert 'jkg_client.testing' not in sys.modules\n"
        "import jkg_client.testing\nassert 'pytest' not in sys.modules\n"
        "import jkg_client.testing.plugin\n"
        "heavy = {'websockets', 'http.server', 'jkg_client.testing.gateway'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nosuch"):
        _ = testing.nosuch


def test_connections_are_counted(client: RawClient) -> None:
    kernel_id = client.start()
    with client.connect(kernel_id):
        assert client.model(kernel_id)["connections"] == 1
    client.wait_for(kernel_id, connections=0)


def test_the_gateway_queries_a_new_kernel_before_the_client_does(kernel: RawKernel) -> None:
    busy, idle = kernel.receive(), kernel.receive()
    assert (says(busy), says(idle)) == ("iopub status busy", "iopub status idle")
    assert busy["parent_header"]["msg_type"] == "kernel_info_request"
    assert busy["parent_header"]["session"] != kernel.session


def test_all_clients_receive_the_output_and_one_receives_the_reply(
    client: RawClient, kernel: RawKernel
) -> None:
    with client.connect(kernel.id) as other:
        msg_id = kernel.send("execute_request", {"code": "print('hi')"})
        assert "shell execute_reply ok" in [says(message) for message in kernel.answers(msg_id)]
        heard = [says(message) for message in other.answers(msg_id, reply=False)]
        assert heard[-2:] == ["iopub stream hi\n", "iopub status idle"]
        assert not [says for says in heard if says.startswith("shell")]


def test_another_client_may_answer_the_input_request(client: RawClient, kernel: RawKernel) -> None:
    with client.connect(kernel.id) as other:
        msg_id = kernel.send("execute_request", {"code": "input()", "allow_stdin": True})
        kernel.until("stdin input_request")
        other.send("input_reply", {"value": "other"}, channel="stdin")
        assert kernel.answers(msg_id)[0]["content"]["data"] == {"text/plain": "'other'"}


def v1_frame(msg_id: str, code: str) -> bytes:
    header = {"msg_id": msg_id, "msg_type": "execute_request", "session": "s"}
    header.update(username="raw", date="2026-01-01T00:00:00Z", version="5.4")
    jsons = [header, {}, {}, {"code": code}]
    parts = [b"shell", *(json.dumps(part).encode() for part in jsons)]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)


def v1_parts(frame: str | bytes) -> list[bytes]:
    assert isinstance(frame, bytes)
    (count,) = struct.unpack_from("<Q", frame)
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    return [frame[start:end] for start, end in zip(offsets, offsets[1:])]


def test_v1_is_used_if_the_client_offers_it(client: RawClient) -> None:
    with client.connect(subprotocols=["x", V1]) as kernel:
        assert kernel.socket.getsubprotocol() == V1
        kernel.socket.send_binary(v1_frame("id-1", "1 + 1"))
        parts = v1_parts(kernel.socket.recv())
        while b"execute_result" not in parts[1]:
            parts = v1_parts(kernel.socket.recv())
    assert parts[0] == b"iopub"
    assert json.loads(parts[2])["msg_id"] == "id-1"
    assert json.loads(parts[4])["data"] == {"text/plain": "2"}


@pytest.mark.parametrize("offered", ["x", V1.upper()])
def test_a_client_that_offers_no_known_subprotocol_gets_no_header(
    client: RawClient, offered: str
) -> None:
    with pytest.raises(websocket.WebSocketException, match="Invalid WebSocket Header"):
        client.connect(subprotocols=[offered])


def test_an_old_server_knows_no_subprotocol() -> None:
    with (
        raw_client(subprotocol=False) as client,
        pytest.raises(websocket.WebSocketException, match="Invalid WebSocket Header"),
    ):
        client.connect(subprotocols=[V1])


# Kernel gateway 3.0.1 sends id and type twice. AutoGen 0.2 reads them outside of the header.
FIELDS = [
    "header",
    "msg_id",
    "msg_type",
    "parent_header",
    "metadata",
    "content",
    "buffers",
    "channel",
]


def test_id_and_type_are_also_outside_of_the_header(kernel: RawKernel) -> None:
    for message in kernel.execute("print(1)"):
        assert list(message) == FIELDS
        for name in ("msg_id", "msg_type"):
            assert message[name] == message["header"][name]


def test_a_status_of_the_server_about_a_death_has_no_buffers(kernel: RawKernel) -> None:
    kernel.send("execute_request", {"code": "import os\nos._exit(1)"})
    restarting = kernel.until("iopub status restarting")[-1]
    assert set(restarting) == {*FIELDS} - {"buffers"}


def test_buffers_make_a_binary_frame(client: RawClient) -> None:
    client.gateway.script("comm").message("comm_open", {"comm_id": "c"}, buffers=(b"\x00\xff", b""))
    with client.connect() as kernel:
        kernel.send("execute_request", {"code": "comm"})
        frame: object = kernel.socket.recv()
        while isinstance(frame, str):
            frame = kernel.socket.recv()
    assert isinstance(frame, bytes)
    count, *offsets = struct.unpack_from(">4I", frame)
    assert count == 3
    document = json.loads(frame[offsets[0] : offsets[1]])
    assert document["content"] == {"comm_id": "c"}
    assert list(document) == [name for name in FIELDS if name != "buffers"]
    assert (frame[offsets[1] : offsets[2]], frame[offsets[2] :]) == (b"\x00\xff", b"")


WHOLE = {
    "channel": "shell",
    "header": {"msg_id": "id-1", "msg_type": "execute_request"},
    "parent_header": {},
    "metadata": {},
    "content": {"code": "1"},
    "buffers": [],
}
CLOSED = [
    "garbage",
    "[]",
    "{}",
    json.dumps({**WHOLE, "buffers": ["x"]}),
    json.dumps({**WHOLE, "buffers": 5}),
    json.dumps({**WHOLE, "content": []}),
    json.dumps({**WHOLE, "header": "x"}),
    json.dumps({**WHOLE, "header": {"msg_id": "id-1"}}),
    *(
        json.dumps({key: value for key, value in WHOLE.items() if key != name})
        for name in ("header", "parent_header", "metadata")
    ),
]


@rows("frame", CLOSED)
def test_the_socket_is_closed_by_a_frame_that_is_not_a_message(
    client: RawClient, kernel: RawKernel, frame: str
) -> None:
    with client.connect(kernel.id) as connection:
        connection.socket.send(frame)
        with pytest.raises((websocket.WebSocketException, OSError)):
            connection.until("nothing")


PASSED_OVER = [
    {**WHOLE, "header": {"msg_type": "execute_request"}},
    {**WHOLE, "channel": "zzz"},
    {**WHOLE, "channel": "iopub"},
]


@rows("document", PASSED_OVER)
def test_messages_that_no_one_handles_are_ignored(kernel: RawKernel, document: object) -> None:
    kernel.socket.send(json.dumps(document))
    assert kernel.value("1") == "1"


def test_buffers_may_be_an_empty_object(kernel: RawKernel) -> None:
    kernel.socket.send(json.dumps({**WHOLE, "buffers": {}}))
    assert says(kernel.answers("id-1")[-2]) == "shell execute_reply ok"


def test_the_default_channel_is_shell(kernel: RawKernel) -> None:
    kernel.socket.send(json.dumps({key: WHOLE[key] for key in WHOLE if key != "channel"}))
    assert says(kernel.answers("id-1")[-2]) == "shell execute_reply ok"


def test_messages_of_more_than_ten_mebibytes_reset_the_connection(kernel: RawKernel) -> None:
    with pytest.raises((websocket.WebSocketException, OSError)):
        kernel.execute("#" * (10 * 2**20))


def test_a_client_that_returns_with_the_same_session_loses_nothing(client: RawClient) -> None:
    gone, back = threading.Event(), threading.Event()
    client.gateway.script("cell").stream("1").then(gone.wait).stream("2").then(back.set).result("3")
    with client.connect(session="s") as kernel:
        msg_id = kernel.send("execute_request", {"code": "cell"})
        kernel.until("iopub stream 1")
    client.wait_for(kernel.id, connections=0)
    gone.set()
    assert back.wait(10)
    with client.connect(kernel.id, session="s") as kernel:
        said = [says(message) for message in kernel.answers(msg_id)]
    assert said == [
        "iopub stream 2",
        "iopub execute_result",
        "shell execute_reply ok",
        "iopub status idle",
    ]


def test_a_client_with_a_new_session_gets_only_later_messages(client: RawClient) -> None:
    gone, back = threading.Event(), threading.Event()
    client.gateway.script("cell").stream("1").then(gone.wait).stream("2").then(back.wait).stream(
        "3"
    )
    with client.connect(session="s") as kernel:
        kernel.send("execute_request", {"code": "cell"})
        kernel.until("iopub stream 1")
    client.wait_for(kernel.id, connections=0)
    gone.set()
    with client.connect(kernel.id, session="other") as kernel:
        back.set()
        said = [says(message) for message in kernel.until("iopub status idle")]
    # Earlier messages are gone. The reply is sent to the client that has sent the request.
    assert said[-2:] == ["iopub stream 3", "iopub status idle"]
    assert "shell execute_reply ok" not in said


def test_messages_are_not_kept_while_another_client_is_connected(client: RawClient) -> None:
    gone = threading.Event()
    client.gateway.script("cell").stream("1").then(gone.wait).stream("2")
    with client.connect(session="other") as other:
        with client.connect(other.id, session="s") as kernel:
            kernel.send("execute_request", {"code": "cell"})
            kernel.until("iopub stream 1")
        client.wait_for(other.id, connections=1)
        gone.set()
        other.until("iopub stream 2")
        other.until("iopub status idle")
        with client.connect(other.id, session="s") as kernel:
            kernel.send("kernel_info_request", {})
            said = [says(message) for message in kernel.until("shell kernel_info_reply ok")]
    assert said == ["iopub status busy", "shell kernel_info_reply ok"]


def test_a_second_socket_of_a_session_replaces_the_first(client: RawClient) -> None:
    with client.connect(session="s") as first, client.connect(first.id, session="s") as second:
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            first.until("nothing")
        assert client.model(second.id)["connections"] == 1
        assert second.value("1") == "1"


def test_the_sockets_of_a_deleted_kernel_stay_open_and_silent(
    client: RawClient, kernel: RawKernel
) -> None:
    kernel.until("iopub status idle")
    assert client.rest("DELETE", f"/api/kernels/{kernel.id}").status_code == 204
    kernel.until("iopub shutdown_reply ok")
    kernel.until("iopub status idle")
    kernel.send("execute_request", {"code": "1"})
    client.gateway.journal.wait_for(lambda journal: journal.messages("execute_request"))
    kernel.socket.settimeout(0.05)
    with pytest.raises(websocket.WebSocketTimeoutException):
        kernel.receive()


def test_a_client_that_answers_no_ping_is_disconnected() -> None:
    with raw_client(ping_interval=0.02, ping_timeout=0.05) as client:
        kernel = client.connect()
        # websocket-client answers pings in recv only.
        client.wait_for(kernel.id, connections=0)
        kernel.close()


def test_a_ping_to_a_client_that_has_gone_closes_the_connection() -> None:
    with raw_client(ping_interval=0.02) as client:
        kernel = client.connect()
        kernel.until("iopub status idle")
        # Otherwise, the reading thread would notice it first.
        client.gateway.faults.hold()
        kernel.send("kernel_info_request", {})
        kernel.socket.shutdown()
        client.wait_for(kernel.id, connections=0)
        client.gateway.faults.release()


def test_a_client_that_answers_pings_stays_connected() -> None:
    with raw_client(ping_interval=0.02, ping_timeout=5) as client, client.connect() as kernel:
        kernel.until("iopub status idle")
        opcode, _ = kernel.socket.recv_data(control_frame=True)
        assert opcode == websocket.ABNF.OPCODE_PING
        assert kernel.value("1") == "1"


def test_a_close_frame_is_answered_with_a_close_frame(kernel: RawKernel) -> None:
    kernel.until("iopub status idle")
    kernel.socket.send_close()
    opcode, _ = kernel.socket.recv_data(control_frame=True)
    assert opcode == websocket.ABNF.OPCODE_CLOSE


def test_a_close_frame_during_output_is_answered_with_a_close_frame(client: RawClient) -> None:
    kernel_id = client.start()
    for _ in range(20):
        with client.connect(kernel_id) as kernel:
            kernel.send("execute_request", {"code": "for i in range(50): print(i, flush=True)"})
            kernel.until("iopub status busy")
            kernel.socket.send_close()
            opcode = websocket.ABNF.OPCODE_TEXT
            while opcode == websocket.ABNF.OPCODE_TEXT:
                opcode, _ = kernel.socket.recv_data(control_frame=True)
            assert opcode == websocket.ABNF.OPCODE_CLOSE


def test_the_journal_has_the_requests_in_order(client: RawClient) -> None:
    kernel_id = client.start(name="python3")
    with client.connect(kernel_id) as kernel:
        kernel.execute("1 + 1")
    journal = client.gateway.journal
    (started,) = journal.requests("POST", "/api/kernels")
    assert (started.body, started.status) == ({"name": "python3"}, 201)
    (opened,) = journal.requests(path="*/channels")
    assert (opened.status, opened.query) == (101, {"session_id": kernel.session})
    (ran,) = journal.messages("execute_request")
    assert (ran.channel, ran.content["code"], ran.session) == ("shell", "1 + 1", kernel.session)
    assert list(journal) == [started, opened, ran]
    lines = str(journal).splitlines()
    assert lines[0].endswith("POST /api/kernels {'name': 'python3'} -> 201")
    assert "execute_request {'code': '1 + 1'}" in lines[2]


def test_the_journal_shows_no_token(client: RawClient) -> None:
    client.rest("GET", "/api")
    token = client.gateway.connection_info.token
    assert token is not None
    assert token not in str(client.gateway.journal)
    assert token not in repr(list(client.gateway.journal))


def test_a_test_can_wait_for_an_entry_of_the_journal(client: RawClient) -> None:
    journal = client.gateway.journal

    def found(_: object) -> list[RestRequest]:
        return journal.requests("GET", "/api")

    timer = threading.Timer(0.01, client.rest, ["GET", "/api"])
    timer.start()
    assert journal.wait_for(found)[0].method == "GET"
    timer.join()
    with pytest.raises(AssertionError, match="GET /api"):
        journal.wait_for(lambda journal: journal.messages("nosuch"), timeout=0.01)


def test_a_client_may_leave_an_open_socket_without_a_close_frame(client: RawClient) -> None:
    port = client.gateway.connection_info.port
    with socket.create_connection(("127.0.0.1", port or 0)) as sock:
        sock.sendall(b"GET /api HT")
    assert client.rest("GET", "/api").status_code == 200


@rows(
    ("content", "line"),
    [
        ({"code": "1", "silent": False, "store_history": True}, "{'code': '1'}"),
        (dict(execute_request("s", "1").content), "{'code': '1'}"),
        ({"code": "", "silent": True}, "{'code': '', 'silent': True}"),
        ({"code": "1", "user_expressions": {"a": "x"}, "new": False},
         "{'code': '1', 'user_expressions': {'a': 'x'}, 'new': False}"),
    ],
)  # fmt: skip
def test_a_line_of_the_journal_shows_only_unusual_values_of_a_cell(
    client: RawClient, kernel: RawKernel, content: dict[str, Any], line: str
) -> None:
    kernel.answers(kernel.send("execute_request", content))
    asked = client.gateway.journal.messages("execute_request")[-1]
    assert str(asked).endswith(f" shell execute_request {line}")
    assert asked.content == content


@pytest.mark.field("E12")
def test_the_repr_of_a_gateway_shows_its_address_and_its_state() -> None:
    with FakeGateway() as gateway, JupyterClient(gateway.connection_info) as client:
        url = gateway.connection_info.url
        assert repr(gateway) == f"<FakeGateway at {url}, kernels: 0>"
        client.start_kernel("python3")
        assert repr(gateway) == f"<FakeGateway at {url}, kernels: 1>"
        assert repr(gateway.journal) == "<Journal of 1 entries>"
    assert repr(gateway) == f"<FakeGateway at {url}, stopped>"
