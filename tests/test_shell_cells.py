"""Shell cells as Python cells. behaviours.py tests their effect on kernels."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from tables import rows

from jkg_client.client.deadline import Deadline
from jkg_client.shell_cells import python_cell, shell_cell

SECONDS = 20.0


@pytest.mark.field("B8")
@rows(
    "cell",
    ["%%bash\necho hello", "%%sh\nserver &\necho 'a\"b\\n' ☃", "\n%%bash \na", "%%sh\n"],
)
def test_the_shell_cell_can_be_read_from_the_python_cell(cell: str) -> None:
    made = python_cell(cell)
    compile(made, "cell", "eval")
    assert shell_cell(made) == re.sub(r"\A\s*(%%\w+) *\n", r"\1\n", cell)


@rows(
    "cell",
    [
        "%%bash --bg\nserver &",
        "%%script bash\nserver &",
        "%%writefile run.sh\nserver &",
        "%%bash",
        "x = a & b",
        "",
        "%%bash\necho '\ud83d'",
        "%%bash\necho '\ud83d\ude00' &",
    ],
)
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert python_cell(cell) == cell
    assert shell_cell(cell) == cell


COMMAND = [sys.executable, "-I", "-c", "import sys; exec(sys.stdin.read())"]
"""Runs the Python code on stdin in one piece, as a kernel does."""


def ran(cell: str, **options: Any) -> tuple[int, str, str]:
    """Exit status of the shell, stdout, and stderr without Python's traceback."""
    done = subprocess.run(
        COMMAND,
        input=python_cell(cell),
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=SECONDS,
        **options,
    )
    said, _, failure = done.stderr.partition("Traceback (most")
    status = re.search(r"exit status (\d+)\.$", failure.strip())
    assert bool(done.returncode) == bool(status)
    return int(status[1]) if status else 0, done.stdout, said


LONG = "#" * 150_000
NUMBERS = "".join(f"{number}\n" for number in range(1, 50_001))


@pytest.mark.field("B8")
@rows(
    ("cell", "result"),
    [
        ("%%bash\necho out; echo err >&2; exit 3", (3, "out\n", "err\n")),
        ("%%sh\nprintf 'no line end'", (0, "no line end", "")),
        ("%%bash\nprintf '\\xe2\\x98'; sleep 0.1; printf '\\x83\\xff'", (0, "☃\ufffd", "")),
        ("%%bash\necho $0", (0, "bash\n", "")),
        # Programs do not read the rest of the script.
        ('%%bash\nread x; echo "got $x"; cat; echo end', (0, "got \nend\n", "")),
        # A script that is too long for an argument, and one that an argument cannot contain.
        (f"%%sh\n{LONG}\necho long", (0, "long\n", "")),
        ("%%sh\necho \0ab", (0, "ab\n", "")),
        # All output of a process in the background, as long as it comes without a pause.
        ("%%bash\nseq 50000 & wait; seq 50000", (0, 2 * NUMBERS, "")),
        ("%%sh\n(sleep 0.01; echo soon) &", (0, "soon\n", "")),
    ],
)
def test_a_shell_cell_prints_the_output_of_the_shell(cell: str, result: Any) -> None:
    assert ran(cell, env={**os.environ, "PYTHONUNBUFFERED": "1"}) == result


@pytest.mark.field("B8")
def test_a_shell_cell_does_not_wait_for_a_background_process() -> None:
    status, out, said = ran("%%bash\nsleep 60 >/dev/null & echo $!")
    assert (status, said) == (0, "")
    os.kill(int(out), signal.SIGKILL)  # it still runs


def test_a_shell_that_is_missing_is_an_error(tmp_path: Path) -> None:
    result = ran("%%bash\necho hello", env={"PATH": str(tmp_path)})
    assert result == (127, "", "bash: command not found\n")


def members(session: int) -> list[str]:
    """The programs of a session that have not ended, except for its first process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # a process that has just ended
            state, *numbers = (folder / "stat").read_text().rpartition(")")[2].split()
            if state != "Z" and int(numbers[2]) == session != int(folder.name):
                found.append((folder / "cmdline").read_text())
    return found


def assert_alone(session: int) -> None:
    """Assert that the other processes of a session end soon. They were killed just now."""
    deadline = Deadline(SECONDS)
    while left := members(session):
        assert not deadline.passed, left


@contextlib.contextmanager
def started(cell: str) -> Iterator[subprocess.Popen[str]]:
    """A cell that has printed ``on``. Its process and its programs are a session."""
    made = python_cell(cell)
    quick = made.replace("_SHELL_GRACE, _GRACE = 0.3, 2.0", "_SHELL_GRACE, _GRACE = 0.1, 0.5")
    assert quick != made
    with subprocess.Popen(
        COMMAND, stdin=PIPE, stdout=PIPE, stderr=PIPE, encoding="utf-8", start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(quick)
        process.stdin.close()
        process.stdin = None
        try:
            assert process.stdout.readline() == "on\n"
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


PYTHON = f"'{sys.executable}' -I"
IGNORES = "import signal, time; signal.signal(2, 1); print('on', flush=True); time.sleep(60)"
SAVES = """
import time
try:
    print('on', flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.2)
    print('saved')
"""
SCRIPTS = [
    ("echo on; sleep 60; echo more", ""),
    ("sleep 60 & echo on; sleep 60; echo more", ""),
    ("trap '' INT; echo on; sleep 60; echo more", ""),
    ("trap '' INT; echo on; while :; do :; done", ""),
    (f'{PYTHON} -c "{IGNORES}"; echo more', ""),
    (f'{PYTHON} -c "{SAVES}"; echo more', "saved\n"),
]


@pytest.mark.field("B8")
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="tells no outputs")  # noqa: PTH110
@pytest.mark.parametrize(("script", "said"), SCRIPTS)
@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_an_interrupt_ends_all_programs_and_the_rest_of_the_script_does_not_run(
    shell: str, script: str, said: str
) -> None:
    with started(f"%%{shell}\n{script}") as process:
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
        assert out == said
        assert err.rstrip().endswith("KeyboardInterrupt")
        assert_alone(process.pid)


def test_an_interrupt_of_the_kernel_alone_ends_the_programs_too() -> None:
    with started("%%bash\necho on; sleep 60; echo more") as process:
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=SECONDS)[0] == ""
        assert_alone(process.pid)


@pytest.mark.field("B8")
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="tells no states")  # noqa: PTH110
def test_a_kernel_sleeps_while_its_shell_prints_nothing() -> None:
    with started("%%bash\nsleep 60 & echo on; wait") as process:
        # A program that asks again and again, without a pause, never sleeps.
        deadline = Deadline(SECONDS)
        while not sleeps(process.pid):
            assert not deadline.passed


def sleeps(pid: int) -> bool:
    """Whether a process is asleep, however often one looks."""
    stat = Path(f"/proc/{pid}/stat")
    return {stat.read_text().rpartition(")")[2][:2] for _ in range(50)} == {" S"}


@pytest.mark.field("B8")
def test_a_background_process_may_continue_to_print(tmp_path: Path) -> None:
    loop = f"(for i in $(seq 200); do echo $i || exit; done; echo whole >'{tmp_path}/done') &"
    assert ran(f"%%sh\n(sleep 0.2; {loop}) & echo left")[:2] == (0, "left\n")
    deadline = Deadline(SECONDS)
    while not (tmp_path / "done").exists():
        assert not deadline.passed
