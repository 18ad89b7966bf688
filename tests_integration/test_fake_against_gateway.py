"""The fake gateway gives the same answers as kernel gateway 3.0.1.

``DIFFERENT`` lists the remaining differences, each with its reason.
"""

from __future__ import annotations

import json
import re
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import websocket
from probes import BAD, CONVERSATIONS, HANDSHAKES, KERNEL, REST, Asked, Handshake, Rest, cell
from scenes import RAW, SCENES, Raw, Scene

from jkg_client import JupyterClient, JupyterConnectable, LocalJupyterServer
from jkg_client.testing import FakeGateway

TIMEOUT = 20.0

Server = JupyterConnectable

# Differences, and the reason for each. The test of a row fails if the answers are equal.
DIFFERENT: list[tuple[Rest | Asked, str]] = [
    (
        Rest("POST", "/api/kernels", '{"name": "python3", "env": {"A": 1}}'),
        "our local server lets all variables through, other kernel gateways KERNEL_* only",
    ),
    (Rest("GET", "/api", headers={"If-None-Match": "*"}), "clients keep no copies"),
    (
        Rest("POST", "/api/kernels", "x", {"Content-Type": "multipart/form-data; boundary=y"}),
        "only JSON is read",
    ),
    (cell(BAD), "the traceback shows the source of the shell, which is another"),
    (cell("input('name? ')"), "the traceback shows the source of input(), which is another"),
    (cell("import getpass; getpass.getpass()"), "as for input()"),
    (cell("def deep(): deep()\ndeep()"), "our stack is not as deep where the cell begins"),
    (cell("print('\\ud800')"), "ipykernel drops it, with an error in its log"),
    (cell("raise Exception('\\ud800')"), "ipykernel cannot send it: an error in its reply"),
    (cell("display('text', raw=True)"), "the traceback shows the source of the publisher"),
    (cell("display({'a/b': object()}, raw=True)"), "as for a text"),
    (cell("display({'a/b': float('nan')}, raw=True)"), "ipykernel sends it, too, but warns"),
    (cell("import sys; sys.stdout.write(5)"), "the traceback shows the source of the stream"),
    (cell("import sys; 'ipykernel' in sys.modules"), "it need not be installed"),
    (cell("%store"), "it would keep values in the folder of the user"),
    (Asked("create_subshell_request", channel="control"), "there are no subshells"),
    (Asked("comm_msg", {"comm_id": "nosuch", "data": {}}), "ipykernel logs it twice"),
    (Asked("comm_close", {"comm_id": "nosuch", "data": {}}), "as for comm_msg"),
]
REASONS = {str(probe): reason for probe, reason in DIFFERENT}

