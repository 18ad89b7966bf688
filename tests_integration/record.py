"""Record what a real server says, frame by frame, for ``tests/recordings``.

Run it by hand for a new server or a new conversation. It uses ``websocket-client`` and nothing of
this package, so that the recordings cannot contain our mistakes. Start the server so that
frames name neither user nor host, and switch off its rate limit::

    env -u USER python -m kernel_gateway --KernelGatewayApp.port=8899 \
        --KernelGatewayApp.auth_token=TOKEN --ZMQChannelsWebsocketConnection.limit_rate=False
    TOKEN=… python tests_integration/record.py http://127.0.0.1:8899 tests/recordings \
        --scrub /home/me/venv=/opt/env/v123

Each file holds one conversation in one framing::

    {"framing": "default", "frames": [{"from": "client", "text": "…"},
                                      {"from": "server", "binary": "… base64 …"}]}

Ids of requests are ``cell-1``, ``cell-2`` …. ``--scrub`` replaces text by other text of the same
length, so that all offsets in the frames remain right.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import struct
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Union

import websocket
from attrs import define, field

Frame = Union[str, bytes]

V1 = "v1.kernel.websocket.jupyter.org"
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
# Name of a conversation: its cells, which are sent without waiting for replies.
CONVERSATIONS: dict[str, tuple[str, ...]] = {
    "hello": ("print('Hello, World!')",),
    "interleaved": (
        """
import sys
for i in range(2):
    print('out', i, flush=True)
    print('err', i, file=sys.stderr, flush=True)
""",
    ),
    "error": ("1/0",),
    "display": (
        f"""
forms = {{'text/html': '<b>bold</b>', 'image/png': '{PNG}', 'text/plain': 'bold'}}
display(forms, raw=True, metadata={{'image/png': {{'width': 1}}}})
""",
    ),
    "result": (
        """
class Table:
    def __repr__(self): return '   a\\n0  1'
    def _repr_html_(self): return '<table><tr><td>1</td></tr></table>'
Table()
""",
    ),
    "update": (
        """
from IPython.display import update_display
handle = display('one', display_id='counter')
print('between')
handle.update('two')
update_display('three', display_id='counter')
""",
    ),
    "clear": (
        """
from IPython.display import clear_output
print('gone')
clear_output()
print('stays')
""",
    ),
    "clear_wait": (
        """
from IPython.display import clear_output
print('gone', flush=True)
clear_output(wait=True)
print('stays', flush=True)
clear_output(wait=True)
""",
    ),
    "progress": (
        """
for i in range(3):
    print(f'\\r{i + 1}/3', end='', flush=True)
print()
print('abcX\\b\\b\\bde')
""",
    ),
    "pager": ("len?",),
    "input_refused": ("name = input('Who? ')",),
    "input_answered": ("print('Hi', input('Who? '))",),
    "comm": (
        """
from comm import create_comm
comm = create_comm(target_name='widget', comm_id='comm-1', data={'n': 1}, metadata={'m': 2},
                   buffers=[b'\\x00\\xff\\x80', b'hello'])
""",
    ),
    "aborted": ("import time\ntime.sleep(0.5)\n1/0", "print('never')"),
    "death": (
        """
import os, time
print('last words', flush=True)
time.sleep(0.3)
os._exit(1)
""",
    ),
    "unicode": ("print('h\\u00e9 \\u4e16 \\U0001f600 nul\\x00 bell\\x07')\n'\\u2028é😀'",),
    "usage_error": ("%nosuchmagic",),
}
# Recorded by both framings. The others would show nothing new by v1.
BY_V1 = {"aborted", "comm", "death", "display", "error", "hello", "input_answered", "unicode"}


@define
class Recorder:
    """A kernel's WebSocket, which keeps all frames."""

    socket: websocket.WebSocket
    v1: bool
    frames: list[tuple[str, Frame]] = field(factory=list)

    def send(self, msg_type: str, msg_id: str, content: Any, parent: Any = None) -> None:
        """Send a request, or an ``input_reply`` to the header ``parent``."""
        header = {
            "msg_id": msg_id,
            "session": "recorder",
            "username": "",
            "date": "2024-01-01T00:00:00.000000Z",
            "msg_type": msg_type,
            "version": "5.4",
        }
        channel = "stdin" if parent else "shell"
        frame = _frame(self.v1, channel, header, parent or {}, content)
        self.frames.append(("client", frame))
        self.socket.send(frame, 2 if self.v1 else 1)

    def receive(self) -> tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Channel, header, parent header and content of the next message."""
        frame: Frame = self.socket.recv()
        self.frames.append(("server", frame))
        if isinstance(frame, bytes) and self.v1:
            (count,) = struct.unpack_from("<Q", frame)
            at = struct.unpack_from(f"<{count}Q", frame, 8)
            channel, *parts = (frame[a:b] for a, b in zip(at[:5], at[1:6]))
            header, parent, _, content = map(json.loads, parts)
            return channel.decode(), header, parent, content
        if isinstance(frame, bytes):
            start, end = struct.unpack_from(">2I", frame, 4)
            frame = frame[start:end].decode()
        said = json.loads(frame)
        return said["channel"], said["header"], said["parent_header"], said["content"]

    def finish(self, wanted: set[tuple[str, str]]) -> None:
        """Receive until each request in ``wanted`` has its reply and idle, or the kernel died."""
        while wanted:
            channel, header, parent, content = self.receive()
            state = content.get("execution_state")
            if header["msg_type"] == "input_request":
                self.send("input_reply", "answer-1", {"value": "Ada", "status": "ok"}, header)
            elif not parent and state == "starting":
                return
            elif channel == "shell" or state == "idle":
                wanted -= {(parent.get("msg_id"), channel)}


def main() -> None:
    """Record all conversations, or those named."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--scrub", action="append", default=[], metavar="OLD=NEW")
    args = parser.parse_args()
    for name in args.names or [*CONVERSATIONS, "connect"]:
        for v1 in (False, True)[: 1 + (name in BY_V1)]:
            print(name, "v1" if v1 else "default", file=sys.stderr)
            frames = [
                (who, _scrubbed(frame, args.scrub)) for who, frame in record(args.url, name, v1)
            ]
            _write(args.folder / f"{name}.{'v1' if v1 else 'default'}.json", v1, frames)


