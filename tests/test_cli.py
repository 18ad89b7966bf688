"""The command in a separate process, with the fake gateway as its server."""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import io
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Callable

import pytest
from attrs import evolve
from fixtures import Programs
from forked_commands import ROOT, Commands, environment
from surroundings import in_the_foreground
from tables import rows

import jkg_client
from jkg_client import ImageProgress, cli
from jkg_client.cli.arguments import parser
from jkg_client.cli.progress import Progress, bar
from jkg_client.cli.screen import Screen
from jkg_client.cli.servers import info_of
from jkg_client.cli.tables import aligned
from jkg_client.testing import FakeGateway

SECONDS = 60
PNG = "iVBORw0KGgo="

Jkg = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
Terminal = tuple[Screen, Callable[[], str]]


@pytest.fixture(autouse=True)
def foreground() -> Iterator[None]:
    """Start the command as a person would: any signal can end it."""
    with in_the_foreground():
        yield


@pytest.fixture
def environ(server: FakeGateway) -> dict[str, str]:
    """Environment of a process that uses the fake gateway."""
    return {**environment(server), "COLUMNS": "80"}


@pytest.fixture
def start(commands: Commands, environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts the command in its own process, which ends with the test."""
    with contextlib.ExitStack() as stack:

        def start(*words: str, **options: Any) -> Any:
            options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
            process = commands.start([*words], env=environ, cwd=tmp_path, **options)
            stack.callback(process.close)
            return process

        yield start


@pytest.fixture
def jkg(start: Start) -> Jkg:
    """Runs the command to its end."""

    def run(*words: str, **options: Any) -> Any:
        process = start(*words, **options)
        out, err = process.communicate(timeout=SECONDS)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return run


@pytest.fixture
def called(
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Jkg:
    """Runs the command in this process, which is quicker."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(environ):
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def run(*words: str, given: str = "", env: dict[str, str] | None = None) -> Any:
        stdin = io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", stdin)
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        try:
            status: Any = cli.main(words)
        except SystemExit as exc:
            status = exc.code
        return subprocess.CompletedProcess(words, status, *capsys.readouterr())

    return run


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A screen on a terminal of 40 columns, and the text that it has sent since the last call."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))

    def sent() -> str:
        os.write(slave, b"\0")
        said = b""
        while not said.endswith(b"\0"):
            assert select.select([master], [], [], SECONDS)[0]
            said += os.read(master, 65536)
        return said[:-1].decode()

    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        yield Screen(stream, stream), sent
    os.close(master)


def shown(sent: str) -> list[str]:
    """The lines on a terminal that has received this text."""
    lines = []
    for line in sent.replace("\r\n", "\n").split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells).rstrip())
    return lines


def kernels_of(server: FakeGateway) -> list[Any]:
    with jkg_client.JupyterClient(server.connection_info) as client:
        return list(client.list_kernels())


def test_output_of_the_code_goes_to_stdout_and_stderr(environ: dict[str, str]) -> None:
    # In a new interpreter: an import that warns, or that prints, fails here.
    code = "import sys; print('out'); print('err', file=sys.stderr); 6 * 7"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "jkg_client", "run", "-c", code],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n42\n", "err\n")


def test_output_is_passed_on_as_it_arrives(start: Start, server: FakeGateway) -> None:
    server.script("work()").stream("first\n").hangs()
    process = start("run", "-c", "work()")
    assert process.stdout is not None
    assert process.stdout.readline() == "first\n"
    assert process.poll() is None


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_interrupts_the_kernel_and_deletes_it(
    start: Start, server: FakeGateway, number: signal.Signals, status: int
) -> None:
    server.script("work()").stream("begun\n").hangs()
    process = start("run", "-c", "work()")
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (status, "")
    assert err.startswith("jkg: interrupting the code" if number == signal.SIGINT else "")
    assert server.journal.requests("POST", "/api/kernels/*/interrupt")
    assert kernels_of(server) == []


