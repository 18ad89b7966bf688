from __future__ import annotations

import pickle
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from strategies import BOUNDED, JSON
from tables import rows

from jkg_client.errors import ExecutionError, ExecutionTimeout, KernelDied
from jkg_client.protocol.exchange import Exchange
from jkg_client.protocol.late_output import LateOutput
from jkg_client.protocol.message_gaps import Gap
from jkg_client.protocol.messages import Json, Message, parentless_status
from jkg_client.protocol.outputs import Display, Failure, OutputArea, Stream
from jkg_client.protocol.questions import InputRequest, Question
from jkg_client.protocol.result import DataItem, ExecutionResult, Status, Truncation


def message(channel: str, msg_type: str, content: Json, parent: str | None = "req") -> Message:
    return Message(
        channel=channel,
        header={"msg_id": "m", "msg_type": msg_type},
        parent_header={} if parent is None else {"msg_id": parent},
        content=content,
    )


def status(state: str, parent: str | None = "req") -> Message:
    return message("iopub", "status", {"execution_state": state}, parent)


def stream(text: str, name: str = "stdout", parent: str | None = "req") -> Message:
    return message("iopub", "stream", {"name": name, "text": text}, parent)


def reply(answer: str = "ok", **content: Any) -> Message:
    return message("shell", "execute_reply", {"status": answer, **content})


def raised(ename: str, evalue: str = "") -> Json:
    return {"ename": ename, "evalue": evalue, "traceback": []}


def error(ename: str, evalue: str = "") -> Message:
    return message("iopub", "error", raised(ename, evalue))


def asks(content: Json) -> Message:
    return message("stdin", "input_request", content)


CUT = Gap(may_lack=True, end_unseen=True)
BUSY, IDLE, OK = status("busy"), status("idle"), reply()
SEEN = message("iopub", "execute_input", {"code": "1", "execution_count": 1})
VALUE = message("iopub", "execute_result", {"data": {"text/plain": "2"}, "execution_count": 4})


def fed(*messages: Message, begun: bool = False) -> Exchange:
    exchange = Exchange("req", begun=begun)
    for each in messages:
        exchange.feed(each)
    return exchange


@pytest.mark.pitfall(12)
@rows("order", [(IDLE, OK), (OK, IDLE)])
def test_done_needs_idle_and_reply_in_any_order(order: tuple[Message, ...]) -> None:
    exchange = Exchange("req")
    for each in order:
        assert not exchange.done
        exchange.feed(each)
    assert exchange.done


# Whether the cell has begun, the message about other code, and whether it proves the cell's end.
@rows(
    ("begun", "parent", "channel", "is_followed"),
    [
        (True, {"msg_id": "other"}, "iopub", True),
        (False, {"msg_id": "other"}, "iopub", False),
        (True, {"msg_id": "req"}, "iopub", False),
        # Code in subshells runs at the same time.
        (True, {"msg_id": "other", "subshell_id": "s1"}, "iopub", False),
        (True, {"msg_id": "other"}, "shell", False),
    ],
)
def test_code_that_begins_later_ends_the_cell(
    begun: bool, parent: Json, channel: str, is_followed: bool
) -> None:
    exchange = fed(begun=begun)
    exchange.feed(evolve(SEEN, parent_header=parent, channel=channel))
    assert exchange.is_followed is is_followed


def test_a_later_state_does_not_undo_idle() -> None:
    assert fed(IDLE, BUSY).idle


@rows(("answer", "begun"), [(BUSY, True), (OK, True), (stream("x", parent="other"), False)])
def test_a_request_has_begun_with_its_first_answer(answer: Message, begun: bool) -> None:
    assert fed(answer).begun is begun


@rows(("session", "process"), [("a", "a"), (3, None), (None, None)])
def test_a_process_is_known_by_the_session_of_its_answers(
    session: Any, process: str | None
) -> None:
    assert fed(evolve(BUSY, header={**BUSY.header, "session": session})).process == process


IOPUBS = {
    "ok": [BUSY, SEEN, stream("a"), stream("b", "stderr"), VALUE, IDLE],
    "error": [BUSY, SEEN, stream("a"), error("E", "v"), stream("b"), IDLE],
    "aborted": [BUSY, IDLE],
}
SHELLS = {
    "ok": reply(execution_count=4),
    "error": reply("error", execution_count=4, **raised("E", "v")),
    "aborted": reply("aborted"),
}


