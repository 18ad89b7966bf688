"""What the fuzzer begins with: the recordings of the tests, and words that mean something."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

RECORDINGS = Path(__file__).parent.parent / "tests" / "recordings"

FRAMES_END = b"\xff\xfe\xfd"
"""Between two frames; in no UTF-8, and in no recording."""

PARTS_END = b"\xff\xfe\xfc"
"""Between two parts of a message of several."""

# Ways of fuzz_protocol.WAYS.
TEXT, BINARY, V1, MESSAGES, ANSWERS, MULTIPART, WEBSOCKET = (bytes([way]) for way in range(7))

WORDS = [
    *("text/plain", "text/html", "text/markdown", "text/latex", "image/png", "image/svg+xml"),
    *("application/pdf", "application/json", "application/vnd.plotly.v1+json", "image/../../x"),
    *("stdout", "stderr", "std\0out", "../../etc/passwd", "iopub", "shell", "stdin", "control"),
    *("ok", "error", "aborted", "abort", "busy", "idle", "starting", "restarting", "dead"),
    *("msg_id", "msg_type", "session", "header", "parent_header", "metadata", "content"),
    *("channel", "buffers", "execution_state", "execution_count", "display_id", "transient"),
    *("stream", "display_data", "execute_result", "update_display_data", "clear_output", "status"),
    *("execute_reply", "input_request", "payload", "source", "page", "ask_exit", "keepkernel"),
    *("ename", "evalue", "traceback", "user_expressions", "prompt", "password", "wait", "name"),
    *("KeyboardInterrupt", "CancelledError", "cell-1", "text", "data", "message", "reason"),
    *(
        "\r",
        "\n",
        "\r\n",
        "\b",
        "\x1b[K",
        "\x1b[1K",
        "\x1b[2K",
        "\x1b[31m",
        "\x1b]0;t\x07",
        "\x1b]8",
    ),
    *("IOPub data rate exceeded.\n", "iVBORw0KGgo=", "====", "\ud800", "", "\u00e9\U0001f600"),
    *("NaN", "Infinity", "-1", "1e999", "9" * 30, "[[[[", '{"":', "null", "true"),
    *("login", "limit"),
]

_ANSWERS_SEEN = (
    {"message": "Kernel does not exist: x", "reason": None},
    {"reason": "Forbidden", "message": "", "traceback": "Traceback …"},
    {"id": "0-0-0-0-0", "name": "python3", "execution_state": "idle", "connections": 1},
    [{"id": "..", "name": None}],
    {"kernelspecs": {"python3": {"spec": {"argv": []}}}},
)


def _recorded() -> Iterator[bytes]:
    for path in sorted(RECORDINGS.glob("*.json")):
        recording = json.loads(path.read_text("utf-8"))
        said = [frame for frame in recording["frames"] if frame["from"] == "server"]
        if recording["framing"] == "v1":
            yield V1 + FRAMES_END.join(base64.b64decode(frame["binary"]) for frame in said)
            continue
        yield TEXT + FRAMES_END.join(frame["text"].encode() for frame in said if "text" in frame)
        binary = [base64.b64decode(frame["binary"]) for frame in said if "binary" in frame]
        if binary:
            yield BINARY + FRAMES_END.join(binary)


def _made_up() -> Iterator[bytes]:
    for answer in _ANSWERS_SEEN:
        yield ANSWERS + b"\0\x64" + json.dumps(answer).encode()
    for step in range(1, 200, 13):
        yield MESSAGES + bytes(i * step % 256 for i in range(1500))


def _multipart() -> Iterator[bytes]:
    header = b'{"msg_id":"k_1_2","msg_type":"%s"}'
    parent = b'{"msg_id":"cell-1"}'
    stream = b'{"name":"stdout","text":"a"}'
    messages = [
        [header % b"status", parent, b"{}", b'{"execution_state":"busy"}'],
        [header % b"stream", parent, b"{}", stream, b"buffer"],
        [header % b"status", parent, b"{}", b'{"execution_state":"idle"}'],
    ]
    yield MULTIPART + FRAMES_END.join(PARTS_END.join(parts) for parts in messages)
    yield MULTIPART + PARTS_END.join([b"topic", b"<IDS|MSG>", b"0" * 64, *messages[1]])


def _websocket() -> Iterator[bytes]:
    long = b"\x82\x7e\x00\x80" + bytes(128)
    for sent in (b"\x81\x05Hello", b"\x01\x03Hel\x89\x01x\x80\x02lo", long, b"\x88\x02\x03\xe8"):
        yield WEBSOCKET + b"\x02" + sent + sent


SEEDS = [*_recorded(), *_made_up(), *_multipart(), *_websocket()]
"""Each begins with the byte that says how it is read."""