_MASKS = (
    (re.compile(r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\x1b\[[\d;]*m"), ""),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)"), "DATE"),
    (re.compile(r"(?:[\w/-]*/ipykernel_\d+/)?\b\d{6,}\.py"), "CELL"),
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    (re.compile(r"[\w/.-]+\.py:\d+"), "FILE:LINE"),
    # The logger for comms, after some code has imported ipykernel.comm.
    (re.compile(r"ERROR:ipykernel\.comm:"), "ERROR:Comm:"),
)


def masked(value: Any) -> Any:
    """``value`` without parts that differ from run to run."""
    if isinstance(value, str):
        for pattern, word in _MASKS:
            value = pattern.sub(word, value)
        return value
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with pytest.MonkeyPatch.context() as patch:
        # With this variable ipykernel believes that it is tested, and does not capture descriptors.
        patch.delenv("PYTEST_CURRENT_TEST")
        real = LocalJupyterServer()
    with real, FakeGateway() as fake:
        yield real, fake


@pytest.fixture(scope="module")
def kernels(servers: tuple[Server, Server]) -> tuple[str, str]:
    ids = []
    for server in servers:
        with JupyterClient(server.connection_info) as client:
            ids.append(client.start_kernel("python3"))
            with client.get_kernel_client(ids[-1]) as kernel:
                assert kernel.wait_for_ready(60)
                # IPython does not answer for negative positions before the first cell.
                for number in range(5):
                    assert kernel.execute(f"{number}", 30).is_ok
    return ids[0], ids[1]


def headers_for(server: Server, token: str) -> dict[str, str]:
    if token == "right":
        return server.connection_info.all_headers
    return {"Authorization": "token wrong"} if token == "wrong" else {}


def answer_to(probe: Rest, server: Server, kernel_id: str) -> dict[str, Any]:
    info = server.connection_info
    request = requests.Request(
        probe.method,
        f"http://{info.host}:{info.port}",
        data=probe.body,
        headers={**headers_for(server, probe.token), **probe.headers},
    ).prepare()
    request.url = f"http://{info.host}:{info.port}{probe.path.replace(KERNEL, kernel_id)}"
    with requests.Session() as session:
        answer = session.send(request, timeout=TIMEOUT, allow_redirects=False)
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    body: Any = answer.text
    if kind == "application/json" and body:
        body = json.loads(body)
        if isinstance(body, dict):
            body.pop("traceback", None)
            body.pop("last_activity", None)
            body.pop("connections", None)
    if (
        probe.path.startswith(("/api/kernelspecs", "/kernelspecs"))
        or "swagger" in probe.path
        or probe.path == "/api/kernels"
    ):
        body = type(body).__name__ if answer.status_code == 200 else body
    told = sorted(
        name for name in ("Location", "Allow", "WWW-Authenticate") if name in answer.headers
    )
    return {"status": answer.status_code, "type": kind, "body": masked(body), "headers": told}


@pytest.mark.parametrize("probe", REST, ids=str)
def test_requests_are_answered_as_by_a_kernel_gateway(
    probe: Rest, servers: tuple[Server, Server], kernels: tuple[str, str]
) -> None:
    real, fake = (answer_to(probe, *both) for both in zip(servers, kernels))
    if str(probe) in REASONS:
        assert fake != real
    else:
        assert fake == real


def bytes_to(probe: Raw, server: Server) -> list[Any]:
    """Status lines, important headers and bodies that a server sends until it disconnects."""
    info = server.connection_info
    request = b"\r\n".join([*map(str.encode, probe.head), b"", probe.body])
    if not probe.ends:
        last = ("GET /api HTTP/1.1", "Host: HOST", "Connection: close", "", "")
        request += "\r\n".join(last).encode()
    request = request.replace(b"TOKEN", (info.token or "").encode())
    request = request.replace(b"HOST", f"{info.host}:{info.port}".encode())
    assert info.port is not None
    with socket.create_connection(("127.0.0.1", info.port), TIMEOUT) as sock:
        sock.sendall(request)
        said = sock.makefile("rb").read().decode()
    said = re.sub(r"(?m)^(?!Content-Type|Connection)[\w-]+: .*\r\n", "", said)
    plain = re.sub(r', "traceback": ".*"', "", said)
    return [masked(line) for line in plain.split("\r\n")]


@pytest.mark.parametrize("probe", RAW, ids=str)
def test_bytes_are_answered_as_by_a_kernel_gateway(
    probe: Raw, servers: tuple[Server, Server]
) -> None:
    real, fake = (bytes_to(probe, server) for server in servers)
    assert real[0].startswith("HTTP/1.1 ")
    assert fake == real


def opened(probe: Handshake, server: Server, kernel_id: str) -> Any:
    info = server.connection_info
    path = probe.path.replace(KERNEL, kernel_id)
    if probe.token == "query":
        path += f"?token={info.token}"
    try:
        sock = websocket.create_connection(
            f"ws://{info.host}:{info.port}{path}",
            header={**headers_for(server, probe.token), **probe.headers},
            subprotocols=list(probe.subprotocols),
            suppress_origin="Origin" in probe.headers,
            timeout=TIMEOUT,
        )
    except websocket.WebSocketBadStatusException as exc:
        return exc.status_code, masked((exc.resp_body or b"").decode())
    except websocket.WebSocketException as exc:
        return str(exc)
    chosen = sock.getsubprotocol()
    sock.close(timeout=0)
    sock.shutdown()
    return "open", chosen


@pytest.mark.parametrize("probe", HANDSHAKES, ids=str)
def test_websockets_are_opened_as_by_a_kernel_gateway(
    probe: Handshake, servers: tuple[Server, Server], kernels: tuple[str, str]
) -> None:
    real, fake = (opened(probe, *both) for both in zip(servers, kernels))
    assert fake == real


class Line:
    """A WebSocket to a kernel."""

    def __init__(self, server: Server, kernel_id: str) -> None:
        info = server.connection_info
        self.session = uuid.uuid4().hex
        self.socket = websocket.create_connection(
            f"{info.websocket_url}/api/kernels/{kernel_id}/channels?session_id={self.session}",
            header=info.all_headers,
            timeout=TIMEOUT,
        )
        self.until_quiet()

    def send(self, asked: Asked) -> str:
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": asked.msg_type,
            "session": self.session,
            "username": "probe",
            "date": "2026-01-01T00:00:00Z",
            "version": "5.3",
        }
        document = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": asked.content,
            "buffers": [],
            "channel": asked.channel,
            **asked.fields,
        }
        taken_away = [name for name, value in asked.fields.items() if value is None]
        self.socket.send(json.dumps({k: v for k, v in document.items() if k not in taken_away}))
        return str(header["msg_id"])

    def until_quiet(self, asked_on: str = "shell") -> list[dict[str, Any]]:
        """The messages until a last request on each channel has been answered.

        The channel of the earlier request comes first. A request for an interrupt must be complete
        before the last request on the shell channel, which it might interrupt otherwise.
        """
        seen: list[dict[str, Any]] = []
        for channel in sorted(("shell", "control"), key=lambda name: name != asked_on):
            last = self.send(Asked("kernel_info_request", channel=channel))
            missing = {"reply", "idle"}
            while missing:
                frame = self.socket.recv()
                if not frame:
                    return [*seen, {"closed": True}]
                message = json.loads(frame)
                if message["parent_header"].get("msg_id") == last:
                    missing.discard(str(message["content"].get("execution_state")))
                    missing.discard("reply" if message["channel"] != "iopub" else "")
                else:
                    seen.append(message)
        return seen

    def close(self) -> None:
        self.socket.close(timeout=0)
        self.socket.shutdown()