@pytest.mark.pitfall(11, 12)
@rows("ending", IOPUBS)
def test_the_reply_may_come_at_any_time(ending: str) -> None:
    iopub, shell = IOPUBS[ending], SHELLS[ending]
    exchanges = [fed(*iopub[:i], shell, *iopub[i:]) for i in range(len(iopub) + 1)]
    results = [exchange.result() for exchange in exchanges]
    assert all(exchange.done for exchange in exchanges)
    assert [result.status for result in results] == [ending] * len(results)
    assert results == [results[-1]] * len(results)


def test_an_exchange_is_done_when_all_messages_have_come_in_any_order() -> None:
    iopub = IOPUBS["ok"]
    for i in range(len(iopub) + 1):
        exchange = Exchange("req")
        for each in [*iopub[:i], SHELLS["ok"], *iopub[i:]]:
            assert not exchange.done
            exchange.feed(each)
        assert exchange.done


@rows("channel", ["shell", "control"])
def test_a_reply_comes_on_the_channel_of_its_request(channel: str) -> None:
    answer = message(channel, "some_reply", {"status": "ok"})
    assert fed(answer, IDLE).reply == {"status": "ok"}


FOREIGN = [
    status("idle", "other"),
    status("restarting", "other"),
    status("dead", "other"),
    stream("x", parent="other"),
    stream("x", parent=None),
    message("shell", "execute_reply", {"status": "ok"}, "other"),
    message("stdin", "input_request", {"prompt": "?"}, "other"),
    message("iopub", "iopub_welcome", {"subscription": ""}, None),
    message("iopub", "shutdown_reply", {"execution_state": "dead"}, None),
    message("iopub", "status", {}, None),
]


@rows("foreign", FOREIGN)
def test_answers_to_other_requests_are_ignored(foreign: Message) -> None:
    exchange = fed(BUSY, foreign)
    assert exchange == fed(BUSY)
    assert Exchange("req").feed(foreign) is None


def test_output_is_returned_as_it_arrives() -> None:
    exchange = Exchange("req")
    assert exchange.feed(BUSY) is None
    assert exchange.feed(stream("a")) == Stream("stdout", "a")
    assert exchange.feed(error("E")) == Failure("E", "")
    assert exchange.feed(OK) is None


@pytest.mark.pitfall(4)
@rows("state", ["restarting", "dead"])
def test_a_status_without_a_parent_reports_a_dead_kernel(state: str) -> None:
    exchange = fed(BUSY, stream("a"), status(state, None))
    assert exchange.done
    result = exchange.result(kernel_restarted=True)
    assert (result.status, result.output, result.kernel_restarted) == ("died", "a", True)
    assert not exchange.result().kernel_restarted


@rows(
    ("messages", "begun", "dead"),
    [
        ((status("starting", None),), False, False),
        ((status("starting", None), BUSY), False, False),
        ((BUSY, status("starting", None)), False, True),
        ((status("starting", None),), True, True),
        ((BUSY, status("idle", None), status("busy", None)), False, False),
    ],
)
def test_a_starting_kernel_is_another_process_only_after_the_request_began(
    messages: tuple[Message, ...], begun: bool, dead: bool
) -> None:
    assert fed(*messages, begun=begun).dead is dead


# One row for each way to end.
@rows(
    ("messages", "ended"),
    [
        ((OK, IDLE), "ok"),
        ((reply("error", **raised("E")), IDLE), "error"),
        ((reply("aborted"), IDLE), "aborted"),
        ((reply("abort"), IDLE), "aborted"),
        ((reply("no such status"), IDLE), "error"),
        ((message("shell", "execute_reply", {}), IDLE), "error"),
        ((status("dead", None),), "died"),
        ((OK, status("dead", None)), "ok"),
        ((reply("error", **raised("E")), status("restarting", None)), "error"),
        ((IDLE,), "error"),
    ],
)
@pytest.mark.pitfall(18)
def test_the_status_of_a_result_says_how_the_cell_ended(
    messages: tuple[Message, ...], ended: str
) -> None:
    result = fed(*messages).result()
    assert (result.status, result.is_ok) == (ended, ended == "ok")


