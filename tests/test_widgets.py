"""Widgets that capture the outputs of a cell."""

from __future__ import annotations

from typing import Any

import pytest
from tables import rows
from test_exchange import IDLE, error, fed, message, raised, reply, stream

from jkg_client.protocol.messages import Message
from jkg_client.protocol.outputs import Display, Stream
from jkg_client.protocol.widgets import Captures

OK = reply()


def comm(state: Any, widget: Any = "w") -> Message:
    data = {"method": "update", "state": state, "buffer_paths": []}
    return message("iopub", "comm_msg", {"comm_id": widget, "data": data})


def takes(widget: str = "w") -> Message:
    return comm({"msg_id": "req"}, widget)


def leaves(widget: str = "w") -> Message:
    return comm({"msg_id": ""}, widget)


def clear(*, wait: bool = False) -> Message:
    return message("iopub", "clear_output", {"wait": wait})


def shows(text: str) -> Message:
    return message("iopub", "display_data", {"data": {"text/plain": text}})


@pytest.mark.field("B10")
@rows("wait", [False, True])
def test_clearing_a_widget_keeps_the_outputs_of_the_cell(wait: bool) -> None:
    exchange = fed(
        stream("own\n"),
        shows("display"),
        takes(),
        stream("old\n"),
        shows("old"),
        clear(wait=wait),
        stream("new\n"),
        leaves(),
        stream("end\n"),
        OK,
        IDLE,
    )
    assert exchange.result().output == "own\ndisplay\nnew\nend\n"


@pytest.mark.field("B10")
def test_a_widget_that_waits_to_be_cleared_is_not_cleared_by_the_cell() -> None:
    exchange = fed(takes(), stream("old\n"), clear(wait=True), leaves(), stream("end\n"), OK, IDLE)
    assert exchange.result().output == "old\nend\n"


@pytest.mark.field("B10")
def test_clearing_the_cell_works_as_without_widgets() -> None:
    assert fed(stream("a"), clear(), stream("b"), OK, IDLE).result().output == "b"
    assert fed(takes(), stream("a"), leaves(), clear(), stream("b")).result().output == "b"


@pytest.mark.field("B10")
def test_the_widget_that_began_last_captures_the_output() -> None:
    exchange = fed(
        takes("a"),
        stream("a1\n"),
        takes("b"),
        stream("b1\n"),
        clear(),
        stream("b2\n"),
        leaves("b"),
        stream("a2\n"),
        leaves("a"),
    )
    assert exchange.result().output == "a1\nb2\na2\n"


@pytest.mark.field("B10")
def test_text_of_a_widget_and_text_of_the_cell_are_separate_outputs() -> None:
    exchange = fed(stream("own"), takes(), stream("widget"), leaves(), stream("own"))
    streams = (Stream("stdout", "own"), Stream("stdout", "widget"), Stream("stdout", "own"))
    assert exchange.result().outputs == streams


@pytest.mark.field("B10")
def test_an_exception_in_a_widget_is_shown_and_does_not_fail_the_cell() -> None:
    result = fed(takes(), error("E", "v"), leaves(), stream("after"), OK, IDLE).result()
    assert (result.status, result.failure, result.exit_code) == ("ok", None, None)
    assert result.output == "E: v\nafter"


@pytest.mark.field("B10")
def test_an_exception_in_a_widget_is_not_the_failure_of_the_cell() -> None:
    content = raised("Own", "2")
    told = [message("iopub", "error", content), reply("error", **content)]
    result = fed(takes(), error("Inner", "1"), leaves(), *told).result()
    assert result.failure is not None
    assert result.failure.ename == "Own"


@pytest.mark.field("B10")
def test_an_interrupt_that_a_widget_has_caught_is_still_a_timeout() -> None:
    result = fed(takes(), error("KeyboardInterrupt"), leaves(), OK, IDLE).result(gave_up=True)
    assert (result.status, result.output) == ("timeout", "")


@pytest.mark.field("B10")
def test_outputs_appended_to_a_widget_are_shown_once() -> None:
    first = {"output_type": "stream", "name": "stdout", "text": "a\n"}
    second = {"output_type": "display_data", "data": {"text/plain": "b"}, "metadata": {}}
    exchange = fed(comm({"outputs": [first]}))
    assert exchange.feed(comm({"outputs": [first, second]})) == Display({"text/plain": "b"})
    exchange.feed(comm({"outputs": []}))
    exchange.feed(comm({"outputs": [first]}))
    assert exchange.result().output == "a\nb\na\n"


@pytest.mark.field("B10")
def test_outputs_appended_to_a_widget_are_cleared_only_with_the_widget() -> None:
    appended = {"output_type": "stream", "name": "stdout", "text": "widget\n"}
    exchange = fed(stream("own\n"), comm({"outputs": [appended]}), takes(), clear(), leaves())
    assert exchange.result().output == "own\n"


