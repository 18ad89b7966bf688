"""The console in a pseudo-terminal, with embedded kernels, a real gateway and the fake one."""

from __future__ import annotations

import json
import re
import signal
import stat
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import psutil  # type: ignore[import-untyped,import-not-found,unused-ignore]  # from ipykernel
import pytest
from documentation import ROOT
from terminals import Terminal, environment

from jkg_client import JupyterClient, JupyterKernelClient, LocalJupyterServer
from jkg_client.cli.console.history import PrivateHistory, history_file
from jkg_client.testing import FakeGateway

COMMAND = [sys.executable, "-W", "error", "-m", "jkg_client", "console"]

Console = Callable[..., Terminal]


@pytest.fixture(scope="module")
def gateway() -> Iterator[JupyterClient]:
    """A client of a real gateway."""
    with LocalJupyterServer() as server, server.get_client() as client:
        yield client


@pytest.fixture(params=["fake", "real"])
def client(request: pytest.FixtureRequest) -> Iterator[JupyterClient]:
    """A client of the fake gateway, or of a real one."""
    if request.param == "real":
        yield request.getfixturevalue("gateway")
        return
    with FakeGateway() as server, JupyterClient(server.connection_info) as client:
        yield client


@pytest.fixture
def other(client: JupyterClient) -> Iterator[JupyterKernelClient]:
    """Another client of a running kernel."""
    kernel_id = client.start_kernel("python3")
    with client.get_kernel_client(kernel_id) as kernel:
        assert kernel.wait_for_ready(60)
        yield kernel
    client.delete_kernel(kernel_id)


@pytest.fixture
def open_console(tmp_path: Path) -> Iterator[Console]:
    """Opens consoles on terminals. They end after the test."""
    with ExitStack() as stack:

        def open_console(*words: str, size: tuple[int, int] = (24, 80), **env: str) -> Terminal:
            own = {**environment(str(tmp_path), str(ROOT)), **env}
            terminal = Terminal([*COMMAND, *words], own, str(tmp_path), size)
            stack.callback(terminal.close)
            return terminal

        yield open_console


@pytest.fixture
def attached(open_console: Console, client: JupyterClient, other: JupyterKernelClient) -> Console:
    """Opens consoles on the kernel of ``other``."""
    info = client.connection_info
    words = ("--url", info.url, "--kernel-id", other.kernel_id)
    return lambda **options: open_console(*words, JKG_TOKEN=info.token or "", **options)


def run(terminal: Terminal, code: str, shown: str) -> None:
    """Type a cell, and wait for its output."""
    terminal.type(f"{code}\r")
    terminal.wait_for(shown)


@pytest.mark.field("CMD8", "CMD11", "CMD12", "CMD15", "CMD30", "CMD45")
def test_a_session_from_the_first_cell_to_the_notebook(
    open_console: Console, tmp_path: Path
) -> None:
    console = open_console("--embedded")
    console.wait_for_prompt("In [1]:")
    run(console, "6 * 7", "\nOut[1]: 42\nIn [2]:")
    run(console, "input('name: ')", "\nname:")
    run(console, "bob", "Out[2]: 'bob'\nIn [3]:")
    run(console, "input('one: ')", "\none:")
    console.type("\x03")
    console.wait_for("\nKeyboardInterrupt\nIn [4]:", 5)
    run(console, "input('two: ')", "\ntwo:")
    console.type("\x04")
    console.wait_for("\nEOFError\nIn [5]:", 5)
    run(console, "import getpass, time; word = getpass.getpass('word: ')", "\nword:")
    run(console, "hunter2", "In [6]:")
    run(console, "print('long'); time.sleep(600)", "\nlong")
    console.type("\x03")
    console.wait_for("In [7]:", 5)
    run(console, "len?", "Return the number of items")
    run(console, " hidden = 1", "In [9]:")
    run(console, "%save session.ipynb", "saved the session in session.ipynb")
    run(console, "exit", "")
    assert console.ended() == 0
    notebook = json.loads((tmp_path / "session.ipynb").read_text("utf-8"))
    assert "".join(notebook["cells"][0]["source"]) == "6 * 7"
    assert "hunter2" not in console.text
    assert "ipykernel" not in console.text
    history = history_file("python3", {"XDG_STATE_HOME": str(tmp_path)})
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    kept = list(PrivateHistory(history).load_history_strings())
    assert kept[:3] == ["exit", "%save session.ipynb", "len?"]
    assert not any("hidden" in cell or "hunter2" in cell or cell == "bob" for cell in kept)


