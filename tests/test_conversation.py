"""Conversations and recovery, with scripted kernels instead of sockets."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve, field, frozen
from scripted import ScriptedKernel
from tables import rows

from jkg_client.client.callbacks import Callbacks
from jkg_client.client.timeouts import Timeouts
from jkg_client.errors import (
    ClientClosed,
    GatewayStatus,
    GatewayUnreachable,
    JkgError,
    KernelNotFound,
    KernelNotReady,
)
from jkg_client.protocol.message_gaps import Gap
from jkg_client.protocol.messages import kernel_info_request
from jkg_client.protocol.outputs import Output, Stream
from jkg_client.protocol.questions import InputRequest

OK = "busy seen reply idle"
CUT = Gap(may_lack=True, end_unseen=True)
LOST = "the connection broke, output may be missing"


def away() -> GatewayUnreachable:
    return GatewayUnreachable("away")


def gone() -> KernelNotFound:
    return KernelNotFound(404, "GET k", "")


@frozen(kw_only=True)
class Row:
    """One cell.

    Attributes:
        between: Words that arrived before the cell, while nobody read them.
        during: Words that arrive while the cell runs.
        did: The actions of the client.
        status: Status of the result.
        output: Output of the result.
        ends: ``failure.ename`` of the result.
        restarted: Whether the result says that variables are lost.
        missing: The missing output according to the result.
        seconds: Duration of the cell.
        known: The state of the kernel according to the server.
        after: Words that arrive before the next cell.
    """

    between: str = ""
    during: str
    did: str = "execute"
    status: str = "ok"
    output: str = ""
    ends: str | None = None
    restarted: bool = False
    missing: str = ""
    seconds: float | None = None
    known: str | None = "busy"
    after: str = ""
    numbered: bool = False
    timeout: float = 60.0
    sends: dict[str, Any] = field(factory=dict)
    failing: dict[str, JkgError] = field(factory=dict)


def check(kernel: ScriptedKernel, row: Row) -> None:
    """Run the row's cell on the kernel."""
    kernel.control.known = row.known
    kernel.channels.sends.update(row.sends)
    kernel.control.failing.update(row.failing)
    started = kernel.hand.now
    result = kernel.cell(row.during, between=row.between, timeout=row.timeout)
    said = result.output
    if result.failure is not None and result.failure.text in said:
        said = said.replace(result.failure.text, "").rstrip("\n")
    assert kernel.did == row.did
    assert (result.status, said) == (row.status, row.output)
    assert (result.failure.ename if result.failure else None) == row.ends
    assert result.kernel_restarted is row.restarted
    assert str(result.truncated or "") == row.missing
    if row.seconds is not None:
        assert kernel.hand.now - started == pytest.approx(row.seconds)


def fresh(row: Row) -> ScriptedKernel:
    """A kernel that has run a cell."""
    kernel = ScriptedKernel(numbered=row.numbered)
    assert kernel.cell(OK).status == "ok"
    return kernel


ENDS = {
    "in order": Row(during="busy seen out:a reply idle", output="a", seconds=0.0),
    "reply last": Row(during="busy out:a idle reply", output="a", seconds=0.0),
    "reply before all output": Row(during="reply busy out:a idle", output="a", seconds=0.0),
    "an error": Row(during="busy out:a error:E failed idle", status="error", output="a", ends="E"),
    # Aborted because code of another client failed. The cell is sent again.
    "aborted": Row(
        during="busy aborted idle until:execute busy out:a reply idle",
        did="execute execute",
        output="a",
    ),
    "aborted for ever": Row(
        during=" ".join(["busy aborted idle until:execute"] * 20 + ["busy aborted idle"]),
        did=" ".join(["execute"] * 21),
        status="aborted",
    ),
    "doubled": Row(during="busy out:a out:a reply reply idle idle", output="aa"),
    # After reply or idle, the client sends a query. Its answer counts as the end of the cell.
    "no idle": Row(
        during="busy out:a reply until:info answers",
        did="execute info",
        output="a",
        seconds=0.5,
        missing="1 message was lost",
    ),
    "no reply": Row(
        during="busy out:a idle until:info answers",
        did="execute info",
        status="error",
        output="a",
        ends="NoReply",
        seconds=0.5,
    ),
    "a late idle": Row(during="busy reply until:info idle", did="execute info", seconds=0.5),
    "idle after the question": Row(
        during="busy reply until:info out:a idle", did="execute info", output="a"
    ),
    # The kernel is busy for a long time. The client checks every few seconds that it is alive.
    "long silence": Row(
        during="busy until:check until:check reply idle", did="execute check check", seconds=12.0
    ),
    # The server says that the kernel is idle, so the end of the cell may have been missed.
    "an unseen end": Row(
        during="busy until:info answers",
        did="execute check info",
        status="error",
        ends="NoReply",
        missing="1 message was lost",
        known="idle",
        seconds=2.0,
    ),
    "an idle that the server knew first": Row(
        during="busy until:info out:a reply idle",
        did="execute check info",
        output="a",
        known="idle",
    ),
    "nothing known": Row(
        during="busy until:check reply idle", did="execute check", known=None, seconds=2.0
    ),
    "foreign messages": Row(during="foreign:x busy foreign:y out:a reply idle", output="a"),
}


@rows("name", ENDS)
def test_a_cell_ends_when_the_kernel_is_known_to_be_done(name: str) -> None:
    check(fresh(ENDS[name]), ENDS[name])


