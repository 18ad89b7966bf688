from __future__ import annotations

import gc
import re
import weakref
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from strategies import BOUNDED, JSON
from tables import rows

from jkg_client.protocol.messages import Json
from jkg_client.protocol.outputs import (
    Display,
    Failure,
    Output,
    OutputArea,
    Stream,
    as_seen,
    join_text,
    plain_text,
)

MESSAGE_TYPES = [
    "stream",
    "display_data",
    "execute_result",
    "update_display_data",
    "clear_output",
    "error",
    "execute_input",
    "comm_open",
]
FIELDS = st.sampled_from(
    [
        "name",
        "text",
        "data",
        "metadata",
        "transient",
        "execution_count",
        "wait",
        "ename",
        "evalue",
        "traceback",
    ]
)
CONTENTS = st.dictionaries(FIELDS, JSON | st.dictionaries(st.just("display_id"), JSON), max_size=6)

# The text of kernel gateway 3.0.1.
DATA_RATE = (
    "\n\nIOPub data rate exceeded.\nThe Jupyter server will temporarily stop sending output\n"
    "to the client in order to avoid crashing it.\nTo change this limit, set the config variable\n"
    "`--ServerApp.iopub_data_rate_limit`.\n\nCurrent values:\n"
)
MESSAGE_RATE = DATA_RATE.replace("data rate", "message rate")


def out(text: str) -> tuple[str, Json]:
    return "stream", {"name": "stdout", "text": text}


def err(text: str) -> tuple[str, Json]:
    return "stream", {"name": "stderr", "text": text}


def display(text: str, display_id: str | None = None) -> tuple[str, Json]:
    transient = {} if display_id is None else {"display_id": display_id}
    content = {"data": {"text/plain": text}, "metadata": {}, "transient": transient}
    return "display_data", content


def update(text: str, display_id: str) -> tuple[str, Json]:
    return "update_display_data", display(text, display_id)[1]


def clear(*, wait: bool) -> tuple[str, Json]:
    return "clear_output", {"wait": wait}


def error(ename: str, evalue: str, *traceback: str) -> tuple[str, Json]:
    return "error", {"ename": ename, "evalue": evalue, "traceback": list(traceback)}


def fed(*messages: tuple[str, Json], max_output: int = 10_000) -> OutputArea:
    area = OutputArea(max_output)
    for msg_type, content in messages:
        area.feed(msg_type, content)
    return area


def kept(area: OutputArea) -> int:
    """Number of kept characters, without the notes about missing output."""
    texts: list[str] = []
    for output in area.outputs:
        if isinstance(output, Failure):
            texts += [output.ename, output.evalue, "\n".join(output.traceback)]
        else:
            texts.append(output.text)
    return sum(len(re.sub(r"\n\[\d+ characters of output dropped here\]\n", "", t)) for t in texts)


def shown(text: str, display_id: str | None = None) -> Display:
    return Display({"text/plain": text}, {}, display_id)