@pytest.fixture(scope="module")
def lines(servers: tuple[Server, Server], kernels: tuple[str, str]) -> Iterator[tuple[Line, Line]]:
    both = [Line(*one) for one in zip(servers, kernels)]
    yield both[0], both[1]
    for line in both:
        line.close()


def said_to(asked: Asked, line: Line) -> dict[str, list[Any]]:
    line.send(asked)
    try:
        said = line.until_quiet(asked.channel)
    except (websocket.WebSocketException, OSError):
        return {"closed": []}
    return _by_channel(said)


def _by_channel(said: list[dict[str, Any]]) -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = {}
    for message in said:
        if "closed" in message:
            return {"closed": []}
        content = dict(message["content"])
        kind = message["header"]["msg_type"]
        if kind == "stream":
            # The number of messages for a text differs from run to run.
            told.setdefault(f"stream {content['name']}", [""])[0] += content["text"]
            continue
        if kind == "kernel_info_reply":
            content = sorted(content)  # type: ignore[assignment]
        if "engine_info" in content:
            content["engine_info"] = sorted(content["engine_info"])
        about = sorted(message["metadata"])
        told.setdefault(message["channel"], []).append((kind, masked(content), about))
    return {channel: masked(said) for channel, said in told.items()}


def played(scene: Scene, server: Server, kernel_id: str) -> list[Any]:
    """The HTTP statuses and the messages of a scene."""
    line = Line(server, kernel_id)
    statuses, said = [], []
    try:
        for step in scene.steps:
            if isinstance(step, Asked):
                line.send(step)
            elif isinstance(step, Rest):
                statuses.append(answer_to(step, server, kernel_id)["status"])
            else:
                said.append(json.loads(line.socket.recv()))
                while said[-1]["msg_type"] != step:
                    said.append(json.loads(line.socket.recv()))
        said += line.until_quiet()
    finally:
        line.close()
    return [statuses, _by_channel(said)]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_scenes_have_the_messages_of_ipykernel(
    scene: Scene, servers: tuple[Server, Server], kernels: tuple[str, str]
) -> None:
    real, fake = (played(scene, *both) for both in zip(servers, kernels))
    assert fake == real


@pytest.mark.parametrize("asked", CONVERSATIONS, ids=str)
def test_kernels_send_the_messages_of_ipykernel(
    asked: Asked, servers: tuple[Server, Server], kernels: tuple[str, str]
) -> None:
    both = [Line(*one) for one in zip(servers, kernels)]
    try:
        real, fake = (said_to(asked, line) for line in both)
    finally:
        for line in both:
            line.close()
    if str(asked) in REASONS:
        assert fake != real
    else:
        assert fake == real
