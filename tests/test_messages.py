from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

import pytest
from tables import rows

from jkg_client.protocol.messages import (
    EOT,
    Message,
    again,
    comm_message,
    complete_request,
    execute_request,
    history_request,
    input_reply,
    inspect_request,
    interrupt_request,
    is_complete_request,
    kernel_info_request,
    new_header,
    new_session,
    parentless_status,
    shutdown_request,
)


def test_a_header_is_complete() -> None:
    header = new_header("execute_request", "session")
    assert set(header) == {"msg_id", "session", "username", "date", "msg_type", "version"}
    assert all(isinstance(value, str) and value for value in header.values())
    assert header["msg_type"] == "execute_request"
    assert header["session"] == "session"
    assert header["username"] == "jkg_client"
    assert header["version"] == "5.4"


@pytest.mark.parametrize("zone", ["UTC", "XXX-5"])
def test_a_header_has_the_time_with_its_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    date = datetime.fromisoformat(new_header("t", "s")["date"])
    monkeypatch.undo()
    time.tzset()
    assert date.utcoffset() == timedelta(0)
    assert abs(datetime.now(timezone.utc) - date) < timedelta(minutes=5)


def test_ids_are_unique_and_sessions_too() -> None:
    assert len({new_header("t", "s")["msg_id"] for _ in range(1000)}) == 1000
    assert len({new_session() for _ in range(1000)}) == 1000


def test_ids_have_128_random_bits() -> None:
    assert len(bytes.fromhex(new_header("t", "s")["msg_id"])) == 16
    assert len(bytes.fromhex(new_session())) == 16


Request = Callable[[], Message]

# Type and content of each request, from
# https://jupyter-client.readthedocs.io/en/stable/messaging.html.
REQUESTS: list[tuple[Request, str, dict[str, Any]]] = [
    (
        lambda: execute_request("s", "x"),
        "execute_request",
        {
            "code": "x",
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        },
    ),
    (
        lambda: execute_request(
            "s",
            "",
            store_history=False,
            user_expressions={"a": "1 + 1"},
            allow_stdin=True,
            stop_on_error=False,
        ),
        "execute_request",
        {
            "code": "",
            "silent": False,
            "store_history": False,
            "user_expressions": {"a": "1 + 1"},
            "allow_stdin": True,
            "stop_on_error": False,
        },
    ),
    (
        lambda: execute_request("s", "x", silent=True),
        "execute_request",
        {
            "code": "x",
            "silent": True,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        },
    ),
    (lambda: kernel_info_request("s"), "kernel_info_request", {}),
    (lambda: complete_request("s", "im", 2), "complete_request", {"code": "im", "cursor_pos": 2}),
    (
        lambda: inspect_request("s", "len", 3),
        "inspect_request",
        {"code": "len", "cursor_pos": 3, "detail_level": 0},
    ),
    (
        lambda: inspect_request("s", "len", 3, 1),
        "inspect_request",
        {"code": "len", "cursor_pos": 3, "detail_level": 1},
    ),
    (lambda: is_complete_request("s", "if x:"), "is_complete_request", {"code": "if x:"}),
    (
        lambda: history_request("s", "tail", n=3, output=True),
        "history_request",
        {"hist_access_type": "tail", "output": True, "raw": True, "n": 3},
    ),
    (
        lambda: history_request("s", "range", session_number=-1, start=2, stop=5, raw=False),
        "history_request",
        {
            "hist_access_type": "range",
            "output": False,
            "raw": False,
            "session": -1,
            "start": 2,
            "stop": 5,
        },
    ),
    (
        lambda: history_request("s", "search", pattern="im*", unique=True),
        "history_request",
        {
            "hist_access_type": "search",
            "output": False,
            "raw": True,
            "n": 10,
            "pattern": "im*",
            "unique": True,
        },
    ),
    (
        lambda: history_request("s", "range"),
        "history_request",
        {
            "hist_access_type": "range",
            "output": False,
            "raw": True,
            "session": 0,
            "start": 1,
            "stop": None,
        },
    ),
    (
        lambda: history_request("s", "search"),
        "history_request",
        {
            "hist_access_type": "search",
            "output": False,
            "raw": True,
            "n": 10,
            "pattern": "*",
            "unique": False,
        },
    ),
    (
        lambda: comm_message("s", "w", {"method": "update"}),
        "comm_msg",
        {"comm_id": "w", "data": {"method": "update"}},
    ),
]


@rows(("make", "msg_type", "content"), REQUESTS)
def test_requests_are_as_specified(make: Request, msg_type: str, content: dict[str, Any]) -> None:
    request_ = make()
    assert request_.channel == "shell"
    assert request_.msg_type == msg_type
    assert request_.content == content
    assert request_.header["session"] == "s"
    assert request_.parent_header == {}
    assert request_.metadata == {}
    assert request_.buffers == ()


def test_each_request_has_its_own_id() -> None:
    assert len({make().msg_id for make, _, _ in REQUESTS}) == len(REQUESTS)


@rows(
    ("make", "msg_type", "content"),
    [
        (lambda: interrupt_request("s"), "interrupt_request", {}),
        (lambda: shutdown_request("s", restart=True), "shutdown_request", {"restart": True}),
        (lambda: shutdown_request("s", restart=False), "shutdown_request", {"restart": False}),
    ],
)
def test_requests_that_overtake_cells_go_to_the_control_channel(
    make: Request, msg_type: str, content: dict[str, Any]
) -> None:
    request_ = make()
    assert request_.channel == "control"
    assert (request_.msg_type, request_.header["session"]) == (msg_type, "s")
    assert request_.content == content


def test_a_request_that_is_sent_again_has_a_new_id() -> None:
    request = execute_request("s", "x")
    second = again(request)
    assert (second.channel, second.content) == (request.channel, request.content)
    assert (second.msg_type, second.header["session"]) == ("execute_request", "s")
    assert second.msg_id != request.msg_id


@rows(
    ("make", "content"),
    [
        (lambda: parentless_status("dead", "s"), {"execution_state": "dead"}),
        (lambda: parentless_status("dead", "s", ""), {"execution_state": "dead"}),
        (
            lambda: parentless_status("restarting", "s", "exit code 3"),
            {"execution_state": "restarting", "reason": "exit code 3"},
        ),
    ],
)
def test_a_status_message_has_the_cause_of_a_death_if_it_is_known(
    make: Request, content: dict[str, Any]
) -> None:
    message = make()
    assert (message.channel, message.msg_type) == ("iopub", "status")
    assert (message.header["session"], message.parent_id) == ("s", None)
    assert message.content == content


@rows("value", ["Ada", "", EOT])
def test_an_input_reply_names_the_request_it_answers(value: str) -> None:
    asked = Message(channel="stdin", header=new_header("input_request", "kernel"))
    reply = input_reply("s", value, asked)
    assert (reply.channel, reply.msg_type) == ("stdin", "input_reply")
    assert reply.parent_header == asked.header
    assert reply.content == {"value": value, "status": "ok"}
    assert reply.header["session"] == "s"


def test_end_of_input_is_a_control_character() -> None:
    assert chr(4) == EOT


@rows(
    ("parent_header", "parent_id"),
    [({"msg_id": "p"}, "p"), ({}, None), ({"msg_id": None}, None), ({"msg_id": 1}, None)],
)
def test_messages_about_the_kernel_have_no_parent(
    parent_header: dict[str, Any], parent_id: str | None
) -> None:
    header = {"msg_id": "m", "msg_type": "status"}
    message = Message(channel="iopub", header=header, parent_header=parent_header)
    assert message.parent_id == parent_id