# One row for each action of cells.
CELLS: list[tuple[list[tuple[str, Json]], list[Output]]] = [
    ([], []),
    ([out("a"), out("b\n"), out("c")], [Stream("stdout", "ab\nc")]),
    (
        [out("a"), err("b"), out("c"), err("d")],
        [
            Stream("stdout", "a"),
            Stream("stderr", "b"),
            Stream("stdout", "c"),
            Stream("stderr", "d"),
        ],
    ),
    ([out("1%\r"), out("2%\r"), out("\n")], [Stream("stdout", "1%\r2%\r\n")]),
    ([out("")], []),
    (
        [out("a"), display("x"), out("b")],
        [Stream("stdout", "a"), shown("x"), Stream("stdout", "b")],
    ),
    (
        [("execute_result", {"data": {"text/plain": "2"}, "metadata": {}, "execution_count": 7})],
        [Display({"text/plain": "2"}, execution_count=7)],
    ),
    (
        [out("a"), error("E", "v", "\x1b[31mE\x1b[0m", "v"), out("b")],
        [
            Stream("stdout", "a"),
            Failure("E", "v", ("\x1b[31mE\x1b[0m", "v")),
            Stream("stdout", "b"),
        ],
    ),
    ([("execute_input", {"code": "1"}), ("comm_open", {}), ("no_such", {})], []),
    ([display("a", "i"), out("x"), update("b", "i")], [shown("b", "i"), Stream("stdout", "x")]),
    (
        [display("a", "i"), display("b", "j"), display("c", "i"), update("d", "i")],
        [shown("d", "i"), shown("b", "j"), shown("d", "i")],
    ),
    ([display("a", "i"), update("b", "i"), update("c", "i")], [shown("c", "i")]),
    ([update("a", "earlier")], [shown("a", "earlier")]),
    ([update("a", "earlier"), update("b", "earlier")], [shown("b", "earlier")]),
    ([display("a", ""), ("update_display_data", {"data": {}})], [shown("a", ""), Display({})]),
    ([out("a"), clear(wait=False)], []),
    ([out("a"), clear(wait=False), out("b")], [Stream("stdout", "b")]),
    ([out("a"), clear(wait=True)], [Stream("stdout", "a")]),
    ([out("a"), clear(wait=True), out("b"), out("c")], [Stream("stdout", "bc")]),
    ([out("a"), clear(wait=True), out("")], [Stream("stdout", "a")]),
    ([out("a"), clear(wait=True), display("b")], [shown("b")]),
    ([out("a"), clear(wait=True), error("E", "v")], [Failure("E", "v")]),
    ([out("a"), clear(wait=True), clear(wait=True), out("b")], [Stream("stdout", "b")]),
    ([out("a"), clear(wait=True), clear(wait=False)], []),
    ([out("a"), clear(wait=False), clear(wait=False), out("b")], [Stream("stdout", "b")]),
    ([clear(wait=True), out("b"), clear(wait=False), out("c")], [Stream("stdout", "c")]),
    ([display("a", "i"), clear(wait=True), update("b", "i")], [shown("b", "i")]),
    ([display("a", "i"), clear(wait=False), update("b", "i")], [shown("b", "i")]),
    ([out("ab"), clear(wait=False), out("\bc")], [Stream("stdout", "\bc")]),
    ([("stream", {"name": "stdout", "text": ["a\n", "b"]})], [Stream("stdout", "a\nb")]),
    ([("stream", {"text": "a"})], [Stream("stdout", "a")]),
    ([("stream", {"name": None, "text": None})], []),
    ([("stream", {"name": "stdout", "text": 3})], [Stream("stdout", "3")]),
    ([("display_data", {"data": None})], [Display({})]),
    ([("display_data", {"data": {}, "transient": {"display_id": 3}})], [Display({})]),
    ([("execute_result", {"data": {}, "execution_count": "7"})], [Display({})]),
    ([("error", {})], [Failure("Error", "")]),
    ([("error", {"ename": "E", "evalue": 3, "traceback": "no list"})], [Failure("E", "3")]),
    (
        [("error", {"ename": "E", "evalue": "", "traceback": [1, None]})],
        [Failure("E", "", ("1", ""))],
    ),
]


@pytest.mark.pitfall(14, 17)
@rows(("messages", "outputs"), CELLS)
def test_the_messages_of_a_cell_become_these_outputs(
    messages: list[tuple[str, Json]], outputs: list[Output]
) -> None:
    assert list(fed(*messages).outputs) == outputs


# Messages, each with the output that it adds or changes.
@rows(
    ("message", "output"),
    [
        (out("a"), Stream("stdout", "a")),
        (out(""), None),
        (display("a"), shown("a")),
        (update("b", "i"), shown("b", "i")),
        (error("E", "v"), Failure("E", "v")),
        (clear(wait=True), None),
        (("execute_input", {}), None),
    ],
)
def test_feed_returns_the_output_that_a_message_added(
    message: tuple[str, Json], output: Output | None
) -> None:
    assert fed(display("a", "i")).feed(*message) == output


