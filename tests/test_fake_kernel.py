"""The kernel of the fake gateway, compared with messages of ipykernel."""

from __future__ import annotations

import base64
import builtins
import gc
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient, RawKernel, raw_client, says
from tables import rows, table

pytestmark = pytest.mark.ipython


@pytest.fixture
def client() -> Iterator[RawClient]:
    with raw_client() as client:
        yield client


@pytest.fixture
def kernel(client: RawClient) -> Iterator[RawKernel]:
    with client.connect() as kernel:
        yield kernel


BUSY, IDLE = "iopub status busy", "iopub status idle"
OK, INPUT = "shell execute_reply ok", "iopub execute_input"
FAILED = "shell execute_reply error"
USAGE = "iopub stream UsageError: Line magic function `%nosuch` not found.\n"

# The messages of a cell.
CELLS: list[tuple[str, list[str]]] = [
    ("x = 1", [BUSY, INPUT, OK, IDLE]),
    ("1", [BUSY, INPUT, "iopub execute_result", OK, IDLE]),
    ("'a';", [BUSY, INPUT, OK, IDLE]),
    ("None", [BUSY, INPUT, OK, IDLE]),
    ("", [BUSY, INPUT, OK, IDLE]),
    ("print('hi')", [BUSY, INPUT, "iopub stream hi\n", OK, IDLE]),
    ("print(1)\n2", [BUSY, INPUT, "iopub stream 1\n", "iopub execute_result", OK, IDLE]),
    ("1/0", [BUSY, INPUT, "iopub error ZeroDivisionError", FAILED, IDLE]),
    ("def f(:", [BUSY, INPUT, "iopub error SyntaxError", FAILED, IDLE]),
    ("raise KeyboardInterrupt", [BUSY, INPUT, "iopub error KeyboardInterrupt", FAILED, IDLE]),
    ("display(1)", [BUSY, INPUT, "iopub display_data", OK, IDLE]),
    ("len?", [BUSY, INPUT, OK, IDLE]),
    ("%nosuch", [BUSY, INPUT, USAGE, FAILED, IDLE]),
    ("input()", [BUSY, INPUT, "iopub error StdinNotImplementedError", FAILED, IDLE]),
    ("class E(BaseException): pass\nraise E", [BUSY, INPUT, "iopub error E", FAILED, IDLE]),
]  # fmt: skip


@rows(("code", "said"), CELLS)
def test_cells_send_the_messages_of_a_real_kernel(
    kernel: RawKernel, code: str, said: list[str]
) -> None:
    assert [says(message) for message in kernel.execute(code)] == said


ORDERS = [
    ("before idle", [BUSY, INPUT, "iopub stream a\n", "iopub execute_result", OK, IDLE]),
    ("after idle", [BUSY, INPUT, "iopub stream a\n", "iopub execute_result", IDLE, OK]),
    ("before output", [BUSY, INPUT, "iopub stream a\n", OK, "iopub execute_result", IDLE]),
]


@pytest.mark.parametrize(("reply", "said"), ORDERS)
def test_the_order_of_reply_and_other_messages_can_be_chosen(reply: str, said: list[str]) -> None:
    with raw_client(reply=reply) as client, client.connect() as kernel:
        assert [says(message) for message in kernel.execute("print('a')\n1")] == said


# Consecutive cells, and the value of the last one.
VALUES: list[tuple[list[str], str]] = [
    (["5", "Out[1]"], "5"),  # the first cells of their kernel
    (["x = 20", "x += 1", "x * 2"], "42"),
    (["5", "_ + 1"], "6"),
    (["import asyncio", "await asyncio.sleep(0)\n'waited'"], "'waited'"),
    (["def f():\n    return g()\ndef g():\n    return 7", "f()"], "7"),
    (["import sqlite3\ndb = sqlite3.connect(':memory:')",
      "(db.execute('select 1').fetchone(), db.close())[0]"], "(1,)"),
    (["import inspect\ndef f(): return 1", "inspect.getsource(f)"], r"'def f(): return 1\n'"),
    (["from __future__ import annotations\n1"], "1"),
    (["x = !echo one; echo two", "x"], "['one', 'two']"),
    (["import os.path\nos.path.basename('/a/b')"], "'b'"),
    (["from os import path\npath.basename('/a/b')"], "'b'"),
    (["import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as f:\n  print(1)",
      "f.getvalue()"], r"'1\n'"),
    (["__name__"], "'__main__'"),
]  # fmt: skip


@rows(("cells", "value"), VALUES)
def test_cells_share_one_python(kernel: RawKernel, cells: list[str], value: str) -> None:
    for code in cells[:-1]:
        assert says(kernel.execute(code)[-2]) == OK
    assert kernel.value(cells[-1]) == value