def test_the_command_ends_silently_if_the_reader_of_its_output_ends(
    start: Start, server: FakeGateway
) -> None:
    process = start("run", "-c", "while True: print('again', flush=True)")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "again\n"
    process.stdout.close()
    assert process.wait(SECONDS) == 141
    assert process.stderr.read() == ""
    assert kernels_of(server) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_unwritable_stdout_is_an_error_and_an_unwritable_stderr_is_not(
    jkg: Jkg,
) -> None:
    with Path("/dev/full").open("w") as full:
        no_out = jkg("run", "-c", "print('lost')", stdout=full.fileno())
        code = "import sys; print('e', file=sys.stderr); 1"
        no_err = jkg("run", "-c", code, stderr=full.fileno())
    assert (no_out.returncode, no_out.stderr) == (2, "jkg: [Errno 28] No space left on device\n")
    assert (no_err.returncode, no_err.stdout) == (0, "1\n")


ENDINGS = [
    ("pass", 0, ""),
    ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
    ("import time; time.sleep(60)", 124, "was stopped.\n"),
    ("import os; os._exit(0)", 137, "variables are gone.\n"),
]


@pytest.mark.parametrize(("code", "status", "end"), ENDINGS)
def test_the_exit_status_says_how_the_code_ended(
    called: Jkg, server: FakeGateway, code: str, status: int, end: str
) -> None:
    server.script("import os; os._exit(0)").dies() if "_exit" in code else None
    done = called("run", "--timeout", "0.2" if status == 124 else "30", "-c", code)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.endswith(end)
    assert bool(done.stderr) is bool(end)


@pytest.mark.parametrize("value", ["0", "", "None"])
def test_a_program_that_exits_with_success_has_succeeded(
    called: Jkg, server: FakeGateway, value: str
) -> None:
    server.script("leave()").error("SystemExit", value)
    done = called("run", "-c", "leave()")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_that_exits_with_an_error_gives_its_own_exit_status(
    called: Jkg, server: FakeGateway
) -> None:
    server.script("leave()").error("SystemExit", "3")
    assert called("run", "-c", "leave()").returncode == 3


COMPLAINTS = [
    ("run --url http://127.0.0.1:1 -c 1", 125, "no connection"),
    ("kernelspecs --url http://127.0.0.1:1", 125, "no connection"),
    ("run --kernel julia -c 1", 125, "Kernel 'julia' is not installed. Server: http"),
    ("kernelspecs --url ftp://example.com", 2, "an http or https URL"),
    ("run missing.py", 2, "cannot read missing.py: No such file"),
    ("run .", 2, "cannot read .: Is a directory"),
    ("run folder.ipynb", 2, "cannot read folder.ipynb: it is not a file"),
    ("run missing.ipynb", 2, "cannot read missing.ipynb: there is no such file"),
    ("run bytes.py", 2, "cannot read bytes.py: it is not text in UTF-8"),
    ("run -c", 2, "-c needs an argument"),
    ("run --kernel-id 1 --local -c 1", 2, "pass its URL as --url"),
    ("mcp --port 1", 2, "--port is for HTTP"),
    ("run empty.md", 2, "no code blocks in empty.md"),
    ("run foreign.md", 2, "no code block that this kernel can run"),
    ("run --language rust -c 1", 1, "cannot run a 'rust' block: this kernel runs python"),
    ("run --output-dir bytes.py -c 1", 2, "cannot be created"),
    ("build --dockerfile missing", 2, "there is no Dockerfile"),
    ("containers", 125, "Docker"),
]


