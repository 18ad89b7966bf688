"""Recorded frames of real servers, byte for byte. ``tests_integration/record.py`` records them.

Expectations are written by hand from the cells that were sent, never pasted from our output.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tables import rows

from jkg_client.protocol.exchange import Exchange
from jkg_client.protocol.messages import Message
from jkg_client.protocol.outputs import Display, Failure, Output, Stream
from jkg_client.protocol.questions import InputRequest, Question
from jkg_client.protocol.wire import Framing, decode

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.json"))

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FORMS = {"text/html": "<b>bold</b>", "image/png": PNG, "text/plain": "bold"}
TABLE = {"text/plain": "   a\n0  1", "text/html": "<table><tr><td>1</td></tr></table>"}
PAGE = (
    "Signature: len(obj, /)\nDocstring: Return the number of items in a container.\n"
    "Type:      builtin_function_or_method"
)
UNICODE = "h\u00e9 \u4e16 \U0001f600 nul\x00 bell\x07\n"
NO_STDIN = "raw_input was called, but this frontend does not support input requests."
NO_MAGIC = "Line magic function `%nosuchmagic` not found."

Said = tuple[str, Any, dict[str, Any]]


def out(text: str, name: str = "stdout") -> tuple[str, dict[str, Any]]:
    return "stream", {"name": name, "text": text}


def cell(*outputs: tuple[str, dict[str, Any]], reply: dict[str, Any] | None = None) -> list[Said]:
    """The messages of each cell, with ``outputs`` in the middle."""
    said: list[tuple[str, dict[str, Any]]] = [
        ("status", {"execution_state": "busy"}),
        ("execute_input", {"execution_count": 1}),
        *outputs,
        ("status", {"execution_state": "idle"}),
        ("execute_reply", {"status": "ok", "execution_count": 1} | (reply or {})),
    ]
    return [(msg_type, "cell-1", content) for msg_type, content in said]


# Type, parent and the important part of the content of all messages, first on iopub. The order
# of messages on different channels is not defined.
DIVISION = {"ename": "ZeroDivisionError", "evalue": "division by zero"}
SAID: dict[str, list[Said]] = {
    "hello": cell(out("Hello, World!\n")),
    "interleaved": cell(
        out("out 0\n"), out("err 0\n", "stderr"), out("out 1\n"), out("err 1\n", "stderr")
    ),
    "error": cell(("error", DIVISION), reply={"status": "error", **DIVISION}),
    "display": cell(
        ("display_data", {"data": FORMS, "metadata": {"image/png": {"width": 1}}}),
    ),
    "result": cell(("execute_result", {"data": TABLE, "execution_count": 1})),
    "update": cell(
        (
            "display_data",
            {"data": {"text/plain": "'one'"}, "transient": {"display_id": "counter"}},
        ),
        out("between\n"),
        (
            "update_display_data",
            {"data": {"text/plain": "'two'"}, "transient": {"display_id": "counter"}},
        ),
        (
            "update_display_data",
            {"data": {"text/plain": "'three'"}, "transient": {"display_id": "counter"}},
        ),
    ),
    "clear": cell(out("gone\n"), ("clear_output", {"wait": False}), out("stays\n")),
    "clear_wait": cell(
        out("gone\n"),
        ("clear_output", {"wait": True}),
        out("stays\n"),
        ("clear_output", {"wait": True}),
    ),
    "progress": cell(
        out("\r1/3"), out("\r2/3"), out("\r3/3"), out("\nabcX\b\b\bde\n"), reply={"payload": []}
    ),
    "pager": cell(
        reply={
            "payload": [
                {
                    "source": "page",
                    "data": {
                        "text/plain": re.sub(
                            r"^\w+:", "\x1b[31m\\g<0>\x1b[39m", PAGE, flags=re.MULTILINE
                        )
                    },
                    "start": 0,
                }
            ]
        }
    ),
    "input_refused": cell(
        ("error", {"ename": "StdinNotImplementedError", "evalue": NO_STDIN}),
        reply={"status": "error", "ename": "StdinNotImplementedError", "evalue": NO_STDIN},
    ),
    "input_answered": [
        *cell(out("Hi Ada\n")),
        ("input_request", "cell-1", {"prompt": "Who? ", "password": False}),
    ],
    "comm": cell(
        ("comm_open", {"data": {"n": 1}, "comm_id": "comm-1", "target_name": "widget"}),
    ),
    "aborted": [
        *cell(("error", DIVISION), reply={"status": "error", **DIVISION})[:-1],
        ("status", "cell-2", {"execution_state": "busy"}),
        ("status", "cell-2", {"execution_state": "idle"}),
        ("execute_reply", "cell-1", {"status": "error", **DIVISION}),
        ("execute_reply", "cell-2", {"status": "aborted"}),
    ],
    "death": [
        *cell(out("last words\n"))[:-2],
        ("status", None, {"execution_state": "restarting"}),
        ("status", None, {"execution_state": "starting"}),
    ],
    "unicode": cell(
        out(UNICODE), ("execute_result", {"data": {"text/plain": "'\\u2028\u00e9\U0001f600'"}})
    ),
    "usage_error": cell(
        out(f"UsageError: {NO_MAGIC}\n", "stderr"),
        reply={"status": "error", "ename": "UsageError", "evalue": NO_MAGIC, "traceback": []},
    ),
}
CELLS = [path for path in RECORDINGS if path.name.split(".")[0] != "connect"]


def frames(path: Path, who: str) -> list[Message]:
    """The decoded messages of ``who``."""
    recording = json.loads(path.read_text(encoding="utf-8"))
    framing = {"default": Framing.DEFAULT, "v1": Framing.V1}[recording["framing"]]
    raw = [frame for frame in recording["frames"] if frame["from"] == who]
    return [
        decode(frame["text"] if "text" in frame else base64.b64decode(frame["binary"]), framing)
        for frame in raw
    ]


def name(path: Path) -> str:
    return path.name.split(".")[0]


def test_every_recording_has_its_expectations_and_all_are_small() -> None:
    assert {name(path) for path in CELLS} == set(SAID)
    assert sum(path.stat().st_size for path in RECORDINGS) < 150_000


@rows("path", CELLS)
def test_servers_are_understood_message_by_message(path: Path) -> None:
    messages = sorted(
        frames(path, "server"), key=lambda m: ("iopub", "shell", "stdin").index(m.channel)
    )
    expected = SAID[name(path)]
    assert [(m.msg_type, m.parent_id) for m in messages] == [said[:2] for said in expected]
    for message, (_, _, content) in zip(messages, expected):
        assert {key: message.content[key] for key in content} == content


@rows("path", CELLS)
def test_only_comms_have_buffers(path: Path) -> None:
    for message in frames(path, "server"):
        is_comm = message.msg_type == "comm_open"
        assert message.buffers == ((b"\x00\xff\x80", b"hello") if is_comm else ())
        assert message.metadata.get("m") == (2 if is_comm else None)


@rows("path", CELLS)
def test_headers_are_complete(path: Path) -> None:
    messages = frames(path, "server")
    assert len({message.msg_id for message in messages}) == len(messages)
    for message in messages:
        assert {"msg_id", "msg_type", "username", "session", "date", "version"} <= set(
            message.header
        )


@rows("path", CELLS)
def test_requests_that_servers_accepted_can_be_decoded(path: Path) -> None:
    *cells, last = frames(path, "client")
    if last.channel == "stdin":
        assert last.parent_header["msg_type"] == "input_request"
        assert last.content == {"value": "Ada", "status": "ok"}
    else:
        cells.append(last)
    assert [(m.channel, m.msg_type) for m in cells] == [("shell", "execute_request")] * len(cells)
    assert [m.msg_id for m in cells] == ["cell-1", "cell-2"][: len(cells)]


def test_the_server_queries_the_kernel_when_a_client_connects() -> None:
    (path,) = set(RECORDINGS) - set(CELLS)
    messages = frames(path, "server")
    exchange = Exchange("info-1")
    for message in messages:
        assert not exchange.done
        exchange.feed(message)
    assert exchange.done
    assert exchange.reply is not None
    assert exchange.reply["language_info"]["name"] == "python"
    assert {m.msg_type for m in messages if m.parent_id != "info-1"} == {"status"}


def fold(path: Path, msg_id: str = "cell-1") -> Exchange:
    exchange = Exchange(msg_id)
    for message in frames(path, "server"):
        exchange.feed(message)
    assert exchange.done
    return exchange


# Status, output as text, and the outputs. Failures have their own tests below.
FOLDED: dict[str, tuple[str, str, tuple[Output, ...]]] = {
    "hello": ("ok", "Hello, World!\n", (Stream("stdout", "Hello, World!\n"),)),
    "interleaved": (
        "ok",
        "out 0\nerr 0\nout 1\nerr 1\n",
        (
            Stream("stdout", "out 0\n"),
            Stream("stderr", "err 0\n"),
            Stream("stdout", "out 1\n"),
            Stream("stderr", "err 1\n"),
        ),
    ),
    "display": ("ok", "bold", (Display(FORMS, {"image/png": {"width": 1}}),)),
    "result": ("ok", "   a\n0  1", (Display(TABLE, execution_count=1),)),
    "update": (
        "ok",
        "'three'\nbetween\n",
        (
            Display({"text/plain": "'three'"}, display_id="counter"),
            Stream("stdout", "between\n"),
        ),
    ),
    "clear": ("ok", "stays\n", (Stream("stdout", "stays\n"),)),
    "clear_wait": ("ok", "stays\n", (Stream("stdout", "stays\n"),)),
    "progress": ("ok", "3/3\nadeX\n", (Stream("stdout", "\r1/3\r2/3\r3/3\nabcX\b\b\bde\n"),)),
    "pager": ("ok", PAGE, (Display({"text/plain": PAGE}),)),
    "input_answered": ("ok", "Hi Ada\n", (Stream("stdout", "Hi Ada\n"),)),
    "comm": ("ok", "", ()),
    "death": ("died", "last words\n", (Stream("stdout", "last words\n"),)),
    "unicode": (
        "ok",
        UNICODE + "'\\u2028\u00e9\U0001f600'",
        (
            Stream("stdout", UNICODE),
            Display({"text/plain": "'\\u2028\u00e9\U0001f600'"}, execution_count=1),
        ),
    ),
    "usage_error": (
        "error",
        f"UsageError: {NO_MAGIC}\n",
        (Stream("stderr", f"UsageError: {NO_MAGIC}\n"),),
    ),
}


@rows("path", [path for path in CELLS if name(path) in FOLDED])
def test_the_messages_of_a_cell_become_the_outputs_of_a_notebook(path: Path) -> None:
    result = fold(path).result()
    assert (result.status, result.output, result.outputs) == FOLDED[name(path)]
    assert result.execution_count == (None if result.status == "died" else 1)
    assert result.truncated is None


def recorded(*names: str) -> list[Path]:
    return [path for path in CELLS if name(path) in names]


@pytest.mark.pitfall(15)
@rows("path", recorded("error", "aborted"))
def test_an_exception_is_shown_once_and_without_colours(path: Path) -> None:
    result = fold(path).result()
    line = {"error": "Cell In[1], line 1\n----> 1 1/0", "aborted": "----> 3 1/0"}[name(path)]
    assert result.status == "error"
    assert result.failure is not None
    assert (result.failure.ename, result.failure.evalue) == (
        "ZeroDivisionError",
        "division by zero",
    )
    assert result.outputs == (result.failure,)
    assert line in result.output
    assert result.output.startswith("-" * 75 + "\nZeroDivisionError  ")
    assert result.output.endswith("\nZeroDivisionError: division by zero")
    assert "\x1b" not in result.output


@pytest.mark.pitfall(18)
@pytest.mark.parametrize("path", recorded("aborted"), ids=lambda path: path.stem)
def test_a_cell_after_a_failed_cell_is_aborted_and_empty(path: Path) -> None:
    result = fold(path, "cell-2").result()
    assert (result.status, result.outputs, result.failure) == ("aborted", (), None)


@pytest.mark.parametrize("path", recorded("input_refused"), ids=lambda path: path.stem)
def test_input_fails_without_a_client_that_can_answer(path: Path) -> None:
    result = fold(path).result()
    assert result.status == "error"
    assert result.failure is not None
    assert result.failure.ename == "StdinNotImplementedError"
    assert result.output.endswith(f"\nStdinNotImplementedError: {NO_STDIN}")


@pytest.mark.parametrize("path", recorded("input_answered"), ids=lambda path: path.stem)
def test_input_asks_with_its_prompt(path: Path) -> None:
    exchange = Exchange("cell-1")
    brought = [exchange.feed(message) for message in frames(path, "server")]
    (question,) = (one for one in brought if isinstance(one, Question))
    assert question.request == InputRequest("Who? ")
    assert question.asker.channel == "stdin"


@pytest.mark.parametrize("path", recorded("usage_error"), ids=lambda path: path.stem)
def test_a_failure_that_is_only_in_the_reply_is_known_but_not_shown_twice(path: Path) -> None:
    assert fold(path).result().failure == Failure("UsageError", NO_MAGIC)


@pytest.mark.pitfall(4)
@pytest.mark.parametrize("path", recorded("death"), ids=lambda path: path.stem)
def test_death_is_known_from_the_first_parentless_status(path: Path) -> None:
    exchange = Exchange("cell-1")
    news = []
    for message in frames(path, "server"):
        news += [message.content["execution_state"]] if message.parent_id is None else []
        exchange.feed(message)
        assert exchange.done == bool(news)
    assert news == ["restarting", "starting"]