DEATHS = {
    "in silence before it": Row(
        between="restarting starting",
        during=f"answers {OK}",
        did="info execute",
        restarted=True,
    ),
    "before it, and slow to come back": Row(
        between="restarting",
        during=f"starting until:info answers {OK}",
        did="info check:new info execute",
        restarted=True,
    ),
    "while it ran": Row(
        during="busy out:a restarting",
        status="died",
        output="a",
        restarted=True,
        seconds=0.0,
        after="starting",
    ),
    "for good, as it seemed": Row(
        during="busy out:a dead", status="died", output="a", restarted=True, after="starting"
    ),
    "told only by the new one": Row(
        during="busy out:a starting", status="died", output="a", restarted=True, after="late:x"
    ),
    "before it took the cell": Row(during=f"starting {OK}", restarted=True, after="late:x"),
    # Servers may send a cell that the old process has not begun to the new one.
    "before it began, and the new one runs it": Row(
        during="restarting starting busy seen out:a reply idle answers",
        did="execute info",
        output="a",
        restarted=True,
    ),
    "before it began, and the new one runs it late": Row(
        during="restarting until:check:new starting busy out:a until:check reply idle",
        did="execute info check:new info check",
        output="a",
        restarted=True,
        after="late:x",
    ),
    "before it began, and the new one does not know it": Row(
        during="restarting starting answers",
        did="execute info",
        status="died",
        restarted=True,
    ),
    "before it began, for good": Row(
        during="dead", status="died", restarted=True, seconds=0.0, after="starting"
    ),
    "before it began, and no new one answers": Row(
        during="restarting gone", did="execute info", status="died", restarted=True
    ),
    "after the reply": Row(during="busy reply restarting", restarted=True, after="starting"),
    "twice before it": Row(
        between="restarting restarting", during=f"answers {OK}", did="info execute", restarted=True
    ),
    "by exit, told by the new one": Row(
        during="busy exits idle starting", restarted=True, seconds=0.0, after="late:x"
    ),
    "by exit": Row(during="busy exits idle restarting", restarted=True, after="starting"),
    "unseen, answered by the process that was": Row(
        during="busy out:a until:info answers",
        did="execute check info",
        known="idle",
        status="error",
        output="a",
        ends="NoReply",
        missing="1 message was lost",
    ),
    "gone": Row(during="busy out:a gone", status="died", output="a", restarted=True),
    "gone, as REST says": Row(
        during="busy out:a never",
        did="execute check",
        status="died",
        output="a",
        restarted=True,
        failing={"state": gone()},
    ),
}


@pytest.mark.field("G4")
@rows("name", DEATHS)
def test_a_death_is_reported_once_with_the_output_before_it(name: str) -> None:
    row = DEATHS[name]
    check(fresh(row), row)


GONE = {"gone", "gone, as REST says", "before it began, and no new one answers"}


@rows("name", sorted(set(DEATHS) - GONE))
def test_the_cell_after_a_death_runs_and_does_not_report_it_again(name: str) -> None:
    row = DEATHS[name]
    kernel = fresh(row)
    check(kernel, row)
    result = kernel.cell(f"answers {OK}" if row.after else OK, between=row.after)
    assert (result.status, result.truncated, result.kernel_restarted) == ("ok", None, False)


def test_a_new_process_that_runs_the_cell_of_the_old_one_may_die_too() -> None:
    for row in (
        DEATHS["before it took the cell"],
        DEATHS["before it began, and the new one runs it"],
    ):
        kernel = fresh(row)
        check(kernel, row)
        result = kernel.cell(f"answers {OK}", between="restarting starting")
        assert (result.status, result.kernel_restarted) == ("ok", True)


def test_a_kernel_that_does_not_come_back_before_the_cell_has_died() -> None:
    kernel = fresh(ENDS["in order"])
    started = kernel.hand.now
    result = kernel.cell("restarting never", timeout=500.0)
    assert (result.status, result.kernel_restarted) == ("died", True)
    assert kernel.hand.now - started == pytest.approx(kernel.timeouts.ready)


def test_the_callback_gets_the_output_of_the_new_process() -> None:
    kernel, told = fresh(ENDS["in order"]), list[Output]()
    kernel.cell(
        "restarting until:info busy out:a answers reply idle", callbacks=Callbacks(told.append)
    )
    assert told == [Stream("stdout", "a")]


def test_late_outputs_are_told_once_even_if_the_cell_could_not_be_sent() -> None:
    kernel, told = fresh(ENDS["in order"]), list[Output]()
    kernel.channels.sends["execute"] = away()
    with pytest.raises(GatewayUnreachable):
        kernel.cell("never", between="late:z", callbacks=Callbacks(told.append))
    result = kernel.cell(OK, callbacks=Callbacks(told.append))
    assert told == list(result.late_outputs) == [Stream("stdout", "z")]


def test_an_unseen_death_is_known_from_the_answers_of_another_process() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.channels.process += 1
    assert kernel.cell(OK).kernel_restarted
    assert not kernel.cell(OK).kernel_restarted


def test_another_process_that_answers_in_place_of_the_cell_is_a_death() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.control.known = "idle"

    def die(_: Output) -> None:
        kernel.channels.process += 1

    result = kernel.cell("busy out:a until:info answers", callbacks=Callbacks(die))
    assert (result.status, result.output, result.kernel_restarted) == ("died", "a", True)
    assert not kernel.cell(f"answers {OK}").kernel_restarted