STREAMS = [
    ("print('a', 'b')", [("stdout", "a b\n")]),
    (
        "import sys\nprint('a')\nprint('b', file=sys.stderr)\nsys.stdout.write('c\\n');",
        [("stdout", "a\n"), ("stderr", "b\n"), ("stdout", "c\n")],
    ),
    ("print('a', flush=True)\nprint('b', flush=True)", [("stdout", "a\n"), ("stdout", "b\n")]),
    ("print('\\ud800' == '', end='')", [("stdout", "False")]),
    ("!echo hi", [("stdout", "hi\r\n")]),
    ("!exit 3", []),
    ("%%bash\necho hi", [("stdout", "hi\n")]),
    ("%%sh\necho hi >&2", [("stderr", "hi\n")]),
    ("import os\nos.system('echo hi');", [("stdout", "hi\n")]),
    ("nosuch?", [("stdout", "Object `nosuch` not found.\n")]),
]


@rows(("code", "streams"), STREAMS)
def test_printed_text_arrives_in_order(
    kernel: RawKernel, code: str, streams: list[tuple[str, str]]
) -> None:
    seen = [(said["name"], said["text"]) for said in kernel.outputs(code) if "text" in said]
    # Flushed texts may have been joined before they were sent.
    assert "".join(text for _, text in seen) == "".join(text for _, text in streams)
    assert [name for name, _ in seen] == [name for name, _ in streams][: len(seen)]


CLASS = "class A:\n def __repr__(self): return 'A'\n"
BUNDLES: list[tuple[str, dict[str, Any]]] = [
    (f"{CLASS} def _repr_html_(self): return '<b>'\nA()",
     {"text/plain": "A", "text/html": "<b>"}),
    (f"{CLASS} def _repr_png_(self): return b'\\x89PNG'\nA()",
     {"text/plain": "A", "image/png": base64.b64encode(b"\x89PNG").decode()}),
    (f"{CLASS} def _repr_mimebundle_(self, **_): return {{'a/b': 1}}, {{}}\nA()",
     {"text/plain": "A", "a/b": 1}),
    (f"{CLASS} def _repr_html_(self): raise NotImplementedError\nA()", {"text/plain": "A"}),
    ("display({'application/json': {'a': float('nan')}}, raw=True)",
     {"application/json": {"a": "nan"}}),
    ("from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'))",
     {"text/plain": "<IPython.core.display.HTML object>", "text/html": "<b>x</b>"}),
    ("import IPython.display\nIPython.display.Markdown('*x*')",
     {"text/plain": "<IPython.core.display.Markdown object>", "text/markdown": "*x*"}),
    ("from IPython.display import Image\nImage(b'\\xff\\xd8')",
     {"text/plain": "<IPython.core.display.Image object>",
      "image/jpeg": base64.b64encode(b"\xff\xd8").decode()}),
    ("float('nan')", {"text/plain": "nan"}),
]  # fmt: skip


@rows(("code", "bundle"), BUNDLES)
def test_objects_show_themselves(kernel: RawKernel, code: str, bundle: dict[str, Any]) -> None:
    assert kernel.outputs(code)[-1]["data"] == bundle


def test_a_display_can_be_updated(kernel: RawKernel) -> None:
    (shown,) = kernel.outputs("h = display('a', display_id=True)")
    (changed,) = kernel.outputs("h.update('b')")
    assert shown["transient"] == changed["transient"] != {}
    assert changed["data"] == {"text/plain": "'b'"}
    (shown,) = kernel.outputs("display('c', display_id='idx');")
    assert shown["transient"] == {"display_id": "idx"}
    code = "from IPython.display import update_display\nupdate_display('d', display_id='idx')"
    (changed,) = kernel.outputs(code)
    assert changed["transient"] == {"display_id": "idx"}


def test_output_can_be_cleared(kernel: RawKernel) -> None:
    code = "from IPython.display import clear_output\nclear_output(wait=True)"
    assert kernel.outputs(code) == [{"wait": True}]
    assert kernel.outputs("clear_output()") == [{"wait": False}]


def test_a_syntax_error_shows_only_the_cell(kernel: RawKernel) -> None:
    (error,) = kernel.outputs("x = 1\n1 +")
    (text,) = error["traceback"]
    first, *_, last = re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()
    assert (first, last) == ("  Cell In[1], line 2", "SyntaxError: invalid syntax")


def test_tracebacks_show_the_cell_in_colours(kernel: RawKernel) -> None:
    (error,) = kernel.outputs("def f():\n    return 1/0\nf()")
    traceback = "\n".join(error["traceback"])
    assert "\x1b[" in traceback
    traceback = re.sub(r"\x1b\[[\d;]*m", "", traceback)
    assert traceback.startswith("-" * 75)
    assert "In[1]" in traceback
    assert "----> 3" in traceback
    assert "----> 2" in traceback
    assert "in f()" in traceback
    assert traceback.endswith("division by zero")
    assert "jkg_client" not in traceback