@pytest.mark.pitfall(21)
@rows("notice", [DATA_RATE, MESSAGE_RATE])
def test_the_rate_limit_of_the_server_is_noticed(notice: str) -> None:
    area = fed(err("before\n"), err(notice))
    assert area.rate_limited
    assert area.outputs == (Stream("stderr", "before\n" + notice),)


@rows("message", [out(DATA_RATE), err("what if IOPub data rate exceeded.")])
def test_other_text_is_not_a_notice_of_the_rate_limit(message: tuple[str, Json]) -> None:
    assert not fed(message).rate_limited


def test_the_failure_is_known_even_if_its_output_was_cleared() -> None:
    area = fed(error("E", "v"), clear(wait=False))
    assert (area.failure, area.outputs) == (Failure("E", "v"), ())


def test_the_middle_of_too_much_output_is_replaced_by_a_note() -> None:
    area = fed(out("0123456789"), out("ABCDEF"), max_output=10)
    note = Stream("stderr", "\n[6 characters of output dropped here]\n")
    assert area.outputs == (Stream("stdout", "01234"), note, Stream("stdout", "BCDEF"))
    assert area.dropped == 6


def test_output_up_to_the_limit_is_kept_whole() -> None:
    area = fed(out("01234"), err("56789"), max_output=10)
    assert area.outputs == (Stream("stdout", "01234"), Stream("stderr", "56789"))
    assert area.dropped == 0


@rows("messages", [[], [display("a", "other")]])
def test_an_update_of_a_display_of_an_earlier_cell_is_marked(
    messages: list[tuple[str, Json]],
) -> None:
    shown = fed(*messages, update("b", "i")).outputs[-1]
    assert isinstance(shown, Display)
    assert shown.is_update


def test_an_update_keeps_the_execution_count_of_the_value() -> None:
    value = {**display("a", "i")[1], "execution_count": 7}
    (shown,) = fed(("execute_result", value), update("b", "i")).outputs
    assert shown == Display({"text/plain": "b"}, {}, "i", 7)
    assert not shown.is_update


def test_shortening_an_earlier_exception_does_not_make_it_the_failure() -> None:
    area = fed(error("A", "a" * 100), error("B", "b"), max_output=60)
    assert area.failure == Failure("B", "b")


LONG = Failure("E", "v" * 12, ("tttt",))


@rows(
    ("most", "fitting"),
    [
        (17, LONG),
        (16, Failure("E", "v\n[9 characters of output dropped here]\nvv", ("tttt",))),
        (
            4,
            Failure(
                "E",
                "\n[12 characters of output dropped here]\n",
                ("", "[1 characters of output dropped here]", "ttt"),
            ),
        ),
    ],
)
def test_an_exception_is_whole_if_it_fits(most: int, fitting: Failure) -> None:
    assert OutputArea(most).fitting(LONG) == fitting


def test_an_exception_after_output_of_a_widget_belongs_to_the_cell() -> None:
    area = OutputArea()
    area.feed(*out("a"), "widget")
    area.show(Failure("E", "v"))
    assert area.failure == Failure("E", "v")


def test_outputs_are_freed_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        area = fed(out("large"))
        freed = weakref.ref(area)
        del area
        assert freed() is None
    finally:
        gc.enable()


def test_clearing_makes_room_for_new_output() -> None:
    area = fed(out("0123456789A"), clear(wait=False), out("new"), max_output=10)
    assert (area.outputs, area.dropped) == ((Stream("stdout", "new"),), 0)


def test_a_display_that_was_dropped_can_be_updated_and_is_shown_anew() -> None:
    area = fed(out("0123456789"), display("x", "i"), out("ABCDEFGH"), max_output=10)
    area.feed(*update("yz", "i"))
    assert area.outputs[-2:] == (Stream("stdout", "FGH"), shown("yz", "i"))