# The time limit is 5 s. After each of two interrupts, the client waits for 2 s.
GIVEN_UP = {
    "it ends": Row(
        during="busy out:a until:interrupt error:KeyboardInterrupt failed idle",
        did="execute check info interrupt info",
        output="a",
        ends="KeyboardInterrupt",
        seconds=7.0,
    ),
    "it ends by itself": Row(
        during="busy until:interrupt out:a reply idle",
        did="execute check info interrupt info",
        output="a",
    ),
    "the first interrupt is lost": Row(
        during="busy until:prove error:KeyboardInterrupt failed idle",
        did="execute check info interrupt info prove interrupt info",
        ends="KeyboardInterrupt",
        seconds=9.0,
    ),
    "the interrupt costs the reply": Row(
        during="busy until:interrupt idle answers",
        did="execute check info interrupt info",
        ends="NoReply",
        seconds=7.0,
    ),
    "code that will not end": Row(
        during="busy out:a until:restart starting answers",
        did="execute check info interrupt info prove interrupt info restart info",
        output="a",
        restarted=True,
        seconds=11.0,
    ),
    "a kernel that the interrupt kills": Row(
        during="busy until:interrupt dead",
        did="execute check info interrupt info",
        restarted=True,
    ),
    "a server that is away": Row(
        during="busy out:a never",
        did="execute check info interrupt",
        output="a",
        failing={"interrupt": away()},
        missing=LOST,
    ),
    "a kernel that is gone": Row(
        during="busy out:a never",
        did="execute check info interrupt",
        output="a",
        status="died",
        restarted=True,
        failing={"interrupt": gone()},
    ),
    "output that comes after the restart": Row(
        during="busy until:restart out:b starting answers",
        did="execute check info interrupt info prove interrupt info restart info",
        output="b",
        restarted=True,
    ),
    "a cut after the restart": Row(
        during="busy out:a until:restart cut answers answers",
        did="execute check info interrupt info prove interrupt info restart info info info",
        output="a",
        restarted=True,
        missing=LOST,
    ),
    "code that begins only after the restart": Row(
        during="until:restart starting busy until:interrupt failed idle answers",
        did="execute check info interrupt info prove interrupt info restart info interrupt",
        ends="E",
        restarted=True,
        seconds=11.0,
    ),
    "a process that is gone, as the server says": Row(
        during="busy until:restart starting answers",
        did="execute check info interrupt info prove interrupt info restart info",
        failing={"interrupt": GatewayStatus(500, "POST k/interrupt", "")},
        restarted=True,
    ),
    "a server that refuses the interrupt": Row(
        during="busy never",
        did="execute check info interrupt",
        failing={"interrupt": GatewayStatus(499, "POST k/interrupt", "")},
        missing=LOST,
    ),
    "a kernel that shows at once that it lives": Row(
        during="busy until:info answers until:interrupt failed idle",
        did="execute check info interrupt info",
        ends="E",
        seconds=5.0,
    ),
    "output that comes after the interrupt": Row(
        during="busy until:interrupt out:b failed idle",
        did="execute check info interrupt info",
        output="b",
        ends="E",
    ),
    "a cut after the interrupt": Row(
        during="busy until:interrupt cut answers",
        did="execute check info interrupt info info",
        ends="ConnectionLost",
        missing="the connection broke, at least 1 message was lost",
        seconds=7.0,
    ),
}


@pytest.mark.field("G4")
@rows("name", GIVEN_UP)
def test_a_cell_beyond_its_time_limit_is_interrupted_or_its_kernel_restarted(name: str) -> None:
    row = GIVEN_UP[name]
    row = evolve(row, timeout=5.0, status="timeout" if row.status == "ok" else row.status)
    check(fresh(row), row)


@pytest.mark.parametrize(("told", "status"), [("info", "died"), ("interrupt", "timeout")])
def test_a_given_up_cell_that_the_next_process_begins_is_interrupted(
    told: str, status: str
) -> None:
    kernel = fresh(ENDS["in order"])
    first = kernel.cell(f"until:{told} restarting", timeout=5.0)
    assert (first.status, first.kernel_restarted) == (status, True)
    # The request was still in the queue. Without an interrupt, its code would run to its end.
    second = kernel.cell(f"starting busy until:interrupt out:a failed idle answers {OK}")
    assert kernel.did == "info interrupt execute"
    assert (second.status, second.kernel_restarted) == ("ok", False)
    assert second.late_outputs == (Stream("stdout", "a"),)


def test_a_late_end_after_exit_is_awaited_and_reported_by_the_next_cell() -> None:
    kernel = fresh(ENDS["in order"])
    row = Row(during="busy exits idle never", did="execute check", seconds=8.0)
    check(kernel, row)
    result = kernel.cell(f"answers {OK}", between="restarting starting")
    assert (kernel.did, result.status, result.kernel_restarted) == ("info execute", "ok", True)


# The time limit passes, and then the interrupts fail, or the kernel fails after its restart.
def test_a_kernel_that_is_not_ready_after_its_restart_is_reported_by_the_next_cell() -> None:
    kernel = fresh(ENDS["in order"])
    result = kernel.cell("busy until:restart never", timeout=5.0)
    assert (result.status, result.kernel_restarted) == ("timeout", True)
    with pytest.raises(KernelNotReady, match="kernel k does not answer"):
        kernel.cell("never")
    result = kernel.cell(f"answers {OK}")
    assert (result.status, result.kernel_restarted) == ("ok", False)


def test_a_refused_restart_is_tried_again_before_the_next_cell() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.control.failing["restart"] = away()
    result = kernel.cell("busy out:a never", timeout=5.0)
    assert (result.status, result.output, str(result.truncated)) == ("timeout", "a", LOST)
    with pytest.raises(GatewayUnreachable, match="away"):
        kernel.cell("never")
    kernel.control.failing.clear()
    result = kernel.cell(f"until:restart starting answers {OK}")
    assert kernel.did == "interrupt info prove interrupt info restart info execute"
    assert (result.status, result.kernel_restarted) == ("ok", True)