@pytest.mark.pitfall(21)
def test_an_error_that_is_only_in_the_reply_is_shown() -> None:
    result = fed(stream("a"), reply("error", **raised("E", "v")), IDLE).result()
    assert result.failure == Failure("E", "v")
    assert result.output == "a\nE: v"


# An empty or short message may be in the output by chance.
@rows(("evalue", "shown"), [("", "E: "), ("1", "E: 1")])
def test_an_error_is_shown_though_its_message_was_printed_by_chance(
    evalue: str, shown: str
) -> None:
    result = fed(stream("12\n"), reply("error", **raised("E", evalue)), IDLE).result()
    assert result.output == "12\n" + shown


def test_an_error_that_also_came_on_iopub_is_shown_once() -> None:
    result = fed(error("E", "v"), reply("error", **raised("E", "v")), IDLE).result()
    assert (result.outputs, result.failure) == ((Failure("E", "v"),), Failure("E", "v"))


@rows("colour", ["", "\x1b[31m"])
def test_an_error_that_the_cell_has_printed_is_not_shown_twice(colour: str) -> None:
    # As ipykernel answers "%edit_nothing".
    usage = "Line magic function `%edit_nothing` not found."
    printed = stream(f"{colour}UsageError: {usage}\n", "stderr")
    result = fed(printed, reply("error", **raised("UsageError", usage)), IDLE).result()
    assert (result.status, result.failure) == ("error", Failure("UsageError", usage))
    assert result.outputs == (Stream("stderr", f"{colour}UsageError: {usage}\n"),)


def test_an_exit_after_a_shown_exception_is_the_failure_of_the_cell() -> None:
    result = fed(error("E", "v"), reply("error", **raised("SystemExit", "3")), IDLE).result()
    assert (result.failure, result.exit_code) == (Failure("SystemExit", "3"), 3)
    assert result.outputs == (Failure("E", "v"), Failure("SystemExit", "3"))


@rows("ename", ["E", "SystemExit"])
def test_an_exception_that_was_dropped_for_size_is_not_shown_again(ename: str) -> None:
    exchange = Exchange("req", area=OutputArea(40))
    for each in (stream("a" * 30), error(ename, "3"), stream("b" * 60)):
        exchange.feed(each)
    exchange.feed(reply("error", **raised(ename, "3")))
    result = exchange.result()
    assert result.failure == Failure(ename, "3")
    assert result.failure not in result.outputs


@rows(("value", "shown"), [("3", Failure("SystemExit", "3")), ("0", None), ("", None)])
def test_an_exit_is_shown_if_it_is_a_failure(value: str, shown: Failure | None) -> None:
    exchange = Exchange("req")
    assert exchange.feed(error("SystemExit", value)) == shown
    assert exchange.area.outputs == (() if shown is None else (shown,))


@rows("gave_up", [False, True])
@rows("ename", ["E", "SystemExit"])
def test_an_exception_that_did_not_end_the_cell_is_not_its_failure(
    ename: str, gave_up: bool
) -> None:
    result = fed(error(ename, "3"), OK, IDLE).result(gave_up=gave_up)
    assert (result.failure, result.exit_code) == (None, None)
    assert result.status == ("timeout" if gave_up else "ok")


def test_a_result_can_be_asked_for_twice() -> None:
    exchange = fed(stream("a"), reply("error", **raised("E", "v")), IDLE)
    assert exchange.result() == exchange.result()


@pytest.mark.pitfall(19)
def test_the_page_of_a_reply_is_shown_without_colours() -> None:
    # As ipykernel answers "len?".
    page = {"data": {"text/plain": "\x1b[31mSignature:\x1b[39m len(obj, /)"}, "start": 0}
    exchange = fed(BUSY)
    shown = exchange.feed(reply(payload=[{"source": "page", **page}]))
    assert shown == Display({"text/plain": "Signature: len(obj, /)"})
    assert exchange.result().output == "Signature: len(obj, /)"


def test_a_page_may_have_forms_that_are_not_text() -> None:
    data = {"text/plain": "a", "application/json": {"b": 1}}
    assert fed().feed(reply(payload=[{"source": "page", "data": data}])) == Display(data)