def test_the_cause_of_an_exception_is_shown(kernel: RawKernel) -> None:
    code = "try:\n    1/0\nexcept ZeroDivisionError as exc:\n    raise ValueError('b') from exc"
    (error,) = kernel.outputs(code)
    traceback = "\n".join(error["traceback"])
    assert traceback.index("division by zero") < traceback.index("direct cause")
    assert error["ename"] == "ValueError"


SPAN = r"[\d.e+]+ (s|ms|[μµ]s|ns)"  # IPython 8 has another letter
TIMES = rf"CPU times: user {SPAN}, sys: {SPAN}, total: {SPAN}\nWall time: {SPAN}\n"


@rows(
    ("code", "printed", "value"),
    [
        ("%time 1 + 1", "", "2"),
        ("%time print('a')", "a\n", None),
        ("%time 5;", "", None),
        ("%%time\nz = 1\nz + 1", "", "2"),
        ("%%time\n!echo hi", "hi\r\n", None),
        ("t = %time 3 + 4\nt", "", "7"),
        ("for n in range(1):\n    %time n", "", None),
    ],
)
def test_code_may_be_timed(kernel: RawKernel, code: str, printed: str, value: str | None) -> None:
    *streams, last = [*kernel.outputs(code), {}] if value is None else kernel.outputs(code)
    assert re.fullmatch(re.escape(printed) + TIMES, "".join(said["text"] for said in streams))
    assert last.get("data") == (value and {"text/plain": value})


def test_code_that_is_timed_may_fail(kernel: RawKernel) -> None:
    *streams, error = kernel.outputs("x = 1\n%time x / 0")
    # IPython 8 shows neither the time of failed code nor its source.
    assert re.fullmatch(f"(?:{TIMES})?", "".join(said["text"] for said in streams))
    assert error["ename"] == "ZeroDivisionError"
    traceback = "\n".join(error["traceback"])
    assert "x / 0" in traceback or "timed eval" in traceback
    assert "jkg_client" not in traceback


CAPTURING = """%%capture cap
import sys
print('out')
print('err', file=sys.stderr)
display('shown')
!echo cmd
5
"""


def test_a_cell_may_be_captured(kernel: RawKernel) -> None:
    assert kernel.outputs(CAPTURING) == []
    assert kernel.value("cap.stdout, cap.stderr, len(cap.outputs)") == (
        "('out\\ncmd\\r\\n', 'err\\n', 2)"
    )
    out, err, *shown = kernel.outputs("cap.show()")
    assert (out["text"], err["text"]) == ("out\ncmd\r\n", "err\n")
    assert [said["data"]["text/plain"] for said in shown] == ["'shown'", "5"]


def test_capture_can_leave_out_stdout_stderr_or_displays(kernel: RawKernel) -> None:
    (text,) = kernel.outputs("%%capture --no-stdout\nprint('a')\n5")
    assert text == {"name": "stdout", "text": "a\n"}
    (result,) = kernel.outputs("%%capture --no-display\nprint('a')\n5")
    assert result["data"] == {"text/plain": "5"}
    assert kernel.text("%%capture c --no-stdout --no-stderr --no-display\nprint('a')") == "a\n"
    assert kernel.value("c.stdout, c.outputs") == "('', [])"


def test_an_error_is_not_captured_and_fails_nothing(kernel: RawKernel) -> None:
    *_, error, reply, _ = kernel.execute("%%capture cap\nprint('a')\n1/0")
    assert says(error) == "iopub error ZeroDivisionError"
    assert says(reply) == OK
    assert kernel.text("print(cap, end='')") == "a\n"


def test_output_is_no_longer_captured_after_an_interrupt(
    client: RawClient, kernel: RawKernel
) -> None:
    code = "%%capture --no-stderr\nimport sys, time\nprint(1, file=sys.stderr)\ntime.sleep(60)"
    kernel.send("execute_request", {"code": code})
    kernel.until("iopub stream 1\n")
    client.interrupt(kernel)
    # The magic shows the error, and does not fail.
    kernel.until("iopub error KeyboardInterrupt")
    kernel.until(OK)
    assert kernel.text("print('heard')") == "heard\n"


def test_environment_variables_change_only_in_the_kernel(kernel: RawKernel) -> None:
    assert kernel.text("%env JKG_NEW=a b") == "env: JKG_NEW=a b\n"
    assert kernel.text("%env JKG_TOKEN x") == "env: JKG_TOKEN=x\n"
    assert kernel.value("%env JKG_NEW") == "'a b'"
    assert kernel.value("import os\nos.environ['JKG_NEW']") == "'a b'"
    assert kernel.text("!echo $JKG_NEW") == "a b\r\n"
    assert kernel.value("e = %env\ne['JKG_NEW'], e['JKG_TOKEN']") == "('a b', '<hidden>')"
    assert "JKG_NEW" not in os.environ