LINES = {
    # There are no numbers, so it is unknown whether messages are missing.
    "kept": Row(during="busy out:a kept out:b reply idle", did="execute info", output="ab"),
    "cut": Row(
        during="busy out:a cut out:b reply idle",
        did="execute info",
        output="ab",
        missing=LOST,
    ),
    "cut before the end": Row(
        during="busy out:a cut answers",
        did="execute info",
        status="error",
        output="a",
        ends="ConnectionLost",
        missing="the connection broke, at least 1 message was lost",
    ),
    "kept, and yet no end": Row(
        during="busy out:a kept answers",
        did="execute info",
        status="error",
        output="a",
        ends="NoReply",
        missing="1 message was lost",
    ),
    "cut after the reply": Row(
        during="busy out:a reply cut answers",
        did="execute info",
        output="a",
        missing="the connection broke, at least 1 message was lost",
    ),
    "unread": Row(during="busy unread unread reply idle", missing="2 messages were lost"),
    "a check finds a dead line": Row(
        during="busy out:a until:info out:b reply idle",
        did="execute check info",
        output="ab",
        missing=LOST,
        sends={"check": CUT},
    ),
    "a dead line takes the cell": Row(during=OK, sends={"execute": CUT}),
    "a dead line takes the question": Row(
        during="busy out:a reply until:info idle",
        did="execute info info",
        output="a",
        missing=LOST,
        sends={"info": CUT},
        seconds=0.5,
    ),
    # The numbers prove which messages are missing.
    "cut, and whole": Row(
        during="busy seen out:a cut out:b reply idle",
        did="execute info",
        output="ab",
        numbered=True,
    ),
    "cut, and 3 are lost": Row(
        during="busy seen out:a cut lost lost lost out:b reply idle",
        did="execute info",
        output="ab",
        missing="the connection broke, at least 3 messages were lost",
        numbered=True,
    ),
    "cut, and the idle is lost": Row(
        during="busy seen out:a reply cut lost answers",
        did="execute info",
        output="a",
        numbered=True,
    ),
    "cut, and the reply is lost": Row(
        during="busy seen out:a cut lost idle answers",
        did="execute info",
        status="error",
        output="a",
        ends="ConnectionLost",
        missing="the connection broke, at least 1 message was lost",
        numbered=True,
    ),
    "cut, and the end is lost": Row(
        during="busy seen out:a cut lost lost answers",
        did="execute info",
        status="error",
        output="a",
        ends="ConnectionLost",
        missing="the connection broke, at least 1 message was lost",
        numbered=True,
    ),
    "cut before the beginning": Row(
        during="cut lost lost out:a reply idle",
        did="execute info",
        output="a",
        numbered=True,
    ),
    "cut before the second output": Row(
        during="cut lost lost lost out:a reply idle",
        did="execute info",
        output="a",
        missing=LOST,
        numbered=True,
    ),
    "cut until the end": Row(
        during="cut lost lost lost reply idle",
        did="execute info",
        missing=LOST,
        numbered=True,
    ),
    "cut at the beginning": Row(
        during="cut busy seen out:a reply idle",
        did="execute info",
        output="a",
        numbered=True,
    ),
    "cut twice, and whole": Row(
        during="busy cut seen out:a cut out:b reply idle",
        did="execute info info",
        output="ab",
        numbered=True,
    ),
    # The answers to a later request say nothing about a cell that has not ended.
    "cut, and the kernel dies": Row(
        during="busy seen out:a cut lost lost late: restarting",
        did="execute info",
        status="died",
        output="a",
        missing=LOST,
        restarted=True,
        numbered=True,
        after="starting",
    ),
    "unread, and known by its number": Row(
        during="busy seen lost unread out:b reply idle",
        output="b",
        missing="1 message was lost",
        numbered=True,
    ),
}


@pytest.mark.field("G4")
@rows("name", LINES)
def test_only_output_that_a_broken_connection_costs_is_reported(name: str) -> None:
    row = LINES[name]
    kernel = fresh(row)
    check(kernel, row)
    result = kernel.cell(f"answers {OK}" if row.after else OK, between=row.after)
    assert result.truncated is None


# The connection took the cell, but broke before the server read it.
def test_a_request_that_never_arrived_is_not_said_to_have_ended() -> None:
    result = fresh(ENDS["in order"]).cell("kept answers")
    assert result.failure is not None
    assert (result.status, result.failure.ename) == ("error", "NoReply")
    assert "unknown whether the code ran" in result.failure.evalue


def test_after_a_break_between_cells_the_kernel_must_answer_before_the_next_cell() -> None:
    kernel = fresh(ENDS["in order"])
    result = kernel.cell(f"answers {OK}", between="cut")
    assert (kernel.did, result.truncated, result.kernel_restarted) == ("info execute", None, False)


@pytest.mark.parametrize("between", ["unread", "late:x", "foreign:x"])
def test_without_a_sign_of_trouble_no_query_is_sent_between_cells(between: str) -> None:
    kernel = fresh(ENDS["in order"])
    assert kernel.cell(OK, between=between).truncated is None
    assert kernel.did == "execute"


FAILS = {
    "a line that cannot be mended": ("busy out:a broken", {}, "the line broke"),
    "a check that fails": ("busy out:a never", {"check": away()}, "away"),
    "a question that cannot be sent": ("busy out:a reply", {"info": away()}, "away"),
}


@pytest.mark.parametrize("name", FAILS)
def test_an_error_has_the_output_so_far(name: str) -> None:
    words, sends, said = FAILS[name]
    kernel = fresh(ENDS["in order"])
    kernel.channels.sends.update(sends)
    with pytest.raises(GatewayUnreachable, match=said) as caught:
        kernel.cell(words)
    result = caught.value.result
    assert (result.output.splitlines()[0], result.truncated.connection_lost) == ("a", True)
    assert result.status != "timeout"
    # The cell may still run. So it is ended first, and the kernel has to answer.
    again = kernel.cell(f"until:interrupt failed idle answers {OK}")
    assert kernel.did == "interrupt info info execute"
    assert (again.status, again.truncated) == ("ok", None)