def test_one_update_of_many_displays_stays_within_the_limit() -> None:
    area = fed(*[display("x", "i")] * 20, max_output=100)
    area.feed(*update("y" * 20, "i"))
    area.feed(*out("end"))
    assert sum(len(o.text) for o in area.outputs if not isinstance(o, Failure)) < 160
    assert area.outputs[-1] == Stream("stdout", "end")


def test_endless_displays_with_any_ids_are_bounded() -> None:
    area = OutputArea(100)
    for i in range(2000):
        area.feed(*display("x" * 10, f"id {i % 700}"))
    assert len(area.outputs) == 11
    assert area.dropped == 20_000 - 100


def test_metadata_counts_as_output() -> None:
    shown = ("display_data", {"data": {}, "metadata": {"a": "x" * 100}})
    area = fed(shown, ("stream", {"name": "stdout", "text": "x"}), max_output=50)
    assert area.dropped > 100


@rows(("length", "is_kept"), [(1024, True), (1025, False)])
def test_an_id_of_a_display_has_no_more_than_1024_characters(length: int, is_kept: bool) -> None:
    area = fed(display("a", "i" * length))
    assert area.outputs == (shown("a", "i" * length if is_kept else None),)


# In addition to the text: 1000 for the id, 10 for the MIME type, 16 for the form; 1024 are free.
@rows(("most", "dropped"), [(5, 0), (4, 2)])
def test_long_ids_and_names_count_as_output(most: int, dropped: int) -> None:
    area = fed(display("abc", "i" * 1000), max_output=most)
    assert area.outputs == (shown("abc", "i" * 1000),)
    assert area.dropped == dropped


def test_metadata_of_a_value_that_is_too_large_stays_if_it_is_small() -> None:
    value = {"data": {"text/plain": "x" * 200}, "metadata": {"a": "b"}}
    (shown,) = fed(("display_data", value), max_output=100).outputs
    assert isinstance(shown, Display)
    assert shown.metadata == {"a": "b"}
    (shown,) = fed(("display_data", value), max_output=60).outputs
    assert isinstance(shown, Display)
    assert shown.metadata == {}


@pytest.mark.field("B3")
def test_mostly_the_end_of_a_large_traceback_is_kept() -> None:
    lines = [*(f"line {i:3}" for i in range(200)), "E: v"]
    area = fed(out("y" * 999), error("E", "v", *lines), max_output=500)
    failure = area.outputs[-1]
    assert isinstance(failure, Failure)
    assert failure.text.startswith("line   0\nline   1\n")
    assert failure.text.endswith("\nline 199\nE: v")
    assert " characters of output dropped here]" in failure.text
    assert area.failure == failure
    assert area.dropped == 999 + sum(map(len, lines)) + 2 - kept(area)


@pytest.mark.field("B3")
@rows("form", ["text/plain", "text/markdown", "text/latex"])
def test_beginning_and_end_of_a_large_value_are_kept(form: str) -> None:
    value = {"data": {form: "a" * 250_000 + "z" * 250_000}, "execution_count": 1}
    area = fed(("execute_result", value), max_output=3000)
    (shown,) = area.outputs
    assert isinstance(shown, Display)
    note = "\n[497000 characters of output dropped here]\n"
    assert shown.data == {form: "a" * 1500 + note + "z" * 1500}
    assert area.dropped == 497_000


@pytest.mark.field("B3")
def test_output_after_a_large_value_leaves_half_of_the_room_to_the_value() -> None:
    area = fed(display("x" * 100_000), out("done\n"), max_output=3000)
    value, last = area.outputs
    note = "\n[98500 characters of output dropped here]\n"
    assert isinstance(value, Display)
    assert value.text == "x" * 750 + note + "x" * 750
    assert last == Stream("stdout", "done\n")
    assert area.dropped == 98_500


@pytest.mark.field("B3")
def test_values_and_errors_and_text_share_one_limit() -> None:
    messages = [m for i in range(50) for m in (display("v" * 400), error("E", "e" * 300), out("t"))]
    area = fed(*messages, max_output=3000)
    assert kept(area) <= 3000
    assert area.dropped == 50 * 702 - kept(area)