@rows(
    "payload",
    [
        [],
        [{"source": "set_next_input", "text": "abc", "replace": False}],
        [{"source": "page"}],
        [{"source": "page", "data": {}}],
        [{"source": "page", "data": "x"}],
        ["page", None, 3],
        "page",
        None,
    ],
)
def test_other_payload_is_not_shown(payload: Any) -> None:
    exchange = fed(reply(payload=payload), IDLE)
    assert (exchange.result().outputs, exchange.ends_kernel) == ((), False)


@rows(("keep", "ends"), [({"keepkernel": False}, True), ({}, True), ({"keepkernel": True}, False)])
def test_exit_ends_the_kernel_unless_keep_kernel_is_set(keep: Json, ends: bool) -> None:
    assert fed(reply(payload=[{"source": "ask_exit", **keep}])).ends_kernel is ends


def test_nothing_ends_the_kernel_before_the_reply() -> None:
    assert not fed(BUSY).ends_kernel


@rows(
    ("content", "request_for"),
    [
        ({"prompt": "name? ", "password": False}, InputRequest("name? ")),
        ({"prompt": "", "password": True}, InputRequest("", password=True)),
        ({"prompt": None, "password": "yes"}, InputRequest("")),
        ({}, InputRequest("")),
    ],
)
def test_the_code_asks_for_input(content: Json, request_for: InputRequest) -> None:
    exchange = fed(BUSY)
    assert exchange.feed(asks(content)) == Question(request_for, asks(content))
    assert str(request_for) == request_for.prompt
    assert not exchange.done


def test_other_messages_on_stdin_ask_for_nothing() -> None:
    assert Exchange("req").feed(message("stdin", "input_reply", {"prompt": "x"})) is None


# Interrupted Python code ends with one of these exceptions.
@rows("ename", ["KeyboardInterrupt", "CancelledError"])
@rows("told", ["on iopub", "in the reply", "both"])
def test_a_timeout_does_not_show_the_interrupt_but_has_it_as_failure(ename: str, told: str) -> None:
    failure = Failure(ename, "")
    exchange = fed(stream("a"))
    if told != "in the reply":
        exchange.feed(error(ename))
    if told != "on iopub":
        exchange.feed(reply("error", **raised(ename)))
    result = exchange.result(gave_up=True)
    assert (result.status, result.output, result.failure) == ("timeout", "a", failure)


def test_a_timeout_shows_an_exception_of_the_cell_itself() -> None:
    result = fed(error("E", "v"), reply("error", **raised("E", "v")), IDLE).result(gave_up=True)
    assert (result.status, result.output) == ("timeout", "E: v")


@rows("messages", [(), (BUSY,), (OK, IDLE), (OK, status("dead", None))])
def test_a_timeout_stays_a_timeout_however_the_cell_ended(messages: tuple[Message, ...]) -> None:
    assert fed(*messages).result(gave_up=True).status == "timeout"


# A death is reported late, so the time limit may have passed before the report.
def test_a_kernel_that_died_without_a_reply_did_not_time_out() -> None:
    assert fed(BUSY, status("dead", None)).result(gave_up=True).status == "died"


@pytest.mark.field("B12")
def test_a_kernel_that_our_interrupt_has_killed_is_a_timeout() -> None:
    exchange = fed(BUSY, stream("a"))
    exchange.time_is_up()
    exchange.feed(status("restarting", None))
    result = exchange.result(gave_up=True, kernel_restarted=True)
    assert (result.status, result.output, result.kernel_restarted) == ("timeout", "a", True)


@pytest.mark.field("B12")
def test_a_kernel_that_was_dead_at_the_time_limit_has_died() -> None:
    exchange = fed(BUSY, status("restarting", None))
    exchange.time_is_up()
    assert exchange.result(gave_up=True).status == "died"


def test_a_kernel_that_is_gone_has_died_even_after_the_time_limit() -> None:
    exchange = fed(BUSY)
    exchange.time_is_up()
    exchange.kernel_gone()
    assert exchange.done
    assert exchange.result(gave_up=True).status == "died"


