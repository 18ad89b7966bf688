"""A minimal client of a gateway without this package: ``requests``, ``websocket-client``, JSON."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import requests
import websocket

from jkg_client import JupyterConnectable
from jkg_client.testing import FakeGateway

Json = dict[str, Any]

TIMEOUT = 60.0
"""Seconds to wait for a message. It is long, because pip needs long on a busy machine."""


def says(message: Json) -> str:
    """Channel and type of a message, and the most important word of its content."""
    kind = f"{message['channel']} {message['header']['msg_type']}"
    content = message["content"]
    for name in ("execution_state", "text", "status", "ename"):
        if name in content:
            return f"{kind} {content[name]}"
    return kind


class RawKernel:
    """A kernel's WebSocket, in the default framing."""

    def __init__(
        self, gateway: JupyterConnectable, kernel_id: str, session: str, **options: Any
    ) -> None:
        info = gateway.connection_info
        self.id = kernel_id
        self.session = session
        self.socket = websocket.create_connection(
            f"{info.websocket_url}/api/kernels/{kernel_id}/channels?session_id={session}",
            header=info.all_headers,
            timeout=TIMEOUT,
            **options,
        )

    def __enter__(self) -> RawKernel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the WebSocket, also after a cut: websocket-client would leave it open."""
        self.socket.close(timeout=0)
        self.socket.shutdown()

    def send(
        self,
        msg_type: str,
        content: Json,
        *,
        channel: str = "shell",
        parent: Json | None = None,
    ) -> str:
        """Send a message, and return its id."""
        msg_id = uuid.uuid4().hex
        header = {
            "msg_id": msg_id,
            "msg_type": msg_type,
            "session": self.session,
            "username": "raw",
            "date": "2026-01-01T00:00:00Z",
            "version": "5.4",
        }
        document = {
            "channel": channel,
            "header": header,
            "parent_header": parent or {},
            "metadata": {},
            "content": content,
            "buffers": [],
        }
        self.socket.send(json.dumps(document))
        return msg_id

    def receive(self) -> Json:
        """The next message. WebSocketException if the connection is cut."""
        frame = self.socket.recv()
        if not frame:
            raise websocket.WebSocketConnectionClosedException("closed")
        message: Json = json.loads(frame)
        return message

    def until(self, wanted: str) -> list[Json]:
        """The messages up to the first message that is ``wanted``, including this one."""
        seen = [self.receive()]
        while says(seen[-1]) != wanted:
            seen.append(self.receive())
        return seen

    def answers(self, msg_id: str, *, reply: bool = True) -> list[Json]:
        """The answers to a request: up to idle and, for our own requests, the reply."""
        seen: list[Json] = []
        missing = {"reply", "idle"} if reply else {"idle"}
        while missing:
            message = self.receive()
            if message["parent_header"].get("msg_id") == msg_id:
                seen.append(message)
                missing.discard(str(message["content"].get("execution_state")))
                missing.discard("reply" if message["channel"] in {"shell", "control"} else "")
        return seen

    def execute(self, code: str, **options: Any) -> list[Json]:
        """Run a cell, and return all its messages."""
        return self.answers(self.send("execute_request", {"code": code, **options}))

    def outputs(self, code: str, **options: Any) -> list[Json]:
        """Run a cell, and return the contents of its outputs."""
        return [
            message["content"]
            for message in self.execute(code, **options)
            if message["channel"] == "iopub"
            and message["header"]["msg_type"] not in {"status", "execute_input"}
        ]

    def text(self, code: str) -> str:
        """Run a cell, and return the printed text."""
        return "".join(content.get("text", "") for content in self.outputs(code))

    def value(self, code: str) -> Any:
        """Run a cell, and return the text of its last output."""
        return self.outputs(code)[-1]["data"]["text/plain"]


class RawClient:
    """A client for REST and for kernels."""

    def __init__(self, gateway: FakeGateway) -> None:
        self.gateway = gateway
        self._session = requests.Session()
        self._session.headers.update(gateway.connection_info.all_headers)

    def rest(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request to ``path`` below the base path."""
        url = self.gateway.connection_info.url + path
        return self._session.request(method, url, timeout=TIMEOUT, **options)

    def start(self, **model: Any) -> str:
        """Start a kernel, and return its id."""
        answer = self.rest("POST", "/api/kernels", json=model)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def model(self, kernel_id: str) -> Json:
        """The REST model of a kernel."""
        model: Json = self.rest("GET", f"/api/kernels/{kernel_id}").json()
        return model

    def wait_for(self, kernel_id: str, **facts: Any) -> None:
        """Wait until the REST model of a kernel has this value."""
        end = time.monotonic() + TIMEOUT
        while any(self.model(kernel_id)[name] != value for name, value in facts.items()):
            assert time.monotonic() < end, self.model(kernel_id)

    def connect(self, kernel_id: str | None = None, session: str = "", **options: Any) -> RawKernel:
        """Open a WebSocket to a kernel. None starts a new kernel."""
        session = session or uuid.uuid4().hex
        return RawKernel(self.gateway, kernel_id or self.start(), session, **options)

    def interrupt(self, kernel: RawKernel) -> None:
        """Interrupt a kernel."""
        assert self.rest("POST", f"/api/kernels/{kernel.id}/interrupt").status_code == 204

    def close(self) -> None:
        """Close the connections of REST."""
        self._session.close()


@contextmanager
def raw_client(**options: Any) -> Iterator[RawClient]:
    """A client of a new gateway."""
    with FakeGateway(**options) as gateway:
        client = RawClient(gateway)
        try:
            yield client
        finally:
            client.close()