EMPTY = (
    "%%time is a cell magic, but the cell body is empty."
    " Did you mean the line magic %time (single %)?"
)


@rows(
    ("code", "said"),
    [
        ("%env JKG_NONE", "Environment does not have key: JKG_NONE"),
        ("%env A B=1", "refusing to set env var with whitespace: '1'"),
        ("%%time", EMPTY),
        ("%%time 1\n2", "Can't use statement directly after '%%time'!"),
        ("%%capture", "%%capture is a cell magic, but the cell body is empty."),
        ("%%capture a b\n1", "unrecognized arguments: b"),
    ],
)
def test_a_wrong_use_of_a_magic_is_an_error(kernel: RawKernel, code: str, said: str) -> None:
    assert kernel.outputs(code) == [{"name": "stderr", "text": f"UsageError: {said}\n"}]


def test_a_bash_cell_that_fails_is_an_error(kernel: RawKernel) -> None:
    *streams, error = kernel.outputs("%%bash\necho x; echo y >&2; exit 4")
    assert sorted(said["text"] for said in streams) == ["x\n", "y\n"]
    assert error["ename"] == "CalledProcessError"
    assert error["evalue"].endswith("returned non-zero exit status 4.")


def test_the_execution_count_follows_ipykernel(kernel: RawKernel) -> None:
    counts = []
    for options in ({}, {"silent": True}, {"store_history": False}, {}):
        reply = kernel.execute("1", **options)[-2]
        counts.append(reply["content"]["execution_count"])
    assert counts == [1, 1, 1, 2]
    assert kernel.outputs("In")[0]["data"]["text/plain"] == "['', '1', '1', 'In']"
    assert kernel.execute("")[-2]["content"]["execution_count"] == 3


def test_silent_cells_send_no_execute_input(kernel: RawKernel) -> None:
    said = [says(message) for message in kernel.execute("print(5)\n6", silent=True)]
    assert said[0] == BUSY
    assert INPUT not in said
    assert "iopub stream 5\n" in said
    assert "iopub execute_result" not in said


def test_expressions_are_answered_in_the_reply(kernel: RawKernel) -> None:
    expressions = {"a": "y + 1", "b": "1/0"}
    reply = kernel.execute("y = 5", user_expressions=expressions)[-2]["content"]
    assert reply["user_expressions"]["a"]["data"] == {"text/plain": "6"}
    assert reply["user_expressions"]["b"]["ename"] == "ZeroDivisionError"


def test_replies_have_the_fields_of_real_replies(kernel: RawKernel) -> None:
    message = kernel.execute("len?")[-2]
    assert {"started", "dependencies_met", "engine", "status"} == set(message["metadata"])
    (page,) = message["content"]["payload"]
    assert (page["source"], page["start"]) == ("page", 0)
    assert "Return the number of items" in page["data"]["text/plain"]
    header = {"msg_id", "msg_type", "session", "username", "date", "version"}
    assert set(message["header"]) >= header


def test_input_asks_the_client(kernel: RawKernel) -> None:
    msg_id = kernel.send("execute_request", {"code": "input('who? ')", "allow_stdin": True})
    asked = kernel.until("stdin input_request")[-1]
    assert asked["content"] == {"prompt": "who? ", "password": False}
    kernel.send("input_reply", {"value": "me"}, channel="stdin", parent=asked["header"])
    said = kernel.answers(msg_id)
    assert said[0]["content"]["data"] == {"text/plain": "'me'"}


def test_getpass_asks_for_a_password(kernel: RawKernel) -> None:
    code = "import getpass\nlen(getpass.getpass('pw: '))"
    msg_id = kernel.send("execute_request", {"code": code, "allow_stdin": True})
    asked = kernel.until("stdin input_request")[-1]
    assert asked["content"] == {"prompt": "pw: ", "password": True}
    kernel.send("input_reply", {"value": "four"}, channel="stdin")
    assert kernel.answers(msg_id)[0]["content"]["data"] == {"text/plain": "4"}


def test_end_of_transmission_ends_input(kernel: RawKernel) -> None:
    msg_id = kernel.send("execute_request", {"code": "input()", "allow_stdin": True})
    kernel.until("stdin input_request")
    kernel.send("input_reply", {"value": "\x04"}, channel="stdin")
    assert "iopub error EOFError" in [says(message) for message in kernel.answers(msg_id)]


def test_an_answer_given_too_early_is_dropped(kernel: RawKernel) -> None:
    kernel.send("input_reply", {"value": "early"}, channel="stdin")
    msg_id = kernel.send("execute_request", {"code": "input()", "allow_stdin": True})
    kernel.until("stdin input_request")
    kernel.send("input_reply", {"value": "late"}, channel="stdin")
    assert kernel.answers(msg_id)[0]["content"]["data"] == {"text/plain": "'late'"}