@rows("state", [None, "x", {}, {"outputs": "x"}, {"outputs": [None, 3, {"output_type": []}]}])
def test_other_states_show_nothing(state: Any) -> None:
    exchange = fed()
    assert exchange.feed(comm(state)) is None
    assert exchange.result().outputs == ()


@rows("content", [{}, {"comm_id": 3}, {"comm_id": "w"}, {"comm_id": "w" * 101}])
@rows("msg_type", ["comm_open", "comm_msg", "comm_close", "comm_other"])
def test_other_comm_messages_capture_nothing(msg_type: str, content: Any) -> None:
    captures = Captures("req")
    assert captures.feed(msg_type, content) is None
    assert captures.owner is None


@rows(("length", "captures"), [(100, True), (101, False)])
def test_ids_of_widgets_have_at_most_100_characters(length: int, captures: bool) -> None:
    widget = "w" * length
    state = {"msg_id": "req", "outputs": [1, 2]}
    content = {"comm_id": widget, "data": {"state": state}}
    seen = Captures("req")
    assert seen.feed("comm_open", content) == ((widget, [1, 2]) if captures else None)
    assert seen.owner == (widget if captures else None)


def test_the_innermost_open_widget_captures_the_output() -> None:
    captures = Captures("req")
    owners = []
    steps = [("a", "req"), ("b", "req"), ("a", "req"), ("a", "other"), ("c", ""), ("b", "")]
    for widget, parent in steps:
        data = {"state": {"msg_id": parent}}
        assert captures.feed("comm_msg", {"comm_id": widget, "data": data}) is None
        owners.append(captures.owner)
    assert owners == ["a", "b", "a", "b", "b", None]


def test_only_new_outputs_in_a_state_are_added() -> None:
    captures = Captures("req")
    added = []
    for outputs in ([1], [1, 2, 3], (1, 2, 3), [], [4], "x", None):
        content = {"comm_id": "w", "data": {"state": {"outputs": outputs}}}
        added.append(captures.feed("comm_msg", content))
    assert added == [("w", [1]), ("w", [2, 3]), None, None, ("w", [4]), None, None]


def test_a_widget_that_is_closed_captures_no_more() -> None:
    closed = message("iopub", "comm_close", {"comm_id": "w", "data": {}})
    exchange = fed(stream("own\n"), takes(), closed, clear(), stream("b\n"))
    assert exchange.result().output == "b\n"


@pytest.mark.field("B5")
def test_a_widget_that_is_closed_is_gone_with_its_outputs() -> None:
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "w"}, "text/plain": "Box()"}
    closed = message("iopub", "comm_close", {"comm_id": "w", "data": {}})
    exchange = fed(stream("own\n"), message("iopub", "display_data", {"data": view}), takes())
    for one in (stream("spinner\n"), shows("bar"), leaves(), closed, stream("end\n"), OK, IDLE):
        exchange.feed(one)
    assert exchange.result().output == "own\nend\n"


@rows("widget", [None, 3, "other"])
def test_closing_another_widget_removes_nothing(widget: Any) -> None:
    closed = message("iopub", "comm_close", {"comm_id": widget})
    exchange = fed(takes(), stream("in\n"), shows("x"), leaves(), closed, stream("out"), OK, IDLE)
    assert exchange.result().output == "in\nx\nout"


def test_a_widget_for_another_request_captures_nothing() -> None:
    exchange = fed(stream("own\n"), comm({"msg_id": "other"}), clear(), stream("b\n"))
    assert exchange.result().output == "b\n"


def test_endless_widgets_take_bounded_memory() -> None:
    captures = Captures("req")
    for number in range(3000):
        state = {"msg_id": "req", "outputs": [{}]}
        captures.feed("comm_msg", {"comm_id": f"w{number}", "data": {"state": state}})
    assert captures.owner == "w999"


def test_a_thousand_widgets_at_most_capture_at_the_same_time() -> None:
    captures = Captures("req")
    for number in range(1001):
        captures.feed("comm_msg", takes(f"w{number}").content)
    assert captures.owner == "w999"


def test_the_outputs_of_a_thousand_widgets_at_most_are_counted() -> None:
    captures = Captures("req")
    first, second = {"output_type": "stream"}, {"output_type": "error"}
    for number in range(1001):
        captures.feed("comm_msg", comm({"outputs": [first]}, f"w{number}").content)
    more = [
        captures.feed("comm_msg", comm({"outputs": [first, second]}, w).content)
        for w in ("w999", "w1000")
    ]
    assert more == [("w999", [second]), ("w1000", [first, second])]
