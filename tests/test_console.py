"""Decisions of the console, and the console on a terminal without features."""

from __future__ import annotations

import contextlib
import os
import pty
from pathlib import Path

import pytest
from attrs import evolve
from forked_commands import ROOT, Commands, environment
from tables import rows

from jkg_client import JupyterClient
from jkg_client.cli.console.code_completeness import indent_after, is_complete
from jkg_client.cli.console.kernel_activity import DEATH, KernelActivity
from jkg_client.protocol.messages import Message, new_header, parentless_status
from jkg_client.testing import FakeGateway

SECONDS = 60


def with_dumb_terminal(server: FakeGateway, folder: Path) -> dict[str, str]:
    """Environment of a user of the fake gateway with a dumb terminal."""
    return {**environment(server), "XDG_STATE_HOME": str(folder), "TERM": "dumb"}


def typed(commands: Commands, text: str, env: dict[str, str], *words: str) -> tuple[int, str]:
    """Exit status and screen of a console in which ``text`` is typed, then the end of input."""
    master, slave = pty.openpty()
    process = commands.start(
        [*words], env=env, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, terminal=True
    )
    os.close(slave)
    with contextlib.closing(process):
        try:
            os.write(master, text.encode() + b"\x04\x04")
            shown = b""
            while data := _read(master):
                shown += data
            return process.wait(SECONDS), shown.decode().replace("\r\n", "\n")
        finally:
            os.close(master)


def _read(master: int) -> bytes:
    try:
        return os.read(master, 4096)
    except OSError:  # Linux: the other end is closed
        return b""


@rows(
    ("code", "wanted"),
    [
        ("", True),
        ("6 * 7", True),
        ("x = (1,", False),
        ("x = '''a", False),
        ("def f():", False),
        ("def f():\n    return 1", False),
        ("def f():\n    return 1\n", True),
        ("def f(:", False),
        ("x = 1 \\", False),
        ("%%timeit", False),
        ("%%timeit\nx\n", True),
        ("!ls", True),
        ("?print", True),
        ("日本 = '", True),
        ("[" * 100_000, False),
    ],
)
@pytest.mark.field("CMD14")
def test_without_the_kernel_the_completeness_of_a_cell_is_guessed(code: str, wanted: bool) -> None:
    assert is_complete(code) is wanted


@pytest.mark.parametrize(
    ("code", "indent"), [("if x:", "    "), ("if x:\n    y = 1", "    "), ("x = (", "")]
)
def test_without_the_kernel_the_next_line_is_indented_like_the_last(code: str, indent: str) -> None:
    assert indent_after(code) == indent


def of_session(session: str, msg_type: str, **content: object) -> Message:
    """A message on iopub that answers a cell of a session."""
    return Message(
        channel="iopub",
        header=new_header(msg_type, "kernel"),
        parent_header=new_header("execute_request", session),
        content=content,
    )


@pytest.mark.field("CMD17")
def test_cells_of_other_clients_are_shown_with_a_prefix_on_each_line() -> None:
    told: list[str] = []
    news = KernelActivity(told.append, session="ours")
    news.hear(of_session("theirs", "execute_input", code="print(1)\nprint(2)"))
    news.hear(of_session("theirs", "stream", name="stdout", text="\x1b[31m1\x1b[0m\n2\n"))
    news.hear(of_session("theirs", "error", ename="NameError", evalue="x", traceback=[]))
    assert told == [
        "[other] >>> print(1)\n[other] >>> print(2)",
        "[other] 1\n[other] 2",
        "[other] NameError: x",
    ]


@pytest.mark.field("CMD17")
def test_cells_of_other_clients_can_be_hidden() -> None:
    told: list[str] = []
    news = KernelActivity(told.append, session="ours", shows_others=False)
    news.hear(of_session("theirs", "stream", name="stdout", text="1\n"))
    assert told == []


@pytest.mark.field("CMD16")
def test_a_kernel_is_busy_during_a_cell_of_another_client() -> None:
    news = KernelActivity(print, session="ours")
    news.hear(of_session("theirs", "status", execution_state="busy"))
    assert news.is_busy
    news.hear(of_session("theirs", "status", execution_state="idle"))
    assert not news.is_busy


def test_output_of_a_thread_at_the_prompt_is_shown_and_consumed() -> None:
    told: list[str] = []
    news = KernelActivity(told.append, session="ours")
    message = of_session("ours", "stream", name="stdout", text="late\n")
    assert news.hear(message)
    assert told == ["late"]


def test_output_of_our_running_cell_is_not_shown_by_the_listener() -> None:
    told: list[str] = []
    news = KernelActivity(told.append, session="ours", is_running=True)
    assert not news.hear(of_session("ours", "stream", name="stdout", text="1\n"))
    assert told == []


@pytest.mark.field("CMD5")
def test_a_death_is_shown_once_even_if_the_server_reports_it_twice() -> None:
    told: list[str] = []
    news = KernelActivity(told.append, session="ours")
    for message in [parentless_status("restarting", "server")] * 2:
        assert not news.hear(evolve(message, header=new_header("status", "server")))
    assert told == [f"jkg: {DEATH}"]


@pytest.mark.field("CMD41")
def test_code_from_a_pipe_is_for_jkg_run(
    commands: Commands, server: FakeGateway, tmp_path: Path
) -> None:
    env = with_dumb_terminal(server, tmp_path)
    with contextlib.closing(
        commands.start(["console"], env=env, cwd=ROOT, stdin=-1, stdout=-1, stderr=-1)
    ) as process:
        said = process.communicate("print(1)\n", SECONDS)
    wanted = "jkg: the console needs a terminal; for code from a pipe use jkg run -\n"
    assert (process.returncode, *said) == (2, "", wanted)


@pytest.mark.field("CMD24")
def test_a_dumb_terminal_gets_plain_lines(
    commands: Commands, server: FakeGateway, tmp_path: Path
) -> None:
    lines = "6 * 7\nfor i in range(2):\n    print('row', i)\n\n1 / 0\n"
    status, shown = typed(commands, lines, with_dumb_terminal(server, tmp_path), "console")
    assert status == 0
    assert "Out[1]: 42\nIn [2]: " in shown
    assert "   ...: row 0\nrow 1\nIn [3]: " in shown
    assert "ZeroDivisionError: division by zero\nIn [4]: " in shown
    assert "\x1b" not in shown


@pytest.mark.field("CMD6", "CMD10")
@pytest.mark.parametrize("words", ["exit\n", ""])
def test_an_attached_kernel_keeps_running_after_the_console(
    commands: Commands, words: str, server: FakeGateway, tmp_path: Path
) -> None:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        asked = ("console", "--kernel-id", kernel_id)
        status, shown = typed(commands, words, with_dumb_terminal(server, tmp_path), *asked)
        assert status == 0
        assert f"jkg: detached; kernel {kernel_id[:8]} keeps running\n" in shown
        assert client.get_kernel(kernel_id)["id"] == kernel_id


def test_the_console_attaches_to_a_kernel_by_the_beginning_of_its_id(
    commands: Commands, server: FakeGateway, tmp_path: Path
) -> None:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        asked = ("kernels", "attach", kernel_id[:6])
        status, shown = typed(commands, "6 * 7\n", with_dumb_terminal(server, tmp_path), *asked)
    assert (status, "Out[1]: 42" in shown) == (0, True)