HANGS = [
    "while True: pass",
    "import time\ntime.sleep(60)",
    "from time import sleep\nwhile True: sleep(60)",
    "input()",
    # Before the shell runs, an interrupt would reach only IPython, which may ignore it.
    "%%bash\necho on\nsleep 60",
]


@rows("code", HANGS)
def test_an_interrupt_ends_the_wait_of_a_cell(
    client: RawClient, kernel: RawKernel, code: str
) -> None:
    is_script = code.startswith("%%")
    code = code if is_script else f"print('on', flush=True)\n{code}"
    msg_id = kernel.send("execute_request", {"code": code, "allow_stdin": True})
    kernel.until("iopub stream on\n")
    client.interrupt(kernel)
    said = {says(one) for one in kernel.answers(msg_id)}
    # The shell is interrupted, too. IPython reports the event that it notices first.
    scripts = {"iopub stream Process is interrupted.\n", "iopub stream Process was interrupted.\n"}
    scripts |= {"iopub error CalledProcessError"}
    assert said & {"iopub error KeyboardInterrupt", *(scripts if is_script else ())}
    assert kernel.value("1 + 1") == "2"


def test_an_interrupted_shell_command_does_not_fail_the_cell(
    client: RawClient, kernel: RawKernel
) -> None:
    msg_id = kernel.send("execute_request", {"code": "!echo on; sleep 60"})
    kernel.until("iopub stream on\r\n")
    client.interrupt(kernel)
    said = [says(one) for one in kernel.answers(msg_id)]
    assert said == ["iopub stream ^C\r\n", OK, IDLE]


def test_a_cell_may_catch_the_interrupt(client: RawClient, kernel: RawKernel) -> None:
    code = (
        "try:\n  print('on', flush=True)\n  while True: pass\n"
        "except KeyboardInterrupt:\n  print('no')"
    )
    msg_id = kernel.send("execute_request", {"code": code})
    kernel.until("iopub stream on\n")
    client.interrupt(kernel)
    assert [says(one) for one in kernel.answers(msg_id)] == ["iopub stream no\n", OK, IDLE]


def test_an_interrupted_await_ends_with_the_next_request(
    client: RawClient, kernel: RawKernel
) -> None:
    code = (
        "import asyncio\nasyncio.get_running_loop().call_soon(print, 'on')\nawait asyncio.sleep(60)"
    )
    msg_id = kernel.send("execute_request", {"code": code})
    kernel.until("iopub stream on\n")
    client.interrupt(kernel)
    kernel.send("interrupt_request", {}, channel="control")
    kernel.until("control interrupt_reply ok")
    kernel.send("kernel_info_request", {})
    assert "iopub error CancelledError" in [says(one) for one in kernel.answers(msg_id)]


def test_an_interrupt_of_an_idle_kernel_does_nothing(client: RawClient, kernel: RawKernel) -> None:
    kernel.execute("1")
    client.interrupt(kernel)
    assert kernel.value("2") == "2"


def test_cells_after_a_failed_cell_are_aborted(kernel: RawKernel) -> None:
    kernel.send("execute_request", {"code": "input()", "allow_stdin": True})
    kernel.until("stdin input_request")
    aborted = kernel.send("execute_request", {"code": "print('never')"})
    info = kernel.send("kernel_info_request", {})
    # Control requests are answered at once, so the two cells above have arrived.
    kernel.answers(kernel.send("kernel_info_request", {}, channel="control"))
    kernel.send("input_reply", {"value": "\x04"}, channel="stdin")
    said = [says(message) for message in kernel.answers(aborted)]
    assert said == ["shell execute_reply aborted", BUSY, IDLE]
    assert [says(message) for message in kernel.answers(info)][1] == "shell kernel_info_reply ok"


@pytest.mark.parametrize("option", [{"stop_on_error": False}, {"silent": True}])
def test_cells_after_a_failed_cell_run_if_its_request_says_so(
    kernel: RawKernel, option: dict[str, bool]
) -> None:
    content = {"code": "input()", "allow_stdin": True, **option}
    kernel.send("execute_request", content)
    kernel.until("stdin input_request")
    behind = kernel.send("execute_request", {"code": "print('runs')"})
    kernel.answers(kernel.send("kernel_info_request", {}, channel="control"))
    kernel.send("input_reply", {"value": "\x04"}, channel="stdin")
    assert "iopub stream runs\n" in [says(message) for message in kernel.answers(behind)]


DEATHS = [
    "import os\nos._exit(1)",
    "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "import os\nos.abort()",
    "import os, threading\nthreading.Thread(target=lambda: os._exit(1)).start()\ninput()",
]