@pytest.mark.parametrize(("words", "status", "complaint"), COMPLAINTS)
def test_errors_are_reported_in_one_line(
    called: Jkg,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    status: int,
    complaint: str,
) -> None:
    (tmp_path / "bytes.py").write_bytes(b"\xd0\x00")
    (tmp_path / "folder.ipynb").mkdir()
    (tmp_path / "empty.md").write_text("nothing\n", encoding="utf-8")
    (tmp_path / "foreign.md").write_text("```rust\nfn\n```\n", encoding="utf-8")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    done = called(*words.split())
    assert (done.returncode, done.stdout) == (status, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("jkg: ")
    assert complaint in last
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "",
        "frob",
        "run --timeout 0",
        "run --timeout soon",
        "run --local --docker",
        "run --url= -c 1",
    ],
)
def test_invalid_arguments_of_the_command_are_refused(called: Jkg, words: str) -> None:
    done = called(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: jkg")


def test_without_a_command_all_commands_are_listed(called: Jkg) -> None:
    done = called()
    assert (done.returncode, done.stdout) == (2, "")
    assert all(f"\n    {command}" in done.stderr for command in ("run ", "console ", "doctor "))


@pytest.mark.parametrize("command", ["", "run", "kernelspecs", "mcp", "build", "containers"])
def test_every_command_has_help(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        parser().parse_args([*command.split(), "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: jkg {command}".rstrip())


def test_the_command_is_installed_as_jkg() -> None:
    setup = configparser.ConfigParser()
    with (Path(__file__).parent.parent / "setup.cfg").open(encoding="utf-8") as file:
        setup.read_file(file)
    name, _, value = setup["options.entry_points"]["console_scripts"].strip().partition(" = ")
    assert (name, EntryPoint(name, value, "console_scripts").load()) == ("jkg", cli.main)


def test_code_comes_from_a_file_or_from_stdin(called: Jkg, tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("\ufeffprint('from a file: é')", encoding="utf-8")
    assert called("run", "code.py").stdout == "from a file: é\n"
    assert called("run", given="print('from stdin: é')").stdout == "from stdin: é\n"
    assert called("run", "-", given="").returncode == 0


PAGE = """
```python
print("one")
```

```text
one
```

```python
{}
```

```python
print("three")
```
"""


def test_a_page_runs_its_blocks_and_reports_blocks_that_are_not_code(
    called: Jkg, tmp_path: Path
) -> None:
    (tmp_path / "page.md").write_text(PAGE.format("print('two')"), encoding="utf-8")
    done = called("run", "page.md")
    assert (done.returncode, done.stdout) == (0, "one\ntwo\nthree\n")
    assert done.stderr.startswith("jkg: skipped: cannot run a 'text' block")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.field("A4")
def test_a_page_with_only_data_succeeds(called: Jkg) -> None:
    done = called("run", "--language", "markdown", given='```json\n{"answer": 42}\n```\n')
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("jkg: skipped: cannot run a 'json' block")


@pytest.mark.ipython
@pytest.mark.field("A8")
def test_the_command_guesses_languages_of_blocks_as_the_executor_does(called: Jkg) -> None:
    page = "```\n$ echo shell\n```\n\n```\nprint('python')\n```\n\nOutput:\n\n```\nnot code\n```\n"
    done = called("run", "--language", "markdown", given=page)
    assert (done.returncode, done.stdout) == (0, "shell\npython\n")
    assert done.stderr.startswith("jkg: skipped: cannot run a 'output' block")


def test_a_page_ends_with_the_first_block_that_fails(called: Jkg) -> None:
    done = called("run", "--language", "markdown", given=PAGE.format("1 / 0"))
    assert (done.returncode, done.stdout) == (1, "one\n")


def test_an_exception_named_unknownlanguage_in_the_code_is_an_error(
    called: Jkg, server: FakeGateway
) -> None:
    server.script("choose()").error("UnknownLanguage", "Klingon", ["UnknownLanguage: Klingon"])
    done = called("run", "--language", "md", given=PAGE.format("choose()"))
    assert (done.returncode, done.stdout) == (1, "one\n")


def test_images_and_pages_are_saved_in_their_last_state(
    called: Jkg, server: FakeGateway, tmp_path: Path
) -> None:
    image, page = (
        {"image/png": PNG, "text/plain": "<Figure>"},
        {"text/html": "<b>", "text/plain": "b"},
    )
    script = server.script("draw()").stream("before, ").display(image, display_id="plot")
    script.display({**image, "image/png": "bmV3"}, display_id="plot", update=True)
    script.display(page).stream("after\n")
    done = called("run", "--output-dir", "plots", "-c", "draw()")
    assert (done.returncode, done.stdout) == (0, "before, \nb\nafter\n")
    paths = [Path(line.partition("jkg: saved ")[2]) for line in done.stderr.splitlines()]
    assert [path.parent for path in paths] == [tmp_path / "plots"] * 2
    assert [path.read_bytes() for path in paths] == [b"new", b"<b>"]


def test_images_that_cannot_be_saved_are_reported(
    called: Jkg, server: FakeGateway, tmp_path: Path
) -> None:
    folder = tmp_path / "plots"

    def block() -> None:
        folder.rmdir()
        folder.touch()

    server.script("draw()").display({"image/png": PNG}).then(block)
    done = called("run", "--output-dir", "plots", "-c", "draw()")
    assert done.stderr.startswith("jkg: images or web pages that could not be saved: 1 ([Errno")


def test_output_and_files_survive_a_closed_connection(called: Jkg, server: FakeGateway) -> None:
    script = server.script("draw()").stream("drawn\n").display({"image/png": PNG})
    script.then(lambda: server.faults.status(401, path="*/channels", times=None))
    script.then(server.faults.cut_now).hangs()
    done = called("run", "-c", "draw()")
    assert (done.returncode, done.stdout) == (125, "drawn\n")
    assert done.stderr.startswith("jkg: saved /")
    assert "Traceback" not in done.stderr


@pytest.mark.field("CMD23")
def test_output_that_the_encoding_does_not_have_is_escaped_without_an_error(
    jkg: Jkg, environ: dict[str, str]
) -> None:
    environ["PYTHONIOENCODING"] = "latin-1"
    done = jkg("run", "-c", r"print('\xe9\u2603')", encoding="latin-1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "é\\u2603\n", "")


def test_lost_output_is_reported(called: Jkg, server: FakeGateway) -> None:
    server.faults.rate_limit(data=100)
    done = called("run", "-c", "print('x' * 1000)")
    assert done.returncode == 0
    assert "jkg: Note: the server's rate limit dropped output." in done.stderr


def test_warnings_of_the_package_are_shown_as_notes_of_the_command(
    called: Jkg, server: FakeGateway
) -> None:
    server.faults.status(500, method="DELETE", path="/api/kernels/*", times=None)
    done = called("run", "-c", "print('done', end='')")
    assert (done.returncode, done.stdout) == (0, "done")
    assert done.stderr.startswith("jkg: kernel ")
    assert "could not be deleted" in done.stderr


def test_a_signal_that_was_ignored_at_the_start_stays_ignored(
    start: Start, server: FakeGateway
) -> None:
    server.script("work()").stream("begun\n").pauses(0.3).stream("done\n")
    process = start("run", "-c", "work()", ignored=(signal.SIGHUP,))
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=SECONDS)[0] == "done\n"


def test_kernelspecs_are_listed_one_per_line(called: Jkg) -> None:
    with FakeGateway(kernel_names=("python3", "julia-1.10"), base_path="/user/me") as hub:
        info = hub.connection_info
        done = called(
            "kernelspecs", "--url", f"{info.url}/lab", env={"JKG_TOKEN": info.token or ""}
        )
    assert (done.returncode, done.stdout) == (0, "julia-1.10\npython3\n")


URL = "http://here:1"
TOKENS = [
    ({}, URL, None),
    ({"JKG_TOKEN": "mine"}, URL, "mine"),
    ({"JKG_TOKEN": "mine"}, f"{URL}/?token=shown", "shown"),
    ({"JUPYTER_GATEWAY_AUTH_TOKEN": "env"}, URL, "env"),
    ({"JUPYTER_GATEWAY_AUTH_TOKEN": "env", "JKG_TOKEN": "mine"}, URL, "mine"),
    ({"JUPYTER_GATEWAY_AUTH_TOKEN": "env", "JUPYTER_GATEWAY_URL": URL}, None, "env"),
    ({"JUPYTER_GATEWAY_AUTH_TOKEN": "env", "JUPYTER_GATEWAY_URL": URL}, f"{URL}/lab", "env"),
    ({"JUPYTER_GATEWAY_AUTH_TOKEN": "env", "JUPYTER_GATEWAY_URL": "http://other"}, URL, None),
    ({"JUPYTER_GATEWAY_URL": f"{URL}?token=there", "JKG_TOKEN": "mine"}, None, "mine"),
]


# A token of the environment goes to the server of the environment only.
@rows(("environ", "url", "token"), TOKENS)
def test_each_token_is_sent_only_to_its_own_server(
    environ: dict[str, str], url: str | None, token: str | None
) -> None:
    info = info_of(url, environ)
    assert (info.host, info.port, info.token) == ("here", 1, token)


STEP = ImageProgress("Step 3/4 : RUN mamba install", 3, 4)
LAYER = ImageProgress("Downloading", 5_000_000, 20_000_000, "ab")
BARS = [
    (None, ImageProgress("Pulling", layer="latest"), "[-] latest: Pulling"),
    (None, LAYER, "[#####-] ab: Downloading 5.0 of 20.0 MB"),
    (None, evolve(LAYER, total=None), "[-] ab: Downloading 5.0 MB"),
    (STEP, STEP, "[##########-] 3/4 RUN mamba install"),
    (STEP, LAYER, "[##########-] 3/4 ab: Downloading 5.0 of 20.0 MB"),
    (STEP, ImageProgress("\x1b[32m10%\r\x1b[1m20% ━\x1b[0m"), "[##########-] 3/4 20% ?"),
    (
        STEP,
        ImageProgress("in the meantime : waiting"),
        "[##########-] 3/4 in the meantime : waiting",
    ),
]


# "-]" stands for the rest of twenty columns.
@rows(("step", "progress", "line"), BARS)
def test_a_progress_bar_shows_the_progress_of_an_image(
    step: ImageProgress | None, progress: ImageProgress, line: str
) -> None:
    done, _, said = line.partition("-]")
    assert bar(step, progress) == f"{done.ljust(21, '-')}]{said}"


def test_a_progress_bar_is_redrawn_on_its_line_and_removed_before_output(
    terminal: Terminal,
) -> None:
    screen, sent = terminal
    progress = Progress(screen)
    progress(STEP)
    drawn = sent()
    progress(ImageProgress("a line that is longer than the terminal is wide"))
    progress(ImageProgress("short"))
    redrawn = sent()
    screen.note("a warning")
    progress(ImageProgress("Step 4/4 : CMD", 4, 4))
    screen.write("output")
    assert shown(drawn) == ["[##########----------] 3/4 RUN mamba in"]
    assert shown(drawn + redrawn) == ["[##########----------] 3/4 short"]
    assert shown(drawn + redrawn + sent()) == ["jkg: a warning", "output"]


def test_a_progress_bar_does_not_overwrite_an_incomplete_line(terminal: Terminal) -> None:
    screen, sent = terminal
    screen.write("50%\r")
    Progress(screen)(ImageProgress("first"))
    screen.write("no end")
    screen.note("done")
    assert shown(sent()) == ["50%", "no end", "jkg: done", ""]


def test_in_a_pipe_progress_is_shown_as_lines(tmp_path: Path) -> None:
    with (tmp_path / "err").open("w+", encoding="utf-8") as err:
        progress = Progress(Screen(None, err))
        progress(ImageProgress("Step 1/2 : FROM base", 1, 2))
        progress(ImageProgress("Downloading", 1, 2, "ab"))
        progress(ImageProgress("Pull complete", None, None, "ab"))
        progress(ImageProgress("a line"))
        err.seek(0)
        assert err.read() == "Step 1/2 : FROM base\nab: Pull complete\na line\n"


COLOURS = r"""
class Answer:
    def __repr__(self): return '\x1b[33m42\x1b[39m'
print('\x1b[31mred\x1b[0m')
Answer()
"""
FAILS = r"raise ValueError('\x1b[35mvalue\x1b[0m')"


@pytest.mark.field("B4")
def test_a_terminal_shows_the_colours_of_the_kernel(
    commands: Commands, environ: dict[str, str]
) -> None:
    plain = {name: value for name, value in environ.items() if name != "NO_COLOR"}
    env = {**plain, "TERM": "xterm"}
    sent = _sent_to_a_terminal(commands, ["run", "-c", COLOURS], env, 0)
    assert "\x1b[31mred\x1b[0m\r\n" in sent
    assert "\x1b[33m42\x1b[39m\r\n" in sent
    assert "\x1b[35mvalue\x1b[0m" in _sent_to_a_terminal(commands, ["run", "-c", FAILS], env, 1)


@pytest.mark.field("B4")
@pytest.mark.parametrize("code", [COLOURS, FAILS])
def test_a_terminal_without_colours_and_a_pipe_get_no_escape_codes(
    commands: Commands, environ: dict[str, str], called: Jkg, code: str
) -> None:
    status = int(code == FAILS)
    assert "\x1b" not in _sent_to_a_terminal(
        commands, ["run", "-c", code], {**environ, "NO_COLOR": "1"}, status
    )
    done = called("run", "-c", code)
    assert done.returncode == status
    assert "\x1b" not in done.stdout + done.stderr
    assert "value" in done.stderr if status else done.stdout == "red\n42\n"


@pytest.mark.field("B5")
def test_a_pipe_gets_the_last_state_of_nested_bars(called: Jkg) -> None:
    code = (
        "for i in range(3):\n for j in range(9):\n"
        "  print(f'\\router {i}\\n\\rinner {j}\\x1b[A', end='', flush=True)\nprint('\\n')"
    )
    assert called("run", "-c", code).stdout == "outer 2\ninner 8\n"


def test_a_note_on_a_terminal_begins_on_a_new_line(
    commands: Commands, server: FakeGateway, environ: dict[str, str]
) -> None:
    server.script("work()").stream("no end").dies()
    lines = shown(_sent_to_a_terminal(commands, ["run", "-c", "work()"], environ, 137))
    assert lines[0] == "no end"
    assert lines[1].startswith("jkg: Error: the kernel died")


def _sent_to_a_terminal(
    commands: Commands, words: list[str], env: dict[str, str], status: int
) -> str:
    master, slave = pty.openpty()
    try:
        process = commands.start(
            words, env=env, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, terminal=True
        )
    finally:
        os.close(slave)
    with contextlib.closing(process), os.fdopen(master, "rb") as screen:
        sent: list[bytes] = []
        reader = threading.Thread(target=lambda: sent.extend(_until_closed(screen)))
        reader.start()
        try:
            assert process.wait(SECONDS) == status
        finally:
            process.kill()
            reader.join(SECONDS)
    return b"".join(sent).decode()


def _until_closed(screen: Any) -> Iterator[bytes]:
    # If no process has the terminal open any more, reading is an error.
    with contextlib.suppress(OSError):
        yield from iter(lambda: os.read(screen.fileno(), 65536), b"")


def test_table_columns_are_aligned() -> None:
    rows = [("a", "Up 2 minutes", "orphan"), ("longer", "Up", "")]
    assert [*aligned(rows)] == ["a       Up 2 minutes  orphan", "longer  Up"]
    assert [*aligned([])] == []


WITHOUT_MCP = """
import sys
sys.modules["mcp"] = None
from jkg_client.cli import main
sys.exit(main(["mcp"]))
"""


def test_without_its_package_the_mcp_server_says_what_to_install(
    programs: Programs, environ: dict[str, str]
) -> None:
    status, out, err = programs(WITHOUT_MCP, **environ)
    assert (status, out) == (125, "")
    assert err.startswith('jkg: the MCP server needs an extra: pip install "jkg-client[mcp]" (')