def record(url: str, name: str, v1: bool) -> list[tuple[str, Frame]]:
    """All frames of one conversation with a new kernel."""
    with _kernel(url) as kernel, closing(_open(url, kernel, v1)) as socket:
        recorder = Recorder(socket, v1)
        recorder.send("kernel_info_request", "info-1", {})
        recorder.finish({("info-1", "shell"), ("info-1", "iopub")})
        if name == "connect":
            return recorder.frames
        time.sleep(1.0)
        recorder.send("kernel_info_request", "info-2", {})
        recorder.finish({("info-2", "shell"), ("info-2", "iopub")})
        recorder.frames.clear()
        cells = {f"cell-{n}": code for n, code in enumerate(CONVERSATIONS[name], 1)}
        for msg_id, code in cells.items():
            content = {
                "code": code.strip(),
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": name == "input_answered",
                "stop_on_error": True,
            }
            recorder.send("execute_request", msg_id, content)
        recorder.finish({(msg_id, channel) for msg_id in cells for channel in ("shell", "iopub")})
        return recorder.frames


@contextmanager
def _kernel(url: str) -> Iterator[str]:
    kernel = json.loads(_rest("POST", f"{url}/api/kernels", {"name": "python3"}))["id"]
    try:
        yield kernel
    finally:
        _rest("DELETE", f"{url}/api/kernels/{kernel}")


def _rest(method: str, url: str, body: Any = None) -> bytes:
    headers = {"Authorization": f"token {os.environ['TOKEN']}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        content: bytes = answer.read()
        return content


def _open(url: str, kernel: str, v1: bool) -> websocket.WebSocket:
    return websocket.create_connection(
        f"ws{url[4:]}/api/kernels/{kernel}/channels?session_id=recorder",
        timeout=30,
        header={"Authorization": f"token {os.environ['TOKEN']}"},
        subprotocols=[V1] if v1 else None,
    )


def _frame(v1: bool, channel: str, header: Any, parent: Any, content: Any) -> Frame:
    if not v1:
        return json.dumps(
            {
                "channel": channel,
                "header": header,
                "parent_header": parent,
                "metadata": {},
                "content": content,
                "buffers": [],
            }
        )
    jsons: list[Any] = [header, parent, {}, content]
    parts = [channel.encode(), *(json.dumps(part).encode() for part in jsons)]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)


def _scrubbed(frame: Frame, replacements: list[str]) -> Frame:
    for pair in replacements:
        old, new = pair.split("=")
        if len(old) != len(new):
            raise SystemExit(f"{old} and {new} differ in length")
        if isinstance(frame, str):
            frame = frame.replace(old, new)
        else:
            frame = frame.replace(old.encode(), new.encode())
    return frame


def _write(path: Path, v1: bool, frames: list[tuple[str, Frame]]) -> None:
    lines = [
        json.dumps({"from": who, "text": frame})
        if isinstance(frame, str)
        else json.dumps({"from": who, "binary": base64.b64encode(frame).decode()})
        for who, frame in frames
    ]
    framing = json.dumps("v1" if v1 else "default")
    body = ",\n".join(lines)
    path.write_text(f'{{"framing": {framing}, "frames": [\n{body}\n]}}\n')


if __name__ == "__main__":
    main()