@pytest.mark.parametrize("code", DEATHS)
def test_the_death_of_a_kernel_does_not_affect_others(
    client: RawClient, kernel: RawKernel, code: str
) -> None:
    code = f"x = 1\nprint('bye', flush=True)\n{code}"
    kernel.send("execute_request", {"code": code, "allow_stdin": True})
    said = [says(message) for message in kernel.until("iopub status restarting")]
    assert said[2:5] == [BUSY, INPUT, "iopub stream bye\n"]
    (starting,) = kernel.until("iopub status starting")
    assert starting["parent_header"] == {}
    assert client.model(kernel.id)["execution_state"] == "starting"
    assert kernel.outputs("x")[0]["ename"] == "NameError"


def test_exit_answers_and_then_ends_the_kernel(kernel: RawKernel) -> None:
    reply = kernel.execute("exit()")[-2]["content"]
    assert reply["payload"] == [{"source": "ask_exit", "keepkernel": False}]
    kernel.until("iopub status restarting")
    kernel.until("iopub status starting")
    assert kernel.value("1") == "1"


def test_a_shutdown_request_ends_the_kernel(kernel: RawKernel) -> None:
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    kernel.until("control shutdown_reply ok")
    kernel.until("iopub status restarting")
    assert kernel.value("1") == "1"


def test_a_kernel_that_dies_too_often_stays_dead() -> None:
    with raw_client(restart_limit=1) as client, client.connect() as kernel:
        kernel.send("execute_request", {"code": "import os; os._exit(1)"})
        kernel.until("iopub status starting")
        kernel.send("execute_request", {"code": "import os; os._exit(1)"})
        kernel.until("iopub status dead")
        assert client.rest("GET", f"/api/kernels/{kernel.id}").status_code == 404


def test_a_restart_loses_the_variables_and_keeps_the_socket(
    client: RawClient, kernel: RawKernel
) -> None:
    kernel.execute("x = 1")
    answer = client.rest("POST", f"/api/kernels/{kernel.id}/restart")
    assert (answer.status_code, answer.json()["execution_state"]) == (200, "idle")
    said = [says(message) for message in kernel.until("iopub status starting")]
    assert said == [BUSY, "iopub shutdown_reply ok", IDLE, "iopub status starting"]
    assert kernel.outputs("x")[0]["ename"] == "NameError"


def test_a_restart_interrupts_the_running_cell(client: RawClient, kernel: RawKernel) -> None:
    kernel.send("execute_request", {"code": "print('on', flush=True)\nwhile True: pass"})
    kernel.until("iopub stream on\n")
    client.rest("POST", f"/api/kernels/{kernel.id}/restart")
    said = [says(message) for message in kernel.until("iopub status starting")]
    assert "iopub error KeyboardInterrupt" in said
    assert not [words for words in said if words.startswith("shell")]
    assert kernel.value("1") == "1"


def test_kernels_do_not_share_variables(client: RawClient) -> None:
    with client.connect() as one, client.connect() as other:
        one.execute("x = 1\nimport os\nos.environ['JKG_FAKE'] = 'x'")
        assert other.outputs("x")[0]["ename"] == "NameError"
        assert other.value("import os\n'JKG_FAKE' in os.environ") == "False"
        assert "JKG_FAKE" not in os.environ
        one.send("execute_request", {"code": "print('one', flush=True)\nwhile True: pass"})
        one.until("iopub stream one\n")
        assert other.text("print('other')") == "other\n"
        client.interrupt(one)
        one.until("iopub error KeyboardInterrupt")


def test_a_kernel_gets_only_the_variables_that_gateways_pass_on(client: RawClient) -> None:
    kernel_id = client.start(env={"KERNEL_A": "1", "FOO": "2"})
    with client.connect(kernel_id) as kernel:
        code = "import os\nos.environ.get('KERNEL_A'), os.environ.get('FOO'), os.getenv('HOME')"
        assert kernel.value(code) == "('1', None, None)"


def test_nothing_of_the_tests_process_is_changed(
    kernel: RawKernel, capfd: pytest.CaptureFixture[str]
) -> None:
    before = _own()
    code = "import gc, os, sys, time\nos.chdir('/')\ngc.disable()\nsys.setrecursionlimit(999)"
    kernel.execute(code)
    code = "print('on', flush=True)\ntime.sleep(9)"
    msg_id = kernel.send("execute_request", {"code": code})
    kernel.until("iopub stream on\n")
    assert _own() == before
    kernel.send("interrupt_request", {}, channel="control")
    kernel.answers(msg_id)
    assert kernel.text("os.system('echo from below');") == "from below\n"
    assert capfd.readouterr() == ("", "")


