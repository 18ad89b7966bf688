"""Shell cells that are rewritten. behaviours.py tests their effect."""

from __future__ import annotations

import ast
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from subprocess import PIPE

import pytest
from tables import rows

from jkg_client.client.deadline import Deadline
from jkg_client.shell_cells import ends_with_shell


@pytest.mark.field("B8")
@rows(
    "cell",
    [
        "%%bash\nserver &",
        "%%sh\nserver &\necho started",
        "\n%%bash \nserver & echo started",
        "%%bash\ncoproc server",
        "%%bash\npg_ctl start",
        "%%bash\n./start.sh",
        "%%bash\nredis-server --daemonize yes",
        "%%bash\nsetsid server",
    ],
)
def test_a_shell_that_may_leave_a_process_is_not_waited_for(cell: str) -> None:
    rewritten = ends_with_shell(cell)
    (statement,) = ast.parse(rewritten).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    *_, script = statement.value.args
    assert isinstance(script, ast.Constant)
    assert script.value == cell.lstrip().split("\n", 1)[1]


@rows(
    "cell",
    [
        "%%bash\necho hello",
        "%%bash\nmake && make install 2>&1 | tee log",
        "%%bash\nmake &> log; make |& tee log; exec 3<&-",
        "%%bash --bg\nserver &",
        "%%script bash\nserver &",
        "%%writefile run.sh\nserver &",
        "x = a & b",
        "%%bash\necho '\ud83d' &",
        "%%bash\necho '\ud83d\ude00' &",
        "%%bash",
        "",
    ],
)
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert ends_with_shell(cell) == cell


def test_a_word_is_found_at_the_border_of_two_pieces() -> None:
    # Try all places where the pieces of the search may end.
    for start in range(2**16 - 12, 2**16 + 3):
        before = "%%bash\n" + ":" * start
        assert ends_with_shell(f"{before} setsid x") != f"{before} setsid x"
        assert ends_with_shell(f"{before}& x") != f"{before}& x"
        assert ends_with_shell(f"{before}&& x &> y") == f"{before}&& x &> y"


def test_ipython_finds_nothing_to_expand_in_the_arguments() -> None:
    (statement,) = ast.parse(ends_with_shell("%%bash\nx &")).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    arguments = ast.unparse(statement.value.args[1])
    assert not set("${}") & set(arguments)


@pytest.mark.field("B8")
def test_the_program_between_passes_on_all_output_of_the_shell() -> None:
    command = command_of("%%sh\nx &")
    script = "seq 1 20000 & wait; seq 1 20000; printf err >&2; sleep 30 & exit 7"
    done = subprocess.run(
        ["sh", "-c", command], input=script, capture_output=True, text=True, timeout=20, check=False
    )
    numbers = "".join(f"{number}\n" for number in range(1, 20001))
    assert (done.returncode, done.stderr) == (7, "err")
    assert done.stdout == 2 * numbers
    assert sys.executable in command


@pytest.mark.field("B8")
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="tells no states")  # noqa: PTH110
@rows("end", ["exit", "wait"])
def test_the_program_between_sleeps_until_there_is_output(end: str) -> None:
    # A program that asks again and again, without a pause, never sleeps.
    words = [*shlex.split(command_of("%%sh\nx &")), "-s", str(uuid.uuid4())]
    with subprocess.Popen(words, stdin=PIPE, stdout=PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(f"trap '' INT; sleep 60 & echo $!; {end}")
        program.stdin.close()
        background = int(program.stdout.readline())
        try:
            if end == "exit":
                program.wait(20)
            else:
                program.send_signal(signal.SIGINT)
            deadline = Deadline(20.0)
            while not sleeps(words[-1]):
                assert not deadline.passed
        finally:
            os.kill(background, signal.SIGKILL)
            program.kill()


def command_of(cell: str) -> str:
    """The command that is run for a shell cell."""
    (statement,) = ast.parse(ends_with_shell(cell)).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    return str(eval(ast.unparse(statement.value.args[1])))


def sleeps(argument: str) -> bool:
    """Whether the Python process with this last argument is asleep, however often one looks."""
    states = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # a process that has just ended
            words = (process / "cmdline").read_text().split("\0")
            if (words[0], words[-2:-1]) == (sys.executable, [argument]):
                states += [(process / "stat").read_text().rpartition(")")[2][:2] for _ in range(50)]
    return set(states) == {" S"}