@pytest.mark.field("B3")
def test_an_image_that_does_not_fit_is_left_out_whole_and_named() -> None:
    image = {"data": {"image/png": "A" * 5_000_000, "text/plain": "<Figure>"}}
    area = fed(("display_data", image), out("after"), max_output=3000)
    text = "<Figure>\n[dropped, larger than may be kept: image/png (5000000 characters)]"
    assert area.outputs == (shown(text), Stream("stdout", "after"))
    assert area.dropped == 5_000_000


@pytest.mark.field("B3")
def test_an_image_that_fits_stays_whole_beside_text_that_does_not() -> None:
    image = {"data": {"text/plain": "x" * 9000, "image/png": "A" * 1000}}
    (shown,) = fed(("display_data", image), max_output=3000).outputs
    assert isinstance(shown, Display)
    assert shown.data["image/png"] == "A" * 1000
    assert len(shown.text) < 2100


@pytest.mark.field("B3")
def test_an_update_that_is_too_large_is_shortened() -> None:
    area = fed(display("x", "i"), out("y"), update("z" * 50_000, "i"), max_output=1000)
    assert kept(area) <= 1000
    assert area.dropped == 50_001 - kept(area)
    area.feed(*update("small", "i"))
    assert (area.outputs, area.dropped) == ((shown("small", "i"), Stream("stdout", "y")), 0)


@BOUNDED
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 900)), max_size=25))
def test_output_beyond_the_limit_is_dropped_and_counted(
    steps: list[tuple[int, int]],
) -> None:
    area, total = OutputArea(1000), 0
    for kind, size in steps:
        message = (out("o" * size), err("e" * size), display("d" * size), error("E", "v" * size))
        area.feed(*message[kind % 4])
        total += size + (kind % 4 == 3)
    assert kept(area) <= 1000
    # A value without a character counts as one when it is dropped.
    assert 0 <= area.dropped - (total - kept(area)) <= len(steps)


@pytest.mark.field("B5")
def test_an_endless_progress_bar_is_complete_and_takes_little_memory() -> None:
    area = fed(*[out(f"\r{i:6}|####|") for i in range(20_000)], max_output=100)
    assert (plain_text(area.outputs), area.dropped) == (" 19999|####|", 0)


@pytest.mark.field("B5")
def test_endless_nested_progress_bars_are_complete_and_take_little_memory() -> None:
    bars = [
        err(f"\router {i}\n\r\x1b[31minner {j}\x1b[0m\x1b[A") for i in range(90) for j in range(90)
    ]
    area = fed(err("begin\n"), *bars, max_output=300)
    assert (plain_text(area.outputs), area.dropped) == ("begin\nouter 89\ninner 89", 0)


def test_the_cursor_does_not_move_into_the_text_before_a_gap() -> None:
    area = fed(out("a\n" * 100), out("\x1b[9A\x1b[2KX"), max_output=20)
    text = plain_text(area.outputs)
    assert text.startswith("a\na\na\na\na\n\n[")
    assert " characters of output dropped here]\n" in text