def _own() -> tuple[object, ...]:
    """The state of this process that a cell could change if it ran here."""
    hooks = sys.stdout, sys.stderr, sys.unraisablehook, sys.excepthook, threading.Thread.start
    functions = os.kill, os._exit, os.system, time.sleep, builtins.input, builtins.__import__
    settings = Path.cwd(), dict(os.environ), gc.isenabled(), sys.getrecursionlimit()
    return (hooks, functions, settings, signal.getsignal(signal.SIGINT), set(sys.modules))


def test_threads_of_a_cell_print_to_its_kernel(kernel: RawKernel) -> None:
    code = (
        "import threading\nt = threading.Thread(target=lambda: print('from afar'))\n"
        "t.start()\nt.join()"
    )
    assert kernel.text(code) == "from afar\n"


def test_many_prints_are_joined_and_none_is_lost(kernel: RawKernel) -> None:
    outputs = kernel.outputs("for n in range(20000): print(n)")
    assert "".join(said["text"] for said in outputs) == "".join(f"{n}\n" for n in range(20000))
    assert len(outputs) < 2000


# Requests other than execute, and part of their reply.
TOLD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("kernel_info_request", {}, {"status": "ok", "protocol_version": "5.3"}),
    ("complete_request", {"code": "pri", "cursor_pos": 3},
     {"matches": ["print"], "cursor_start": 0, "cursor_end": 3}),
    ("complete_request", {"code": "x = abc.up", "cursor_pos": 10},
     {"matches": ["upper"], "cursor_start": 8, "cursor_end": 10}),
    ("inspect_request", {"code": "nosuch", "cursor_pos": 3}, {"found": False, "data": {}}),
    ("inspect_request", {"code": "abc.upper", "cursor_pos": 6}, {"found": True}),
    ("is_complete_request", {"code": "1"}, {"status": "complete"}),
    ("is_complete_request", {"code": "for i in x:"}, {"status": "incomplete", "indent": "    "}),
    ("is_complete_request", {"code": "x = ("}, {"status": "incomplete", "indent": ""}),
    ("is_complete_request", {"code": "1+"}, {"status": "invalid"}),
    ("is_complete_request", {"code": ")"}, {"status": "invalid"}),
    ("is_complete_request", {"code": "def f():\n  pass"},
     {"status": "incomplete", "indent": "  "}),
    ("is_complete_request", {"code": "!ls"}, {"status": "complete"}),
    ("is_complete_request", {"code": "%%time\n1"}, {"status": "incomplete", "indent": ""}),
    ("history_request", {"hist_access_type": "tail", "n": 1, "output": True, "raw": True},
     {"history": [[1, 2, ["abc", None]]]}),
    ("history_request", {"hist_access_type": "range", "session": 0, "start": 1, "stop": 2,
      "output": False, "raw": True},
     {"history": [[0, 1, "abc = 'text'"]]}),
    ("history_request", {"hist_access_type": "range", "session": 0, "start": -1,
      "output": True, "raw": True},
     {"history": [[0, 2, ["abc", "'text'"]]]}),
    ("history_request", {"hist_access_type": "range", "session": 5, "output": False, "raw": True},
     {"history": []}),
    ("history_request", {"hist_access_type": "tail", "n": 0, "output": False, "raw": True},
     {"history": []}),
    ("history_request", {"hist_access_type": "search", "pattern": "abc*", "n": 9,
      "output": False, "raw": True},
     {"history": [[1, 1, "abc = 'text'"], [1, 2, "abc"]]}),
    ("comm_info_request", {}, {"comms": {}}),
]  # fmt: skip


def test_questions_about_code_are_answered(kernel: RawKernel) -> None:
    kernel.execute("abc = 'text'")
    kernel.execute("abc")
    with table() as row:
        for msg_type, content, told in TOLD:
            with row((msg_type, content)):
                busy, reply, idle = kernel.answers(kernel.send(msg_type, content))
                assert (says(busy), says(idle)) == (BUSY, IDLE)
                assert reply["header"]["msg_type"] == msg_type.replace("request", "reply")
                assert {name: reply["content"][name] for name in told} == told


@pytest.mark.ipython
def test_a_half_written_cache_of_jedi_hides_no_completions(
    kernel: RawKernel, tmp_path: Path
) -> None:
    def matches() -> Any:
        request = {"code": "spa", "cursor_pos": 3}
        _, reply, _ = kernel.answers(kernel.send("complete_request", request))
        return reply["content"]["matches"]

    kernel.execute(f"import jedi; jedi.settings.cache_directory = {str(tmp_path)!r}; spam = 1")
    assert matches() == ["spam"]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(b"")
    kernel.execute("import parso.cache; parso.cache.parser_cache.clear()")
    assert matches() == ["spam"]