@rows(
    ("messages", "outputs"),
    [((), 1), ((status("restarting", "other"),), 1), ((BUSY,), 0), ((BUSY, stream("a")), 1)],
)
def test_a_timeout_of_queued_code_says_that_it_has_not_begun(
    messages: tuple[Message, ...], outputs: int
) -> None:
    exchange = fed(*messages)
    exchange.leave_queued()
    result = exchange.result(gave_up=True)
    begun = BUSY in messages
    assert result.status == "timeout"
    assert (result.failure.ename if result.failure else None) == (None if begun else "NotBegun")
    assert len(result.outputs) == outputs


def test_an_interrupt_that_was_not_ours_is_shown() -> None:
    result = fed(error("KeyboardInterrupt"), reply("error", **raised("KeyboardInterrupt"))).result()
    assert (result.status, result.output) == ("error", "KeyboardInterrupt: ")


@rows(("connection_lost", "ename"), [(True, "ConnectionLost"), (False, "NoReply")])
def test_a_lost_end_is_an_error_with_its_own_message(connection_lost: bool, ename: str) -> None:
    exchange = fed(BUSY, stream("a"))
    exchange.skip(CUT if connection_lost else Gap(end_unseen=True))
    exchange.overtake(Exchange("later"))
    assert exchange.done
    result = exchange.result()
    missing = Truncation(messages=1, connection_lost=connection_lost)
    assert (result.status, result.truncated) == ("error", missing)
    assert result.failure is not None
    assert result.output.startswith(f"a\n{ename}: ")


def test_a_lost_reply_is_an_error_without_missing_output() -> None:
    exchange = fed(BUSY, stream("a"), IDLE)
    exchange.overtake(Exchange("later"))
    result = exchange.result()
    assert (result.status, result.truncated) == ("error", None)
    assert result.output.startswith("a\nNoReply: the cell has ended")


def test_a_reply_lost_through_our_interrupt_is_not_shown_as_an_error() -> None:
    exchange = fed(BUSY, stream("a"), IDLE)
    exchange.overtake(Exchange("later"))
    result = exchange.result(gave_up=True)
    assert (result.status, result.truncated, result.output) == ("timeout", None, "a")


def test_a_result_with_a_lost_end_has_the_exception_that_was_shown() -> None:
    exchange = fed(BUSY, error("E", "v"))
    exchange.overtake(Exchange("later"))
    result = exchange.result()
    assert (result.status, result.failure, result.output) == ("error", Failure("E", "v"), "E: v")


def test_a_lost_idle_leaves_the_status_that_the_reply_gave() -> None:
    exchange = fed(BUSY, OK)
    exchange.overtake(Exchange("later"))
    result = exchange.result()
    assert (result.status, result.truncated) == ("ok", Truncation(messages=1))


@rows(
    ("truncation", "words"),
    [
        (Truncation(characters=3), "3 characters of output were dropped"),
        (Truncation(messages=1), "1 message was lost"),
        (Truncation(messages=2), "2 messages were lost"),
        (Truncation(rate_limited=True), "the server's rate limit dropped output"),
        (Truncation(connection_lost=True), "the connection broke, output may be missing"),
        (
            Truncation(messages=1, connection_lost=True),
            "the connection broke, at least 1 message was lost",
        ),
        (
            Truncation(characters=3, rate_limited=True),
            "3 characters of output were dropped; the server's rate limit dropped output",
        ),
    ],
)
def test_a_truncation_has_a_text_about_the_missing_output(
    truncation: Truncation, words: str
) -> None:
    assert str(truncation) == words


def test_a_result_reports_its_missing_output() -> None:
    exchange = Exchange("req", area=OutputArea(10))
    exchange.feed(stream("0123456789abc"))
    exchange.feed(stream("\n\nIOPub message rate exceeded.\n", "stderr"))
    for _ in range(2):
        exchange.skip(Gap(unread=1))
    exchange.skip(CUT)
    result = exchange.result()
    assert result.truncated == Truncation(
        characters=34, messages=2, rate_limited=True, connection_lost=True
    )


@rows(("is_value_due", "truncated"), [(False, None), (True, Truncation(connection_lost=True))])
def test_after_the_end_only_a_value_that_is_due_can_be_lost(
    is_value_due: bool, truncated: Truncation | None
) -> None:
    exchange = fed(OK, IDLE)
    exchange.skip(CUT)
    assert exchange.result().truncated is None
    exchange.skip(CUT, is_value_due=is_value_due)
    assert exchange.result().truncated == truncated