def test_a_cell_that_could_not_be_sent_is_an_error_and_does_not_run() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.channels.sends["execute"] = away()
    with pytest.raises(GatewayUnreachable) as caught:
        kernel.cell("never")
    assert caught.value.result is None
    assert kernel.cell(OK).status == "ok"
    assert kernel.did == "execute"


def test_a_kernel_that_is_gone_before_the_cell_is_an_error() -> None:
    kernel = fresh(ENDS["in order"])
    with pytest.raises(KernelNotFound):
        kernel.cell(OK, between="gone")


def test_closed_channels_end_the_cell_at_once() -> None:
    kernel = fresh(ENDS["in order"])
    with pytest.raises(ClientClosed):
        kernel.cell("busy closed")
    assert kernel.did == "execute"


class Pressed(Exception):
    """An exception such as Ctrl-C or the failure of a callback."""


def test_an_exception_of_a_callback_interrupts_the_cell_and_is_raised() -> None:
    kernel = fresh(ENDS["in order"])

    def fail(_: Output) -> None:
        raise Pressed

    with pytest.raises(Pressed):
        kernel.cell("busy out:a until:interrupt out:b failed idle", callbacks=Callbacks(fail))
    assert kernel.did == "execute interrupt info"
    result = kernel.cell(OK)
    assert (kernel.did, result.status, result.late_outputs) == ("execute", "ok", ())


def test_the_callback_also_gets_late_outputs_of_earlier_cells_in_order() -> None:
    kernel, told = fresh(ENDS["in order"]), list[Output]()
    result = kernel.cell(
        "busy out:a late:c foreign:x out:b reply idle",
        between="late:z foreign:y",
        callbacks=Callbacks(told.append),
    )
    assert told == [Stream("stdout", text) for text in "zacb"]
    assert (result.output, result.late_outputs) == ("ab", (Stream("stdout", "zc"),))
    assert kernel.cell(OK).late_outputs == ()