def test_a_message_that_comes_twice_is_answered_once(kernel: RawKernel) -> None:
    kernel.execute("n = 0")
    header = {"msg_id": "again", "msg_type": "execute_request", "session": kernel.session}
    header |= {"username": "raw", "date": "2026-01-01T00:00:00Z", "version": "5.4"}
    message = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}}
    frame = json.dumps({**message, "content": {"code": "n += 1"}, "buffers": []})
    kernel.socket.send(frame)
    kernel.answers("again")
    kernel.socket.send(frame)
    assert kernel.outputs("print(n)") == [{"name": "stdout", "text": "1\n"}]


def test_magics_that_ask_go_on_where_nobody_can_be_asked(kernel: RawKernel) -> None:
    assert kernel.outputs("%reset") == []


def test_a_display_of_what_json_cannot_express_fails(kernel: RawKernel) -> None:
    assert kernel.outputs("display({'a/b': {1}}, raw=True)")[0]["data"] == {"a/b": [1]}
    assert kernel.outputs("display({'a/b': object()}, raw=True)")[0]["ename"] == "ValueError"
    assert kernel.outputs("display('text', raw=True)")[0]["ename"] == "TypeError"


# Requests that kernels do not know, or that lack what they need.
UNANSWERED: list[tuple[str, dict[str, Any], str]] = [
    ("nosuch_request", {}, "shell"),
    ("nosuch_request", {}, "control"),
    ("complete_request", {"code": "pri"}, "shell"),
    ("history_request", {}, "shell"),
    ("execute_request", {}, "shell"),
    ("debug_request", {}, "shell"),
    ("comm_msg", {"comm_id": "nosuch", "data": {}}, "shell"),
]


@pytest.mark.field("F9")
def test_an_unanswerable_request_makes_the_kernel_busy_and_idle(kernel: RawKernel) -> None:
    kernel.until(IDLE)
    with table() as row:
        for msg_type, content, channel in UNANSWERED:
            with row((msg_type, content, channel)):
                kernel.send(msg_type, content, channel=channel)
                said = [says(message) for message in kernel.until(IDLE)]
                assert (said[0], said[-1]) == (BUSY, IDLE)
                assert [one for one in said[1:-1] if not one.startswith("iopub stream")] == []
                assert kernel.value("1") == "1"


@pytest.mark.field("F9")
def test_widgets_can_talk_to_their_front_end(kernel: RawKernel) -> None:
    code = (
        "import comm\nheard = []\n"
        "def opened(c, message): c.on_msg(lambda m: heard.append((m['content']['data'],"
        " m['buffers'])))\n"
        "comm.get_comm_manager().register_target('here', opened)"
    )
    kernel.execute(code)
    opened, sent, *_ = kernel.outputs(
        "c = comm.create_comm(target_name='t', data={'n': 1})\nc.send({'n': 2})"
    )
    assert (opened["target_name"], opened["data"], sent["data"]) == ("t", {"n": 1}, {"n": 2})
    kernel.answers(
        kernel.send("comm_open", {"comm_id": "x", "target_name": "here", "data": {}}), reply=False
    )
    kernel.answers(kernel.send("comm_msg", {"comm_id": "x", "data": {"n": 3}}), reply=False)
    assert kernel.value("heard") == "[({'n': 3}, [])]"
    reply = kernel.answers(kernel.send("comm_info_request", {"target_name": "here"}))[1]
    assert reply["content"]["comms"] == {"x": {"target_name": "here"}}


@pytest.mark.field("F11")
def test_a_library_that_calls_the_real_display_shows_something(kernel: RawKernel) -> None:
    code = "from IPython.core.display_functions import display as shows\nshows(1)"
    (shown,) = kernel.outputs(code)
    assert shown["data"] == {"text/plain": "1"}


@pytest.mark.field("F14")
def test_the_error_of_a_cell_is_the_error_of_ipykernel(kernel: RawKernel) -> None:
    reply = kernel.execute("1 +")[-2]["content"]
    assert set(reply["engine_info"]) == {"engine_id", "engine_uuid", "method"}
    assert re.fullmatch(r"invalid syntax \(\d+\.py, line 1\)", reply["evalue"])


# Features of IPython that need more than a namespace.
RICH = [
    ("%%html\n<b>x</b>", {"text/html": "<b>x</b>\n"}),
    ("from IPython.display import Latex\nLatex('x')", {"text/latex": "x"}),
    ("%who_ls int", {"text/plain": "[]"}),
    ("get_ipython().__class__.__name__", {"text/plain": "'ZMQInteractiveShell'"}),
    ("'IPKernelApp' in get_ipython().config", {"text/plain": "True"}),
    ("get_ipython().kernel.get_parent()['header']['msg_type']",
     {"text/plain": "'execute_request'"}),
]  # fmt: skip


@rows(("code", "data"), RICH)
def test_cells_run_in_ipython_itself(kernel: RawKernel, code: str, data: dict[str, str]) -> None:
    shown = kernel.outputs(code)[-1]["data"]
    assert {kind: shown[kind] for kind in data} == data