def test_a_complete_result_has_no_truncation() -> None:
    assert fed(stream("a"), OK, IDLE).result().truncated is None


def test_answers_to_expressions_are_as_the_kernel_gave_them() -> None:
    answers = {"a": {"status": "ok", "data": {"text/plain": "6"}, "metadata": {}}}
    result = fed(reply(execution_count=3, user_expressions=answers), IDLE).result()
    assert (result.user_expressions, result.execution_count) == (answers, 3)


# The limit of the output, values of expressions, and the values that are kept.
TOO_LARGE = {"status": "error", "ename": "TooLarge", "traceback": []}
ROOMS: list[tuple[int, Json, Json]] = [
    (10, {"a": "123456789", "b": ""}, {"a": "123456789"}),
    (10, {"a": "1234567890", "b": ""}, {"a": {**TOO_LARGE, "evalue": "11 characters"}}),
    # A value that is too large counts as 80, so the next one may fit.
    (
        100,
        {"a": "x" * 200, "b": "y" * 18, "c": "", "d": ""},
        {"a": {**TOO_LARGE, "evalue": "201 characters"}, "b": "y" * 18, "c": ""},
    ),
    (10, {"n" * 90: ""}, {"n" * 80: {**TOO_LARGE, "evalue": "90 characters"}}),
]


@rows(("room", "answers", "kept"), ROOMS)
def test_the_limit_of_output_also_applies_to_values_of_expressions(
    room: int, answers: Json, kept: Json
) -> None:
    exchange = Exchange("req", area=OutputArea(room))
    exchange.feed(reply(user_expressions=answers))
    assert exchange.result().user_expressions == kept


@rows(
    "content", [{}, {"execution_count": None}, {"execution_count": "3"}, {"execution_count": True}]
)
def test_a_result_without_a_count_has_none(content: Json) -> None:
    result = fed(reply(**content), IDLE).result()
    assert (result.execution_count, result.user_expressions) == (None, {})


@rows(
    ("status_", "failure", "kind", "text"),
    [
        ("error", Failure("E", "v", ("long",)), ExecutionError, "E: v"),
        ("error", None, ExecutionError, "it failed"),
        ("aborted", None, ExecutionError, "the cell did not run because an earlier one failed"),
        ("timeout", None, ExecutionTimeout, "the cell exceeded its time limit"),
        ("died", None, KernelDied, "the kernel died while the cell ran"),
    ],
)
def test_raise_for_error_raises_an_exception_with_the_result(
    status_: Status, failure: Failure | None, kind: type[ExecutionError], text: str
) -> None:
    result = ExecutionResult(status=status_, outputs=(Stream("stdout", "a"),), failure=failure)
    with pytest.raises(ExecutionError) as caught:
        result.raise_for_error()
    assert (type(caught.value), str(caught.value)) == (kind, text)
    assert pickle.loads(pickle.dumps(caught.value)).result == result


@rows("earlier", [False, True])
@rows("later", [False, True])
def test_a_result_takes_over_late_outputs_and_restart_of_an_earlier_one(
    earlier: bool, later: bool
) -> None:
    first = ExecutionResult(
        status="died", late_outputs=(Stream("stdout", "a"),), kernel_restarted=earlier
    )
    second = ExecutionResult(
        status="ok", late_outputs=(Stream("stdout", "b"),), kernel_restarted=later
    )
    assert second.after(first) == ExecutionResult(
        status="ok",
        late_outputs=(Stream("stdout", "a"), Stream("stdout", "b")),
        kernel_restarted=earlier or later,
    )


def test_nothing_is_raised_for_success() -> None:
    ExecutionResult(status="ok").raise_for_error()


def test_data_items_are_all_forms_except_plain_text() -> None:
    display = Display({"text/plain": "x", "text/html": "<b>", "image/png": "iVBO"})
    result = ExecutionResult(status="ok", outputs=(Stream("stdout", "a"), display))
    assert result.data_items == (DataItem("text/html", "<b>"), DataItem("image/png", "iVBO"))