@rows(
    ("messages", "text"),
    [
        ([err("\r 50%"), err("\r    \r"), out("said\n"), err("\r100%")], "said\n100%"),
        ([out("a\n"), err("\x1b[31mb\x1b[A"), out("c")], "a\nb\nc"),
        ([out("a\n"), display("d"), out("\x1b[A\rX")], "a\nd\nX"),
        ([err("\r 50%"), out("done\n"), err("\r100%"), err("\n")], "100%\ndone\n"),
        ([err("\r100%"), out("a"), out("b\n"), err("\n")], "100%\nab\n"),
        ([out("a"), err("\r 50%"), out("b\n"), err("\rw\x1b[K\n"), out("c")], "ab\nw\nc"),
        ([err("outer\n\rinner\x1b[A"), out("end\n"), err("\n\r     \r\x1b[A")], "outer\nend\n"),
        ([err("\rx\n\x1b[2J\x1b[H"), out("a\n"), err("y\n"), out("b\n")], "a\ny\nb\n"),
        ([err("\x1b["), out("a\n"), err("31mb\r"), out("c")], "a\nb\nc"),
        ([out("a\n"), err("\r"), out("b\n")], "a\nb\n"),
        ([err("a\r\nb\n 50%\r    \r"), out("c\n")], "a\nb\nc\n"),
        ([err("50%\r\x1b[KXX"), out("a\n")], "XX\na\n"),
        # Earlier text of a stream allows blanks later.
        (
            [out("x" * 9_000 + "\n"), err("e\n"), out("\x1b[999Cx\n" * 8)],
            "x" * 9_000 + "\ne\n" + (" " * 999 + "x\n") * 8,
        ),
        ([display("\x1b[33m42\x1b[39m")], "42"),
        ([error("E", "\x1b[31mv\x1b[0m")], "E: v"),
    ],
)
@pytest.mark.field("B4")
@pytest.mark.field("B5")
def test_a_stream_changes_only_its_own_lines_which_keep_their_places(
    messages: list[tuple[str, Json]], text: str
) -> None:
    assert plain_text(fed(*messages).outputs) == text


@BOUNDED
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3))))
def test_whole_lines_of_two_streams_stay_in_order_beside_a_bar(
    lines: list[tuple[bool, int]],
) -> None:
    said = [(is_error, f"{number}\n" * times) for number, (is_error, times) in enumerate(lines)]
    messages = [err(text) if is_error else out(text) for is_error, text in said]
    bar = err("\r 50%\r100%\n")
    assert plain_text(fed(bar, *messages).outputs) == "100%\n" + "".join(text for _, text in said)


@BOUNDED
@given(
    st.lists(st.tuples(st.sampled_from(MESSAGE_TYPES), CONTENTS), max_size=8), st.integers(0, 50)
)
def test_no_content_raises_an_exception(messages: list[tuple[str, Json]], max_output: int) -> None:
    area = fed(*messages, max_output=max_output)
    assert isinstance(plain_text(area.outputs), str)


@rows("msg_type", MESSAGE_TYPES)
def test_deeply_nested_content_raises_no_exception(msg_type: str) -> None:
    deep: Any = {}
    for _ in range(20_000):
        deep = {"a": deep}
    content = {"name": deep, "text": deep, "data": {"text/plain": deep}, "ename": deep}
    area = fed((msg_type, {**content, "evalue": deep, "traceback": [deep], "metadata": deep}))
    assert isinstance(plain_text(area.outputs), str)


@rows(
    ("failure", "text"),
    [
        (Failure("E", "v", ("\x1b[31mline 1\x1b[0m", "E: v")), "line 1\nE: v"),
        (Failure("E", "v"), "E: v"),
        (Failure("E", "v", ("", "\x1b[0m")), "E: v"),
        (Failure("E", "\x1b[31mv\x1b[0m"), "E: v"),
        # What a program has overwritten must not hide the name of the error.
        (Failure("E", "10%\r\x1b[K20%\r\ndo_\bne"), "E: 10%\n20%\ndone"),
        (Failure("E", "do_\bne"), "E: done"),
        (Failure("E", "v", ("1", "E: a\rb")), "1\nE: a\nb"),
    ],
)
def test_a_failure_is_its_traceback_without_colours(failure: Failure, text: str) -> None:
    assert failure.text == text


@rows(
    ("data", "text"),
    [
        ({"text/plain": "x"}, "x"),
        ({"text/plain": ["x\n", "y"]}, "x\ny"),
        ({"text/plain": "1\r2"}, "2"),
        ({"text/html": "x"}, ""),
    ],
)
def test_a_display_is_its_plain_text(data: Json, text: str) -> None:
    assert Display(data).text == text


