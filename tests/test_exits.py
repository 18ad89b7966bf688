"""Code that ends itself: messages of kernels, and the exit status."""

from __future__ import annotations

import pytest
from tables import rows
from test_exchange import IDLE, error, fed, message, raised, reply, stream

from jkg_client.protocol.exits import exit_code, without_advice
from jkg_client.protocol.outputs import Failure, Stream

LEAVES = "An exception has occurred, use %tb to see the full traceback.\n"
ADVICE = (
    "/lib/IPython/core/interactiveshell.py:3831: UserWarning: To exit: use 'exit', 'quit', or"
    " Ctrl-D.\n  warn(\"To exit: use 'exit', 'quit', or Ctrl-D.\", stacklevel=1)\n"
)

# The value of SystemExit as text, and the exit status of a script that ends so.
STATUSES = [
    ("", 0),
    ("None", 0),
    ("0", 0),
    ("False", 0),
    ("True", 1),
    ("1", 1),
    ("3", 3),
    ("255", 255),
    ("-1", 255),
    ("257", 1),
    ("256", 1),
    ("2.5", 1),
    ("(1, 2)", 1),
    ("no such file", 1),
    ("9" * 100_000, 1),
]


@pytest.mark.field("B7")
@rows(("value", "status"), STATUSES)
def test_the_value_of_an_exit_is_its_status(value: str, status: int) -> None:
    assert exit_code(Failure("SystemExit", value)) == status


@pytest.mark.field("B7")
@rows(
    ("value", "status"),
    [
        ("Command 'b'exit 3\\n'' returned non-zero exit status 3.", 3),
        ("Command 'b'exit 256\\n'' returned non-zero exit status 256.", 1),
        ("Command 'b\"echo 'a'; exit 4\\n\"' returned non-zero exit status 4.", 4),
        ("Command 'b'kill -9 $$\\n'' died with <Signals.SIGKILL: 9>.", 137),
        ("Command 'b'x'' died with unknown signal 64.", 192),
        ("Command 'b'exit 3\\n'' did something else.", None),
        ("Command '['false']' returned non-zero exit status 1.", None),
        ("Command 'false' returned non-zero exit status 1.", None),
        ("", None),
    ],
)
def test_only_the_shell_of_a_shell_cell_sets_the_exit_status(
    value: str, status: int | None
) -> None:
    assert exit_code(Failure("CalledProcessError", value)) == status


def test_other_exceptions_are_not_exits() -> None:
    assert exit_code(Failure("ValueError", "3", ("Traceback", "ValueError: 3"))) is None


@pytest.mark.field("B7")
def test_a_subclass_of_systemexit_is_an_exit_too() -> None:
    assert exit_code(Failure("MyExit", "3", (LEAVES, "MyExit: 3"))) == 3


@pytest.mark.field("B7")
@rows(
    ("value", "ending", "output"),
    [
        ("0", "SystemExit: 0\n", "bye\n"),
        ("", "SystemExit", "bye\n"),
        ("0", "in <module>\nSystemExit: 0", "bye\n"),
        ("3", "SystemExit: 3", "bye\nSystemExit: 3"),
        ("0", "ValueError: 0", "bye\nTraceback (most recent call last)\nValueError: 0"),
    ],
)
def test_the_traceback_of_an_exit_that_a_library_displays_is_not_shown(
    value: str, ending: str, output: str
) -> None:
    shown = {"text/plain": f"Traceback (most recent call last)\n{ending}"}
    result = fed(
        stream("bye\n"),
        message("iopub", "display_data", {"data": shown}),
        reply("error", **raised("SystemExit", value)),
        IDLE,
    ).result()
    assert result.output == output


def test_only_the_traceback_of_an_exit_is_removed_from_the_output() -> None:
    trace = "Traceback (most recent call last)\nSystemExit: 0\n"
    shown = [{"text/plain": text} for text in ("one", trace)]
    end = (reply("error", **raised("SystemExit", "0")), IDLE)
    displays = [message("iopub", "display_data", {"data": data}) for data in shown]
    assert fed(stream("bye\n"), *displays, *end).result().output == "bye\none"
    # The cell has printed this one.
    assert fed(stream(trace), *end).result().output == trace