def entered(console: Terminal, session: str) -> list[str]:
    """Enter the cells of a session of the page, and return its lines without the command."""
    lines = session.splitlines()[1:]
    for line in lines:
        prompt, found, code = line.partition("]: ")
        if found and prompt.startswith("In ["):
            console.wait_for_prompt(f"{prompt}]:")
            run(console, code, f"{prompt}]: {code}")
    assert console.ended() == 0
    return lines


def test_the_page_shows_what_the_console_shows(
    open_console: Console, attached: Console, other: JupyterKernelClient
) -> None:
    page = (ROOT / "docs" / "console.md").read_text("utf-8")
    new, running = re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    console = open_console("--embedded")
    wanted = entered(console, new)
    assert console.text.splitlines()[1:] == wanted[1:]
    assert console.text.startswith("Python 3.")
    for _ in range(3):
        other.execute("1")
    console = attached()
    wanted = [line.replace("3f2a9c01", other.kernel_id[:8]) for line in entered(console, running)]
    assert console.text.splitlines()[1:] == wanted[1:]


def end_definition(console: Terminal, prompt: str) -> None:
    """Press Enter twice after a function, with pauses, because quick keys count as pasted text."""
    console.wait(lambda: console.line.endswith("return 'no'"))
    console.type("\r")
    console.wait(lambda: console.line.strip() == "...:")
    console.type("\r")
    console.wait_for_prompt(prompt)


@pytest.mark.field("CMD13", "CMD15", "CMD10")
def test_typing_pasting_and_completing(attached: Console) -> None:
    console = attached()
    block = "def f(x):\n    if x:\n        return 'yes'\n\n    return 'no'"
    console.wait_for_prompt("In [1]:")
    console.type(f"\x1b[200~{block}\x1b[201~")
    end_definition(console, "In [2]:")
    run(console, "f(1) + '!'", "'yes!'")
    console.wait_for_prompt("In [3]:")
    # As single keys, without the marks of a paste.
    console.type(block.replace("yes", "ja").replace("\n", "\r"))
    end_definition(console, "In [4]:")
    run(console, "f(1) + '?'", "'ja?'")
    console.wait_for_prompt("In [5]:")
    console.type("thrown away")
    console.wait_for("]: thrown away")
    console.type("\x04\x03")
    run(console, "import math; math.pi", "3.14159")
    console.wait_for_prompt("In [6]:")
    console.type("math.factor\t")
    try:
        console.wait_for("math.factorial", 2)
    except AssertionError:
        # The kernel's first completion may take longer than the console waits.
        console.type("\t")
        console.wait_for("math.factorial")
    console.type("\x03")
    console.type("\x1c")  # Ctrl-\
    assert console.ended() == 0
    assert "Traceback" not in console.text


@pytest.mark.field("CMD6", "CMD7", "CMD16", "CMD17")
def test_code_of_another_client_is_shown_and_can_be_interrupted(
    attached: Console, other: JupyterKernelClient, client: JupyterClient
) -> None:
    first = attached()
    first.wait_for("In [")
    first.type("typed")
    first.wait_for("]: typed")
    other.execute("print('from another')", 30)
    first.wait_for("[other] from another")
    first.wait(lambda: first.line.endswith("]: typed"))
    first.type("\x03")
    first.wait(lambda: first.line.rstrip().endswith("]:"))
    results = []
    cell = threading.Thread(
        target=lambda: results.append(other.execute("import time\ntime.sleep(600)", 300))
    )
    cell.start()
    first.wait_for("[other] >>> time.sleep(600)")
    second = attached()
    second.wait_for("busy with another client; Ctrl-C interrupts, Ctrl-D leaves")
    second.wait_for("In [")
    second.type("\x04")
    assert second.ended() == 0
    first.type("\x03")
    cell.join(60)
    assert results[0].failure is not None
    assert results[0].failure.is_interrupt
    run(first, "exit", "detached; kernel")
    assert first.ended() == 0
    assert client.get_kernel(other.kernel_id)["id"] == other.kernel_id