# True: on separate lines.
@rows(
    ("pieces", "text"),
    [
        ([], ""),
        ([("a", False), ("b", False)], "ab"),
        ([("a", False), ("b", True), ("c", False)], "a\nb\nc"),
        ([("a\n", False), ("b\n", True), ("c", True)], "a\nb\nc"),
        ([("a", True), ("", True), ("b", False)], "a\nb"),
        ([("", True), ("a", False)], "a"),
        ([("a\ud83d", False), ("\ude00b\ud800", False)], "a\U0001f600b\ufffd"),
    ],
)
def test_pieces_of_text_are_joined_by_lines(pieces: list[tuple[str, bool]], text: str) -> None:
    assert join_text(pieces) == text


def test_streams_on_one_screen_have_the_name_of_the_first() -> None:
    seen = as_seen(fed(err("a"), out("b"), display("c"), out("d")).outputs)
    assert list(seen) == [Stream("stderr", "ab"), shown("c"), Stream("stdout", "d")]


def test_plain_text_has_streams_as_printed_and_other_outputs_on_separate_lines() -> None:
    area = fed(out("a"), err("b"), display("x"), out("c\n"), error("E", "v"))
    assert plain_text(area.outputs) == "ab\nx\nc\nE: v"


@pytest.mark.field("B5")
@rows("text", ["auto:   0%|          | 0/20 [00:00<?, ?it/s]", "0it [00:00, ?it/s]", "Output()"])
def test_the_first_state_of_a_progress_bar_widget_is_not_shown(text: str) -> None:
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": text}
    area = fed(out("a\n"), ("display_data", {"data": view}), out("b\n"))
    assert plain_text(area.outputs) == "a\nb\n"
    assert area.outputs[1] == Display(view)


@rows("text", ["0%| |", "Output()", "x"])
def test_a_value_that_looks_like_a_progress_bar_is_shown(text: str) -> None:
    assert plain_text(fed(("display_data", {"data": {"text/plain": text}})).outputs) == text


def test_other_widgets_are_shown_as_plain_text() -> None:
    view = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "IntSlider(value=0)"}
    assert plain_text(fed(("display_data", {"data": view})).outputs) == "IntSlider(value=0)"


# A quarter of the limit is for metadata.
@rows(("weight", "shown"), [(100, 300), (101, 400)])
def test_metadata_may_take_a_quarter_of_the_room_of_a_large_value(weight: int, shown: int) -> None:
    metadata = {"a": "x" * (weight - 17)}
    content = {"data": {"text/plain": "y" * 1000}, "metadata": metadata}
    area = fed(("display_data", content), max_output=400)
    (display,) = area.outputs
    assert isinstance(display, Display)
    assert display.metadata == (metadata if weight == 100 else {})
    assert display.text.count("y") == shown
    assert area.dropped == 1000 + weight - 400


def test_the_message_may_take_a_quarter_of_the_room_of_a_large_exception() -> None:
    area = OutputArea(101)
    failure = area.fitting(Failure("E", "V" * 200, ("T" * 200,)))
    assert (failure.evalue.count("V"), "".join(failure.traceback).count("T")) == (25, 75)


def test_clearing_a_widget_removes_its_captured_outputs() -> None:
    area = OutputArea(1000)
    area.feed(*display("own", "o"))
    area.feed(*display("captured", "i"), "widget")
    area.feed(*clear(wait=False), "widget")
    assert area.outputs == (shown("own", "o"),)
    # Its display is not known any more.
    assert area.feed(*update("new", "i")) == evolve(shown("new", "i"), is_update=True)


def test_a_large_exception_of_a_widget_is_not_the_failure_of_the_cell() -> None:
    area = OutputArea(100)
    area.feed(*error("E", "v" * 1000), "widget")
    assert (area.failure, area.dropped > 900) == (None, True)


def test_text_that_is_nested_too_deeply_is_ignored() -> None:
    deep: Any = "x"
    for _ in range(50_000):
        deep = [deep]
    assert fed(("stream", {"name": "stdout", "text": deep})).outputs == ()