FIELDS = [
    "status", "execution_state", "execution_count", "payload", "user_expressions", "prompt",
    "ename", "evalue", "traceback", "name", "text", "data", "transient", "wait",
]  # fmt: skip
WORDS = st.sampled_from(["ok", "error", "aborted", "idle", "dead", "starting", "KeyboardInterrupt"])
PAGES = st.lists(
    st.dictionaries(st.sampled_from(["source", "data", "keepkernel"]), JSON | st.just("page"))
)
MESSAGES = st.builds(
    message,
    st.sampled_from(["shell", "control", "iopub", "stdin", "no such channel"]),
    st.sampled_from(
        ["status", "stream", "error", "display_data", "execute_reply", "input_request"]
    ),
    st.dictionaries(st.sampled_from(FIELDS), WORDS | PAGES | JSON, max_size=6),
    st.sampled_from(["req", "req", "other", None]),
)


@BOUNDED
@given(st.lists(MESSAGES, max_size=6), st.booleans(), st.booleans())
def test_no_message_raises_an_exception(messages: list[Message], gave_up: bool, lost: bool) -> None:
    exchange = fed(*messages)
    if lost:
        exchange.overtake(Exchange("later"))
    result = exchange.result(gave_up=gave_up)
    assert isinstance(result.output, str)
    assert result.data_items is not None
    assert isinstance(exchange.ends_kernel, bool)


def said(text: str, session: str = "ours", msg_type: str = "stream") -> Message:
    content = {"name": "stdout", "text": text} if msg_type == "stream" else {"ename": text}
    return Message(
        channel="iopub",
        header={"msg_id": "m", "msg_type": msg_type},
        parent_header={"msg_id": "earlier", "session": session},
        content=content,
    )


def test_late_output_of_earlier_cells_is_kept_separate() -> None:
    late_output, exchange = LateOutput("ours"), Exchange("req")
    assert late_output.feed(said("late")) == Stream("stdout", "late")
    assert late_output.feed(said("of another client", session="theirs")) is None
    assert late_output.feed(said("KeyboardInterrupt", msg_type="error")) is None
    result = exchange.result(late=late_output.take(100))
    assert (result.late_outputs, result.outputs) == ((Stream("stdout", "late"),), ())
    assert (result.output, result.truncated) == ("", None)


def test_an_exception_of_an_earlier_cell_is_late_output_unless_it_is_an_interrupt() -> None:
    late_output = LateOutput("ours")
    assert late_output.feed(said("CancelledError", msg_type="error")) is None
    assert late_output.feed(said("E", msg_type="error")) == Failure("E", "")


def test_missing_late_output_is_reported() -> None:
    late_output = LateOutput("ours", 10)
    late_output.feed(said("x" * 25))
    truncated = Exchange("req").result(late=late_output.take(10)).truncated
    assert truncated == Truncation(characters=15)


@rows(("answerer", "status"), [("first", "error"), ("second", "died"), (None, "error")])
def test_an_answer_from_another_process_reveals_an_unseen_death(
    answerer: str | None, status: str
) -> None:
    exchange = fed(evolve(BUSY, header={**BUSY.header, "session": "first"}))
    exchange.overtake(Exchange("later", process=answerer))
    assert exchange.done
    assert exchange.result().status == status


@rows(
    ("reason", "failure"),
    [
        ("exit code 3", Failure("KernelDied", "exit code 3")),
        ("x" * 300, Failure("KernelDied", "x" * 200)),
        (None, None),
    ],
)
def test_the_cause_of_a_death_is_reported_if_it_is_known(
    reason: str | None, failure: Failure | None
) -> None:
    exchange = Exchange("req")
    exchange.feed(parentless_status("dead", "s", reason))
    result = exchange.result()
    assert (result.status, result.failure, result.outputs) == ("died", failure, ())


def test_advice_that_the_cell_prints_on_stdout_is_kept() -> None:
    advice = "UserWarning: To exit: use 'exit', 'quit', or Ctrl-D.\n"
    exchange = Exchange("req")
    exchange.feed(message("iopub", "stream", {"name": "stdout", "text": advice}))
    exchange.feed(message("iopub", "stream", {"name": "stderr", "text": advice}))
    assert exchange.area.outputs == (Stream("stdout", advice),)
