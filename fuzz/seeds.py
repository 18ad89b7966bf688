"""What the fuzzer begins with: the recordings of the tests, and words that mean something."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

RECORDINGS = Path(__file__).parent.parent / "tests" / "recordings"

FRAMES_END = b"\xff\xfe\xfd"
"""Between two frames; in no UTF-8, and in no recording."""

# Ways of fuzz_protocol.WAYS.
TEXT, BINARY, V1, MESSAGES, ANSWERS = (bytes([way]) for way in range(5))

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


SEEDS = [*_recorded(), *_made_up()]
"""Each begins with the byte that says how it is read."""