@pytest.mark.field("B7")
@pytest.mark.parametrize("value", ["", "0", "None"])
def test_success_shows_neither_exception_nor_advice(value: str) -> None:
    result = fed(
        stream("bye\n"),
        error("SystemExit", value),
        stream(ADVICE, "stderr"),
        reply("error", **raised("SystemExit", value)),
        IDLE,
    ).result()
    assert (result.status, result.exit_code, result.failure) == ("ok", 0, None)
    assert result.outputs == (Stream("stdout", "bye\n"),)


@pytest.mark.field("B7")
@rows(("value", "status"), [("3", 3), ("no such file", 1)])
@rows("told", ["on iopub", "in the reply"])
def test_failure_shows_its_value_and_no_traceback(value: str, status: int, told: str) -> None:
    content = {
        "ename": "SystemExit",
        "evalue": value,
        "traceback": [LEAVES, f"SystemExit: {value}"],
    }
    exchange = fed(stream("bye\n"))
    if told == "on iopub":
        exchange.feed(message("iopub", "error", content))
        exchange.feed(stream(ADVICE, "stderr"))
    exchange.feed(reply("error", **content))
    result = exchange.result()
    assert (result.status, result.exit_code) == ("error", status)
    assert result.output == f"bye\nSystemExit: {value}"
    assert result.failure == Failure("SystemExit", value)


@pytest.mark.field("B7")
def test_live_output_shows_no_traceback_of_an_exit_either() -> None:
    exchange = fed()
    assert exchange.feed(error("SystemExit", "0")) is None
    assert exchange.feed(stream(ADVICE, "stderr")) is None


# IPython's exit(3) passes 3 on as its own argument keep_kernel.
@pytest.mark.field("B7")
@rows(
    ("keep", "status", "code"),
    [(False, "ok", 0), (0, "ok", 0), (True, "ok", 0), (3, "error", 3), ("no", "error", 1)],
)
def test_the_argument_of_exit_is_the_exit_code(keep: object, status: str, code: int) -> None:
    result = fed(reply(payload=[{"source": "ask_exit", "keepkernel": keep}]), IDLE).result()
    assert (result.status, result.exit_code) == (status, code)


@pytest.mark.field("B12")
def test_an_exit_after_the_time_limit_is_a_timeout() -> None:
    content = raised("SystemExit", "3")
    result = fed(error("SystemExit", "3"), reply("error", **content)).result(gave_up=True)
    assert (result.status, result.exit_code) == ("timeout", None)


@pytest.mark.field("B10")
def test_an_exception_that_the_cell_survived_is_shown_but_not_a_failure() -> None:
    result = fed(error("E", "v"), reply(), IDLE).result()
    assert (result.status, result.failure, result.output) == ("ok", None, "E: v")


@rows(
    ("text", "rest"),
    [
        (ADVICE, ""),
        (f"mine\n{ADVICE}also mine\n", "mine\nalso mine\n"),
        ("UserWarning: To exit: use 'exit', 'quit', or Ctrl-D.\n", ""),
        ("UserWarning: mine\n", "UserWarning: mine\n"),
        ('  warn("To exit: mine")\n', '  warn("To exit: mine")\n'),
        (f'  warn("To exit: mine")\n{ADVICE}', '  warn("To exit: mine")\n'),
        (f"{ADVICE}mine\n{ADVICE}", "mine\n"),
        (f"one\ntwo\r\nthree\n{ADVICE}", "one\ntwo\r\nthree\n"),
        (f"bar\r/libX{ADVICE}", "bar\r"),
        ("mine\nUserWarning: To exit: use 'exit', 'quit', or Ctrl-D.", "mine\n"),
        ("UserWarning: To exit: use 'exit', 'quit', or Ctrl-D.\nmine\n", "mine\n"),
        ("", ""),
        # Not text: a kernel may send anything.
        (5, 5),
        (None, None),
    ],
)
def test_only_the_advice_is_removed_from_stderr(text: object, rest: object) -> None:
    assert without_advice(text) == rest