INPUTS = {
    "an answer": (lambda _: "Ada", "input:Ada"),
    "the end": (None, "input:\x04"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_a_question_is_answered(name: str) -> None:
    on_input, did = INPUTS[name]
    kernel, asked = fresh(ENDS["in order"]), list[InputRequest]()

    def answer(request: InputRequest) -> str:
        asked.append(request)
        return "Ada"

    callbacks = Callbacks(on_input=answer if on_input else None)
    result = kernel.cell("busy asks until:" + did + " out:a reply idle", callbacks=callbacks)
    assert (result.status, result.output, kernel.did) == ("ok", "a", f"execute refresh {did}")
    assert asked == ([InputRequest("? ")] if on_input else [])


def test_a_callback_may_end_the_input() -> None:
    def end(_: InputRequest) -> str:
        raise EOFError

    kernel = fresh(ENDS["in order"])
    kernel.cell("busy asks reply idle", callbacks=Callbacks(on_input=end))
    assert kernel.did == "execute refresh input:\x04"


def test_an_input_reply_that_restores_the_connection_reports_the_gap() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.channels.sends["input_reply"] = CUT
    result = kernel.cell("busy asks until:info out:a reply idle")
    assert kernel.did == "execute refresh input:\x04 info"
    assert (result.output, str(result.truncated)) == ("a", LOST)


def test_a_query_is_answered_in_time_or_has_no_reply() -> None:
    kernel = fresh(ENDS["in order"])
    request = kernel_info_request("ours")
    deadline = kernel.hand.clock().deadline(1.0)
    kernel.channels.during.append("never")
    assert kernel.talk.ask(request, deadline).reply is None
    kernel.channels.during.clear()
    kernel.channels.during.append("answers")
    assert kernel.talk.ask(request, kernel.hand.clock().deadline(1.0)).reply == {
        "status": "ok",
        "implementation": "ipython",
    }


def test_a_silent_kernel_gets_more_queries_and_the_connection_is_checked() -> None:
    kernel = ScriptedKernel()
    started = kernel.hand.now
    kernel.channels.during.append("never")
    assert not kernel.talk.answers(kernel.hand.clock().deadline(20.0))
    # Queries after 1, 2, 4 and 8 seconds, and heartbeats in between.
    assert kernel.hand.now - started == pytest.approx(20.0)
    assert kernel.did.count("info") == 5


def test_a_result_reports_restarts_that_end_cells_but_not_requested_restarts() -> None:
    kernel = fresh(ENDS["in order"])
    for is_known in (True, False):
        kernel.channels.between.extend(["late:x", "restarting"])
        kernel.channels.during.append("answers")
        kernel.talk.restarted(
            kernel.hand.clock().deadline(5.0), kernel.talk.life.deaths, is_known=is_known
        )
        result = kernel.cell(OK)
        assert (result.kernel_restarted, result.late_outputs) == (not is_known, ())


@pytest.mark.parametrize(
    ("news", "restarts_later", "is_reported"),
    [
        ("restarting", 0, False),
        ("starting", 0, False),
        ("until:info answers", 0, False),
        # The cell has noticed another restart. The requested one came after it.
        ("until:info answers", 1, True),
    ],
)
def test_a_restart_is_reported_once_even_if_the_running_cell_notices_it_first(
    news: str, restarts_later: int, is_reported: bool
) -> None:
    kernel = fresh(ENDS["in order"])
    kernel.control.known = "starting"
    before = kernel.talk.life.deaths

    def restart(output: Output) -> None:
        kernel.channels.process += 1

    result = kernel.cell(f"busy out:a {news}", callbacks=Callbacks(restart))
    assert (result.output, result.kernel_restarted) == ("a", True)
    kernel.channels.process += restarts_later
    kernel.channels.during.append("answers")
    kernel.talk.restarted(kernel.hand.clock().deadline(5.0), before, is_known=False)
    assert kernel.cell(OK).kernel_restarted == is_reported


def test_a_caller_who_requests_a_restart_knows_about_each_restart_until_then() -> None:
    kernel = fresh(ENDS["in order"])
    before = kernel.talk.life.deaths
    kernel.cell("busy restarting")
    kernel.cell(f"answers {OK}")
    kernel.channels.process += 1
    kernel.channels.during.append("answers")
    kernel.talk.restarted(kernel.hand.clock().deadline(5.0), before, is_known=True)
    assert not kernel.cell(OK).kernel_restarted


# Some deaths are told by a message, others are known from the answers of another process.
def test_each_death_of_a_process_is_counted() -> None:
    kernel = fresh(ENDS["in order"])
    for _ in range(2):
        kernel.cell(f"starting {OK}")
        kernel.channels.process += 1
        kernel.cell(f"answers {OK}")
    assert kernel.talk.life.deaths == 4


def test_a_kernel_that_does_not_answer_after_a_restart_on_request_is_not_ready() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.channels.during.append("never")
    with pytest.raises(KernelNotReady):
        kernel.talk.restarted(
            kernel.hand.clock().deadline(5.0), kernel.talk.life.deaths, is_known=True
        )


def test_the_time_limit_may_pass_before_the_client_asks_whether_more_follows() -> None:
    kernel = fresh(ENDS["in order"])
    result = kernel.cell("busy reply until:interrupt idle", timeout=0.3)
    assert result.status == "timeout"
    # The client asks at once whether the kernel is alive, and after 0.5 s whether more follows.
    assert kernel.did == "execute info info interrupt info"


def test_messages_that_arrived_before_the_restart_are_kept() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.control.at_restart = "out:b cut late:x"
    result = kernel.cell("busy out:a until:restart starting answers", timeout=5.0)
    assert (result.output, result.late_outputs) == ("ab", (Stream("stdout", "x"),))


# What arrives of the old process before the restart has returned, what arrives later, and the loss.
# The request that ends the process looks like the request of another client.
AT_THE_END: list[tuple[str, str, str]] = [
    ("theirs foreign:x theirs-end out:b", "", ""),
    ("", "theirs foreign:x theirs-end out:b", ""),
    # Four message numbers are missing. One may be that of a value that shows itself: not counted.
    # With another client, two more are not counted: they may belong to the replies to this client.
    ("lost lost lost lost out:b", "", "3 messages were lost"),
    ("theirs lost lost lost lost theirs-end out:b", "", "1 message was lost"),
    ("", "theirs lost lost lost lost theirs-end out:b", "1 message was lost"),
]


@rows(("unread", "later", "missing"), AT_THE_END)
def test_messages_about_the_end_of_the_process_are_not_missing(
    unread: str, later: str, missing: str
) -> None:
    kernel = ScriptedKernel(numbered=True)
    kernel.control.at_restart = unread
    result = kernel.cell(f"busy seen out:a until:restart {later} starting answers", timeout=5.0)
    assert (result.output, str(result.truncated or "")) == ("ab", missing)


def test_after_the_interrupt_nothing_takes_longer_than_the_grace_period() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.cell("busy until:interrupt failed idle", timeout=5.0)
    assert kernel.channels.limits[-1] == kernel.timeouts.grace


def test_a_kernel_that_could_not_be_recovered_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    kernel = fresh(ENDS["in order"])
    kernel.control.failing["interrupt"] = away()
    kernel.cell("busy never", timeout=5.0)
    assert caplog.messages == ["kernel k could not be recovered: away"]


def test_a_cell_that_ended_while_nothing_was_read_is_not_interrupted() -> None:
    kernel = fresh(ENDS["in order"])
    with pytest.raises(GatewayUnreachable):
        kernel.cell("busy out:a broken")
    result = kernel.cell(f"answers {OK}", between="out:b reply idle")
    assert (kernel.did, result.output) == ("info execute", "")


def test_output_of_an_abandoned_cell_is_late_output() -> None:
    kernel = fresh(ENDS["in order"])
    with pytest.raises(GatewayUnreachable):
        kernel.cell("busy out:a broken")
    result = kernel.cell(f"until:interrupt out:b failed idle answers {OK}")
    assert (result.output, result.late_outputs) == ("", (Stream("stdout", "b"),))


def test_late_output_after_a_gap_is_reported() -> None:
    kernel = ScriptedKernel()
    result = kernel.cell(f"answers {OK}", between="cut late:x")
    assert result.late_outputs == (Stream("stdout", "x"),)


def test_late_output_after_a_restart_is_reported() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.channels.during.append("answers")
    kernel.talk.restarted(kernel.hand.clock().deadline(5.0), kernel.talk.life.deaths, is_known=True)
    assert kernel.cell(OK, between="late:x").late_outputs == (Stream("stdout", "x"),)


def test_late_output_has_the_limit_of_the_cell_before_it() -> None:
    kernel = ScriptedKernel()
    kernel.cell(OK, max_output=4)
    result = kernel.cell(OK, between="late:0123456789")
    assert str(result.truncated) == "6 characters of output were dropped"


def test_late_output_that_arrives_during_a_query_is_reported_by_the_first_cell() -> None:
    kernel = ScriptedKernel()
    kernel.channels.during.extend(["late:x", "answers"])
    assert kernel.talk.answers(kernel.hand.clock().deadline(5.0))
    assert kernel.cell(OK).late_outputs == (Stream("stdout", "x"),)


def test_a_kernel_that_was_ready_and_then_died_has_lost_its_variables() -> None:
    kernel = ScriptedKernel()
    kernel.channels.during.append("answers")
    assert kernel.talk.answers(kernel.hand.clock().deadline(5.0))
    assert kernel.cell(f"answers {OK}", between="restarting").kernel_restarted


def test_a_line_is_replaced_only_while_the_new_kernel_gives_no_answer() -> None:
    kernel = fresh(ENDS["in order"])
    assert kernel.cell(f"until:check:new answers {OK}", between="restarting").kernel_restarted
    kernel.forget()
    kernel.channels.during.extend(["until:check", "until:check", "answers"])
    assert kernel.talk.answers(kernel.hand.clock().deadline(9.0))
    assert kernel.did == "info check info check info"


def test_a_kernel_that_starts_during_a_query_gets_another_on_the_same_connection() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.forget()
    kernel.channels.during.extend(["starting", "answers"])
    assert kernel.talk.answers(kernel.hand.clock().deadline(9.0))
    assert kernel.did == "info info"


def test_a_kernel_is_ready_when_its_answer_is_complete() -> None:
    kernel = ScriptedKernel()
    kernel.channels.during.extend(["half", "never"])
    assert not kernel.talk.answers(kernel.hand.clock().deadline(1.0))
    kernel.channels.during.clear()
    kernel.channels.during.append("answers")
    assert kernel.talk.answers(kernel.hand.clock().deadline(1.0))


@pytest.mark.parametrize(("seconds", "times"), [(1.0, 1), (40.0, 8)])
def test_the_pauses_between_queries_grow_up_to_8_seconds(seconds: float, times: int) -> None:
    kernel = ScriptedKernel()
    kernel.channels.during.append("never")
    assert not kernel.talk.answers(kernel.hand.clock().deadline(seconds))
    assert kernel.channels.did.count("info") == times
    assert all(limit is not None and limit <= seconds for limit in kernel.channels.limits)


@pytest.mark.parametrize(("first_heartbeat", "pause"), [(0.2, 0.1), (0.0, 0.05)])
def test_a_short_heartbeat_shortens_the_pauses_between_queries(
    first_heartbeat: float, pause: float
) -> None:
    kernel = ScriptedKernel(timeouts=Timeouts(first_heartbeat=first_heartbeat))
    kernel.channels.during.append("never")
    assert not kernel.talk.answers(kernel.hand.clock().deadline(6.5 * pause))
    assert kernel.channels.did.count("info") == 3


@pytest.mark.parametrize(("first_heartbeat", "pause"), [(0.2, 0.2), (0.0, 0.0), (2.0, 0.5)])
def test_the_end_of_a_cell_is_missed_no_later_than_the_first_heartbeat(
    first_heartbeat: float, pause: float
) -> None:
    kernel = ScriptedKernel(timeouts=Timeouts(first_heartbeat=first_heartbeat))
    started = kernel.hand.now
    assert kernel.cell("busy reply until:info answers").status == "ok"
    assert kernel.hand.now - started == pytest.approx(pause)


def test_a_start_message_before_the_cell_does_not_end_a_query() -> None:
    kernel = fresh(ENDS["in order"])
    result = kernel.cell(f"kept starting {OK} answers")
    assert (kernel.did, result.status, result.truncated) == ("execute info", "ok", None)
    assert result.kernel_restarted


def test_the_check_for_life_uses_the_control_channel_and_is_quick() -> None:
    kernel = ScriptedKernel(timeouts=Timeouts(grace=1.0))
    started, told = kernel.hand.now, list[Output]()
    result = kernel.cell(
        "busy until:info out:a until:interrupt failed idle",
        timeout=1.5,
        callbacks=Callbacks(told.append),
    )
    assert (result.status, told) == ("timeout", [Stream("stdout", "a")])
    assert [message.channel for message in kernel.channels.asked] == ["control", "shell"]
    assert kernel.channels.limits[1:] == [1.0, 1.0]
    # Half the grace period for the answer, and the other half for the end.
    assert kernel.hand.now - started == pytest.approx(1.5 + 0.5)


def test_a_cell_that_is_sent_again_keeps_as_much_output() -> None:
    kernel = fresh(ENDS["in order"])
    during = "busy aborted idle until:execute busy out:0123456789 reply idle"
    assert str(kernel.cell(during, max_output=4).truncated) == "6 characters of output were dropped"


def test_an_exception_of_a_callback_is_raised_even_after_stop() -> None:
    kernel = fresh(ENDS["in order"])

    def stop(_: Output) -> None:
        kernel.channels.abort()
        raise Pressed

    with pytest.raises(Pressed):
        kernel.cell("busy out:a never", callbacks=Callbacks(stop))


def test_a_break_during_the_wait_for_a_new_kernel_is_left_to_the_next_cell() -> None:
    kernel = fresh(ENDS["in order"])
    result = kernel.cell("busy out:a until:restart broken", timeout=5.0)
    assert (result.status, str(result.truncated)) == ("timeout", LOST)
    assert kernel.cell(f"answers {OK}").status == "ok"
    assert kernel.did == "info execute"


# Kernels such as Deno send idle before the value of the cell.
def test_a_value_that_comes_after_idle_is_awaited() -> None:
    kernel, told = ScriptedKernel(implementation="Deno kernel"), list[Output]()
    kernel.channels.during.append("answers")
    assert kernel.talk.answers(kernel.hand.clock().deadline(5.0))
    during = "busy seen reply idle until:info value answers"
    result = kernel.cell(during, callbacks=Callbacks(told.append))
    assert (kernel.did, result.output) == ("execute info", "42")
    assert [output.text for output in told] == ["42"]


def test_a_value_after_idle_may_be_lost_in_a_cut() -> None:
    kernel = ScriptedKernel(implementation="deno")
    kernel.channels.during.append("answers")
    assert kernel.talk.answers(kernel.hand.clock().deadline(5.0))
    result = kernel.cell("busy seen reply idle until:info cut answers")
    assert (result.status, str(result.truncated)) == ("ok", LOST)


def test_a_missing_value_is_awaited_no_longer_than_the_grace_period() -> None:
    kernel = ScriptedKernel(implementation="deno")
    kernel.channels.during.append("answers")
    assert kernel.talk.answers(kernel.hand.clock().deadline(5.0))
    started = kernel.hand.now
    assert kernel.cell("busy reply idle never").status == "ok"
    assert kernel.hand.now - started == pytest.approx(kernel.timeouts.grace)


def test_a_kernel_that_sent_a_value_after_idle_is_remembered() -> None:
    kernel = fresh(ENDS["in order"])
    assert kernel.cell("busy reply idle until:info answers", between="value").status == "ok"
    assert kernel.did == "execute info"


def test_a_cell_that_waits_behind_another_client_is_not_interrupted_before_it_begins() -> None:
    kernel = fresh(ENDS["in order"])
    result = kernel.cell("theirs never", timeout=5.0)
    assert (result.status, result.failure and result.failure.ename) == ("timeout", "NotBegun")
    assert kernel.did == "execute check"
    result = kernel.cell(OK, between="theirs-end busy out:x")
    assert (kernel.did, result.status, result.kernel_restarted) == (
        "interrupt execute",
        "ok",
        False,
    )


# The messages that arrive before and during our next cell, which runs for a long time.
NOT_INTERRUPTED = {
    "it ended while nobody read": ("theirs-end busy failed idle", "busy seen until:check"),
    "other code of another client runs": ("theirs-end busy failed idle theirs", "until:check busy"),
    "its end was lost": ("theirs-end", "until:execute before-busy cut busy until:check"),
    "only the code of another client follows": ("theirs-end busy", "theirs until:check busy"),
}


@rows("name", NOT_INTERRUPTED)
def test_a_waiting_cell_is_interrupted_only_while_it_runs(name: str) -> None:
    kernel = fresh(ENDS["in order"])
    kernel.cell("theirs never", timeout=5.0)
    between, during = NOT_INTERRUPTED[name]
    result = kernel.cell(f"{during} out:a reply idle", between=between)
    assert (result.status, result.output) == ("ok", "a")
    begins_alone = "before-busy" in during or between.endswith("busy")
    assert kernel.did.count("interrupt") == begins_alone


# The end of our cell was lost, and the kernel already runs code of another client.
def test_a_time_limit_does_not_interrupt_the_code_that_follows_a_lost_end() -> None:
    kernel = fresh(ENDS["in order"])
    row = Row(
        during="busy seen out:a cut theirs never",
        did="execute info check info",
        status="timeout",
        output="a",
        ends="ConnectionLost",
        missing="the connection broke, at least 1 message was lost",
        timeout=5.0,
    )
    check(kernel, row)
    assert kernel.cell(OK, between="theirs-end").status == "ok"
    assert kernel.did == "execute"


def test_a_broken_cell_is_not_interrupted_if_other_code_has_followed_it() -> None:
    kernel = fresh(ENDS["in order"])
    with pytest.raises(GatewayUnreachable):
        kernel.cell("busy out:a broken")
    result = kernel.cell(f"until:info answers {OK}", between="cut theirs")
    assert (kernel.did, result.status, result.kernel_restarted) == ("info execute", "ok", False)


def test_a_lost_end_of_another_client_does_not_protect_our_later_code() -> None:
    kernel = fresh(ENDS["in order"])
    assert kernel.cell(OK, between="theirs").status == "ok"
    assert kernel.cell("until:interrupt failed idle", timeout=5.0).status == "timeout"
    assert kernel.did == "execute check info interrupt info"


# The code of the other client began before we connected.
@rows(
    ("after", "did"),
    [
        (
            f"until:execute before-busy until:interrupt before-failed before-idle {OK}",
            "execute interrupt",
        ),
        (OK, "execute"),
    ],
)
def test_code_that_began_before_we_connected_is_not_interrupted(after: str, did: str) -> None:
    kernel = ScriptedKernel()
    result = kernel.cell("until:info half never", timeout=5.0)
    assert (result.status, result.failure and result.failure.ename) == ("timeout", "NotBegun")
    assert kernel.did == "execute check info"
    assert kernel.cell(after).status == "ok"
    assert kernel.did == did


def test_a_kernel_that_never_answers_is_restarted_at_the_time_limit() -> None:
    kernel = ScriptedKernel()
    result = kernel.cell("until:restart answers", timeout=5.0)
    assert (result.status, kernel.did.count("restart")) == ("timeout", 1)


def test_a_cell_whose_interrupt_was_lost_is_interrupted_again() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.cell("theirs never", timeout=5.0)
    ended = "until:execute until:interrupt before-failed before-idle"
    result = kernel.cell(f"{ended} {OK}", between="theirs-end busy")
    assert (kernel.did, result.status) == ("interrupt execute interrupt", "ok")


def test_a_waiting_cell_that_ignores_interrupts_does_not_count_as_another_clients() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.cell("theirs never", timeout=5.0)
    begins = "until:execute theirs-end before-busy before-seen"
    result = kernel.cell(f"{begins} until:restart answers", timeout=5.0)
    assert (result.status, kernel.did.count("restart")) == ("timeout", 1)


def test_a_waiting_cell_is_not_interrupted_while_the_next_cell_waits_behind_it() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.cell("theirs never", timeout=1.0)
    assert kernel.cell("never", timeout=1.0).status == "timeout"
    assert kernel.did == "execute"


def test_our_own_cell_with_a_missed_end_does_not_count_as_another_clients() -> None:
    kernel = fresh(ENDS["in order"])
    kernel.cell("busy seen reply until:info answers")
    kernel.cell("until:interrupt failed idle", timeout=1.0)
    assert kernel.did == "execute info interrupt info"
