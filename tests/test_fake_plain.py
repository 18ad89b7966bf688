"""The fake kernel without IPython: plain Python and its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from raw_client import RawClient, RawKernel, raw_client, says
from tables import rows, table

from jkg_client import CodeBlock, JupyterCodeExecutor
from jkg_client.testing import FakeGateway


@pytest.fixture
def client() -> Iterator[RawClient]:
    with raw_client(ipython=False) as client:
        yield client


@pytest.fixture
def kernel(client: RawClient) -> Iterator[RawKernel]:
    with client.connect() as kernel:
        yield kernel


BUSY, IDLE = "iopub status busy", "iopub status idle"
OK, INPUT = "shell execute_reply ok", "iopub execute_input"
FAILED = "shell execute_reply error"

# The messages of a cell.
CELLS: list[tuple[str, list[str]]] = [
    ("x = 1", [BUSY, INPUT, OK, IDLE]),
    ("print(1)\n2", [BUSY, INPUT, "iopub stream 1\n", "iopub execute_result", OK, IDLE]),
    ("'a';", [BUSY, INPUT, OK, IDLE]),
    ("", [BUSY, INPUT, OK, IDLE]),
    ("1/0", [BUSY, INPUT, "iopub error ZeroDivisionError", FAILED, IDLE]),
    ("def f(:", [BUSY, INPUT, "iopub error SyntaxError", FAILED, IDLE]),
    ("class E(BaseException): pass\nraise E", [BUSY, INPUT, "iopub error E", FAILED, IDLE]),
    ("input()", [BUSY, INPUT, "iopub error StdinNotImplementedError", FAILED, IDLE]),
    ("display(1)", [BUSY, INPUT, "iopub display_data", OK, IDLE]),
    ("import asyncio\nawait asyncio.sleep(0)\n3", [BUSY, INPUT, "iopub execute_result", OK, IDLE]),
]


@rows(("code", "said"), CELLS)
def test_cells_send_the_messages_of_a_kernel(kernel: RawKernel, code: str, said: list[str]) -> None:
    assert [says(message) for message in kernel.execute(code)] == said


SHOWN = "class A:\n def __repr__(self): return 'A'\n def _repr_html_(self): return '<b>'\n"


@pytest.mark.field("F10")
@rows(
    ("code", "data"),
    [
        ("display(A())", {"text/plain": "A", "text/html": "<b>"}),
        ("display(A(), include=['text/html'])", {"text/html": "<b>"}),
        ("display(A(), exclude=['text/html'])", {"text/plain": "A"}),
        ("display({'a/b': 1}, raw=True)", {"a/b": 1}),
        ("A()", {"text/plain": "A", "text/html": "<b>"}),
        ("float('nan')", {"text/plain": "nan"}),
    ],
)
def test_objects_show_themselves(kernel: RawKernel, code: str, data: dict[str, Any]) -> None:
    kernel.execute(SHOWN)
    assert kernel.outputs(code)[-1]["data"] == data


def test_a_display_can_be_updated_and_cleared(kernel: RawKernel) -> None:
    (shown,) = kernel.outputs("h = display('a', display_id=True)")
    (changed,) = kernel.outputs("h.update('b')")
    assert shown["transient"] == changed["transient"] != {}
    (changed,) = kernel.outputs("update_display('d', display_id='idx')")
    assert changed["transient"] == {"display_id": "idx"}
    assert kernel.outputs("clear_output(wait=True)") == [{"wait": True}]


def test_streams_come_in_order(kernel: RawKernel) -> None:
    code = "import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')"
    seen = [(said["name"], said["text"]) for said in kernel.outputs(code)]
    assert seen == [("stdout", "a\n"), ("stderr", "b\n"), ("stdout", "c\n")]


def test_tracebacks_show_only_frames_of_the_cell(kernel: RawKernel) -> None:
    (error,) = kernel.outputs("def f():\n    return 1/0\nf()")
    traceback = "\n".join(error["traceback"])
    assert [line for line in error["traceback"] if line.startswith("  File")] == [
        '  File "Cell In[1]", line 3, in <module>',
        '  File "Cell In[1]", line 2, in f',
    ]
    assert traceback.endswith("ZeroDivisionError: division by zero")
    assert "jkg_client" not in traceback


# Cells that only IPython understands.
MAGICS = ["!ls", "%pip install x", "%%bash\nls", "x = !ls", "x = %time 1", "len?", "pip install x"]


@rows("code", MAGICS)
def test_the_error_for_ipython_syntax_says_what_to_install_or_script(
    kernel: RawKernel, code: str
) -> None:
    (error,) = kernel.outputs(code)
    assert error["ename"] == "UsageError"
    assert "install ipython where the tests run" in error["evalue"]
    assert "FakeGateway.script" in error["evalue"]


def test_a_shell_block_can_be_scripted_where_it_cannot_be_run() -> None:
    with FakeGateway(ipython=False) as gateway, JupyterCodeExecutor(gateway) as executor:
        gateway.script("ls").stream("a.txt\n")
        result = executor.execute_code_blocks([CodeBlock("ls", "bash")])
    assert (result.exit_code, result.output) == (0, "a.txt\n")


def test_get_ipython_is_not_defined(kernel: RawKernel) -> None:
    (error,) = kernel.outputs("get_ipython()")
    assert error["ename"] == "NameError"
    reply = kernel.answers(kernel.send("kernel_info_request", {}))[1]["content"]
    assert reply["implementation"] == "python"


# Requests other than execute, and part of their reply.
TOLD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("complete_request", {"code": "pri", "cursor_pos": 3},
     {"matches": ["print"], "cursor_start": 0, "cursor_end": 3}),
    ("complete_request", {"code": "x = abc.up", "cursor_pos": 10},
     {"matches": ["abc.upper"], "cursor_start": 4, "cursor_end": 10}),
    ("inspect_request", {"code": "nosuch", "cursor_pos": 3}, {"found": False, "data": {}}),
    ("inspect_request", {"code": "abc.upper", "cursor_pos": 6}, {"found": True}),
    ("is_complete_request", {"code": "1"}, {"status": "complete"}),
    ("is_complete_request", {"code": "for i in x:"}, {"status": "incomplete", "indent": "    "}),
    ("is_complete_request", {"code": ")"}, {"status": "invalid"}),
    ("history_request", {"hist_access_type": "tail", "n": 1, "output": True, "raw": True},
     {"history": [[1, 2, ["abc", None]]]}),
    ("comm_info_request", {}, {"comms": {}}),
]  # fmt: skip


def test_questions_about_code_are_answered(kernel: RawKernel) -> None:
    kernel.execute("abc = 'text'")
    kernel.execute("abc")
    with table() as row:
        for msg_type, content, told in TOLD:
            with row((msg_type, content)):
                _, reply, _ = kernel.answers(kernel.send(msg_type, content))
                assert {name: reply["content"][name] for name in told} == told


def test_expressions_are_answered_and_cells_counted(kernel: RawKernel) -> None:
    expressions = {"a": "y + 1", "b": "1/0"}
    reply = kernel.execute("y = 5", user_expressions=expressions)[-2]["content"]
    assert reply["user_expressions"]["a"]["data"] == {"text/plain": "6"}
    assert reply["user_expressions"]["b"]["ename"] == "ZeroDivisionError"
    options: tuple[dict[str, bool], ...] = ({}, {"silent": True}, {"store_history": False}, {})
    counts = [kernel.execute("1", **one)[-2]["content"]["execution_count"] for one in options]
    assert counts == [2, 2, 2, 3]
    assert kernel.value("Out[3], _") == "(1, 1)"


def test_input_is_asked_for(kernel: RawKernel) -> None:
    msg_id = kernel.send("execute_request", {"code": "input('who? ')", "allow_stdin": True})
    asked = kernel.until("stdin input_request")[-1]
    assert asked["content"] == {"prompt": "who? ", "password": False}
    kernel.send("input_reply", {"value": "me"}, channel="stdin")
    assert kernel.answers(msg_id)[0]["content"]["data"] == {"text/plain": "'me'"}


def test_an_interrupt_ends_a_cell_that_awaits_with_the_next_request(
    client: RawClient, kernel: RawKernel
) -> None:
    code = "import asyncio\nprint('on', flush=True)\nawait asyncio.sleep(60)"
    msg_id = kernel.send("execute_request", {"code": code})
    kernel.until("iopub stream on\n")
    client.interrupt(kernel)
    kernel.send("kernel_info_request", {})
    assert "iopub error CancelledError" in [says(one) for one in kernel.answers(msg_id)]