@pytest.mark.field("CMD9")
def test_code_that_catches_interrupts_is_ended_by_a_restart(attached: Console) -> None:
    console = attached()
    console.wait_for("In [")
    loop = (
        "import time\nfor i in range(9):\n try:\n  print('on', i)\n  time.sleep(600)\n"
        " except KeyboardInterrupt:\n  pass"
    )
    console.type(f"\x1b[200~{loop}\x1b[201~")
    console.type("\x1b\r")
    console.wait_for("\non 0")
    console.type("\x03")
    console.wait_for("on 1")
    console.type("\x03")
    console.wait_for("r restarts the kernel")
    run(console, "r", "variables are gone")
    run(console, "'us' + 'able'", "'usable'")


@pytest.mark.field("CMD5")
def test_a_death_is_shown_and_the_prompt_stays_usable(open_console: Console) -> None:
    console = open_console("--embedded")
    console.wait_for_prompt("In [1]:")
    run(console, "import os; os._exit(3)", "variables are gone")
    console.wait_for_prompt("In [1]:")
    timer = "import os, threading; threading.Timer(0.2, os._exit, [3]).start()"
    run(console, timer, "the kernel died and was started again; variables are gone")
    run(console, "'us' + 'able'", "'usable'")


def test_the_death_of_the_server_is_shown_once_and_a_cell_tries_again(
    open_console: Console,
) -> None:
    console = open_console("--local", size=(24, 200))
    console.wait_for_prompt("In [1]:")
    for child in psutil.Process(console.child.pid).children():
        child.kill()
    assert console.wait_for("keeps trying to reconnect", 60) > 20
    assert console.text.count("is the server still running?") == 1
    console.wait_for_prompt("In [1]:")
    console.type("6 * 7\r")
    asked_again = 2
    seconds = console.wait(
        lambda: console.text.count("is the server still running?") == asked_again, 60
    )
    assert seconds < 40
    console.wait_for_prompt("In [1]:")


@pytest.mark.field("CMD12")
def test_sigterm_while_a_password_is_typed_restores_the_terminal(open_console: Console) -> None:
    console = open_console("--embedded")
    console.wait_for_prompt("In [1]:")
    run(console, "import getpass; getpass.getpass('word: ')", "\nword:")
    console.child.kill(signal.SIGTERM)
    assert console.ended() == 143
    assert console.settings[3] & termios.ECHO


@pytest.mark.field("CMD40")
def test_wide_characters_can_be_edited_in_a_narrow_window(attached: Console) -> None:
    console = attached(size=(10, 20))
    console.wait_for("In [")
    console.type("'日本語")
    console.wait(lambda: "語" in console.line)
    console.type("\x7f'")
    console.wait(lambda: console.line.replace(" ", "").endswith("'日本'"))
    console.resize(10, 40)
    console.type("\r")
    console.wait_for("]: '日")
    assert console.text.count("'日") >= 1


@pytest.mark.field("CMD45")
def test_a_hundred_thousand_lines_are_shown_and_can_be_stopped(open_console: Console) -> None:
    console = open_console("--embedded", "--no-others")
    console.wait_for_prompt("In [1]:")
    console.type("for i in range(10**9): print(i)\x1b\r")
    console.wait(lambda: b"\r\n1000\r\n" in console.sent)
    console.type("\x03")
    console.wait_for_prompt("In [2]:")
