"""``jkg run`` in this process, with the fake gateway as its server."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from attrs import frozen
from forked_commands import Commands
from notebooks import all_shown, notebook, read

import jkg_client
from jkg_client import JupyterClient
from jkg_client.cli import main
from jkg_client.cli.arguments import parsers
from jkg_client.testing import FakeGateway

ROOT = Path(jkg_client.__file__).parent.parent
PNG = "iVBORw0KGgo="


@frozen
class Done:
    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and an environment without a server and without settings for colours."""
    for name in ("JUPYTER_GATEWAY_URL", "JKG_TOKEN", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(
    place: Path,
    server: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command to its end."""
    info = server.connection_info
    monkeypatch.setenv("JUPYTER_GATEWAY_URL", info.url)
    monkeypatch.setenv("JKG_TOKEN", info.token or "")

    def run(*words: str, given: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))
        capfd.readouterr()
        status = main(words)
        out, err = capfd.readouterr()
        return Done(status, out, err)

    return run


def objects(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


DISPLAYED = """
display({"text/plain": "Traceback (most recent call last)\\nSystemExit: 3"}, raw=True)
raise SystemExit(3)
"""
# Code, the exit status, and what is on stderr.
EXITS = [
    ("import sys; sys.exit(3)", 3, ""),
    (DISPLAYED, 3, ""),
    ("exit(4)", 4, ""),
    ('exit("bad")', 1, "bad\n"),
    ("raise SystemExit", 0, ""),
    ("print('x'); quit()", 0, ""),
]


@pytest.mark.field("CMD1")
@pytest.mark.parametrize(("code", "status", "err"), EXITS)
@pytest.mark.parametrize("is_file", [True, False])
def test_code_that_ends_itself_chooses_the_exit_status(
    run: Run, place: Path, code: str, status: int, err: str, is_file: bool
) -> None:
    words = [written(place, "e.py", code)] if is_file else ["-c", code]
    done = run("run", *words)
    assert (done.status, done.err, "SystemExit" in done.out) == (status, err, False)


@pytest.mark.field("CMD2", "E4")
@pytest.mark.parametrize("words", [("a.py", "x", "-v"), ("-c", "import sys; print(sys.argv)", "x")])
def test_arguments_after_the_code_belong_to_the_code(
    run: Run, place: Path, words: tuple[str, ...]
) -> None:
    written(place, "a.py", "import sys\nprint(sys.argv)")
    done = run("run", "--timeout", "60", *words)
    argv = [words[0], *words[2 if words[0] == "-c" else 1 :]]
    assert (done.status, done.out) == (0, f"{argv}\n")


@pytest.mark.field("CMD3", "E4")
def test_a_script_knows_its_file_imports_its_neighbours_and_is_the_main_module(
    run: Run, place: Path
) -> None:
    (place / "sub").mkdir()
    written(place / "sub", "sibling.py", "WORD = 'found'")
    code = "import sibling\nprint(__file__, sibling.WORD)\nif __name__ == '__main__': print('main')"
    written(place / "sub", "a.py", code)
    done = run("run", "sub/a.py")
    assert (done.status, done.out) == (0, f"{place}/sub/a.py found\nmain\n")


@pytest.mark.field("CMD3")
def test_a_relative_import_fails_as_it_does_in_python(run: Run, place: Path) -> None:
    done = run("run", written(place, "a.py", "from . import b"))
    assert done.status == 1
    assert "ImportError: attempted relative import with no known parent package" in done.err


@pytest.mark.ipython
def test_a_traceback_has_the_frames_of_the_script_and_no_others(run: Run, place: Path) -> None:
    done = run("run", written(place, "a.py", "def f():\n    return 1 / 0\n\n\nf()\n"))
    lines = done.err.splitlines()
    assert (done.status, lines[0]) == (1, "Traceback (most recent call last):")
    assert lines[-1] == "ZeroDivisionError: division by zero"
    frames = [line for line in lines if line.startswith("  File ")]
    file = place / "a.py"
    assert frames == [f'  File "{file}", line 5, in <module>', f'  File "{file}", line 2, in f']


@pytest.mark.field("CMD4", "E3")
def test_input_takes_a_line_of_stdin(run: Run, place: Path) -> None:
    written(place, "i.py", "print('hello', input('name: '))")
    done = run("run", "i.py", given="bób\n".encode())
    assert (done.status, done.out, done.err) == (0, "name: hello bób\n", "")


@pytest.mark.field("CMD4")
@pytest.mark.parametrize(
    ("words", "given"), [(("i.py",), b""), (("-",), b"print(input('name: '))\nignored = 1\n")]
)
def test_input_after_the_end_of_stdin_is_an_eof_error(
    run: Run, place: Path, words: tuple[str, ...], given: bytes
) -> None:
    written(place, "i.py", "print(input('name: '))")
    done = run("run", *words, given=given)
    assert done.status == 1
    assert done.err.rstrip().endswith(("EOFError", "EOFError:"))


# Each script prints the same as in an interpreter.
AS_IN_PYTHON = [
    "import sys\nprint(repr(sys.stdin.readline()), input())\nfor line in sys.stdin: print(line)",
    "import sys\nprint(sys.stdin.buffer.read(), repr(sys.stdin.read()), sys.stdin.isatty())",
    "import fileinput\nprint([line.upper() for line in fileinput.input()])",
    "import sys\nsys.stdout.buffer.write('b\xf3b\\n'.encode())\nsys.stdout.flush(); print(2)",
    "import sys\nsys.stdout.reconfigure(encoding='utf-8')\nprint('b\xf3b')",
    "import sys\nwith sys.stdout as out:\n    print('last', file=out)",
    "import atexit\n@atexit.register\ndef end(): print('end')\natexit.register(print, 2)\nprint(1)",
    "import atexit\natexit.register(print, 1)\natexit.unregister(print)\nraise SystemExit(3)",
    "import atexit\natexit.register(print, 1)\natexit.register(lambda: 1 / 0)\nexit(4)",
    "import asyncio\nasync def f(): print(asyncio.current_task() is not None)\nasyncio.run(f())",
    (
        "from concurrent.futures import ThreadPoolExecutor\nimport time\n"
        "pool = ThreadPoolExecutor(1)\nfor i in range(3): pool.submit(time.sleep, 0.01)\n"
        "pool.submit(print, 'last')\nprint('first')"
    ),
    "import asyncio\nasync def f(): print(1)\nasyncio.new_event_loop().run_until_complete(f())",
]


@pytest.mark.field("CMD1", "CMD4")
@pytest.mark.parametrize("script", AS_IN_PYTHON)
def test_a_script_has_the_streams_and_the_end_of_an_interpreter(
    run: Run, place: Path, script: str
) -> None:
    written(place, "a.py", script)
    lines = "one\nb\xf3b\n\nlast\n".encode()
    done = run("run", "a.py", given=lines)
    python = subprocess.run(
        [sys.executable, "a.py"],
        input=lines,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert (done.status, done.out) == (python.returncode, python.stdout.decode())


@pytest.mark.field("CMD12")
def test_a_password_from_stdin_is_shown_nowhere(run: Run) -> None:
    code = "import getpass; print(len(getpass.getpass('word: ')))"
    done = run("run", "--json", "-c", code, given=b"secret\n")
    assert done.status == 0
    assert objects(done.out)[0]["text"] == "6\n"
    assert "secret" not in done.out + done.err


@pytest.mark.field("CMD5")
def test_the_exit_status_after_a_death_is_137(run: Run) -> None:
    done = run("run", "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert (done.status, done.out) == (137, "")
    assert "jkg: Error: the kernel died while the code ran" in done.err


@pytest.mark.field("CMD20")
def test_both_streams_come_in_the_order_of_the_kernel(run: Run, server: FakeGateway) -> None:
    script = server.script("work()").stream("o1\n").stream("e1\n", "stderr")
    script.stream("o2\n")
    assert [one.get("text") for one in objects(run("run", "--json", "-c", "work()").out)] == [
        *("o1\n", "e1\n", "o2\n"),
        None,
    ]


@pytest.mark.field("CMD21")
def test_a_script_does_not_show_its_last_value_and_code_and_pages_do(run: Run, place: Path) -> None:
    assert run("run", written(place, "a.py", "6 * 7")).out == ""
    assert run("run", written(place, "a.md", "```python\n6 * 7\n```\n")).out == "42\n"
    assert run("run", "-c", "6 * 7").out == "42\n"
    assert run("run", written(place, "a.ipy", "6 * 7")).out == "42\n"


@pytest.mark.field("CMD22", "E4")
@pytest.mark.parametrize(
    "data",
    [
        "# -*- coding: latin-1 -*-\nprint('é')\n".encode("latin-1"),
        b"\xef\xbb\xbfprint('\xc3\xa9')\r\n",
        "#!/bin/python\n# vim: set fileencoding=cp1252 :\nprint('é')".encode("cp1252"),
    ],
)
def test_a_script_is_read_in_the_encoding_that_it_names(run: Run, place: Path, data: bytes) -> None:
    (place / "a.py").write_bytes(data)
    done = run("run", "a.py")
    assert (done.status, done.out) == (0, "é\n")


@pytest.mark.field("CMD22")
@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"x = 1\nprint('\xe9')\n", "a.py: it is not text in UTF-8: line 2 has the byte 0xe9"),
        (b"# coding: klingon\n", "a.py: line 1 or 2 names an unknown encoding: klingon"),
    ],
)
def test_an_unreadable_script_is_reported_with_its_line(
    run: Run, place: Path, data: bytes, complaint: str
) -> None:
    (place / "a.py").write_bytes(data)
    done = run("run", "a.py")
    assert (done.status, done.err) == (2, f"jkg: cannot read {complaint}\n")


@pytest.mark.ipython
@pytest.mark.field("CMD44")
def test_magics_run_everywhere_except_in_scripts_which_get_a_hint(run: Run, place: Path) -> None:
    magic = "x = 1\n%who_ls\n"
    written(place, "a.py", magic)
    assert run("run", "-c", magic).status == 0
    assert run("run", written(place, "a.ipy", magic)).status == 0
    assert run("run", written(place, "a.md", f"```python\n{magic}```\n")).status == 0
    done = run("run", "a.py")
    assert done.status == 1
    assert f'File "{place}/a.py", line 2' in done.err
    assert "SyntaxError: invalid syntax\njkg: line 2 is a magic of IPython" in done.err


def test_a_module_runs_as_python_runs_it(run: Run, place: Path) -> None:
    code = "import sys\nprint(__name__, sys.argv[1:])"
    (place / "pack").mkdir()
    written(place / "pack", "__main__.py", code)
    done = run("run", "-m", "pack", "a", "-b")
    assert (done.status, done.out) == (0, "__main__ ['a', '-b']\n")


@pytest.mark.field("CMD31")
def test_json_output_has_one_object_per_line_and_the_last_one_has_the_ending(
    run: Run, server: FakeGateway
) -> None:
    script = server.script("show()").stream("\x1b[31mred\x1b[0m\n").stream("no\n", "stderr")
    script.display({"image/png": PNG, "text/plain": "<Figure>"}).result("42")
    done = run("run", "--json", "-c", "show()")
    shown = objects(done.out)
    assert [one["type"] for one in shown] == ["stream", "stream", "display", "result", "status"]
    assert shown[0] == {"type": "stream", "name": "stdout", "text": "red\n"}
    assert shown[2]["data"]["image/png"] == PNG
    assert shown[3]["data"] == {"text/plain": "42"}
    assert shown[4] == {"type": "status", "status": "ok", "exit_code": 0, "source": "code"}
    assert "\x1b" not in done.out


@pytest.mark.field("CMD31", "CMD1")
@pytest.mark.parametrize(
    ("words", "status", "source"),
    [
        (("-c", "import sys; sys.exit(125)"), 125, "code"),
        (("--kernel", "julia", "-c", "1"), 125, "jkg"),
        (("missing.py",), 2, "jkg"),
        (("-c", "1 / 0"), 1, "code"),
        (("--timeout", "0.2", "-c", "import time; time.sleep(60)"), 124, "timeout"),
        (("-c", "import os, signal; os.kill(os.getpid(), 9)"), 137, "kernel"),
    ],
)
def test_json_output_names_the_source_of_the_exit_status(
    run: Run, words: tuple[str, ...], status: int, source: str
) -> None:
    done = run("run", "--json", *words)
    last = objects(done.out)[-1]
    assert (done.status, last["exit_code"], last["source"]) == (status, status, source)
    assert "\x1b" not in done.out


def test_a_variable_of_the_environment_reaches_the_kernel(run: Run, server: FakeGateway) -> None:
    done = run(
        "run", "--env", "KERNEL_WORD=a=b", "-c", "import os; print(os.environ['KERNEL_WORD'])"
    )
    assert (done.status, done.out) == (0, "a=b\n")


@pytest.mark.field("E6")
def test_a_running_kernel_keeps_its_variables_and_is_left_as_it_was(
    run: Run, place: Path, server: FakeGateway
) -> None:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        with client.get_kernel_client(kernel_id) as kernel:
            kernel.execute("import sys; x, before = 42, list(sys.argv)", 30)
            assert run("run", "--kernel-id", kernel_id, "-c", "print(x); exit(3)").status == 3
            written(place, "a.py", "print(x)")
            assert run("run", "--kernel-id", kernel_id, "a.py", "word").out == "42\n"
            assert kernel.execute("print(x, sys.argv == before)", 30).output == "42 True\n"


@pytest.mark.field("CMD19")
def test_a_running_kernel_is_not_restarted_when_its_code_does_not_end(
    run: Run, server: FakeGateway
) -> None:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        with client.get_kernel_client(kernel_id) as kernel:
            kernel.execute("x = 42", 30)
            done = run(
                "run",
                "--kernel-id",
                kernel_id,
                "--timeout",
                "0.2",
                "-c",
                "import time; time.sleep(60)",
            )
            assert done.status == 124
            assert kernel.execute("print(x)", 30).output == "42\n"
    assert not server.journal.requests("POST", "/api/kernels/*/restart")


@pytest.mark.field("CMD25")
@pytest.mark.parametrize(
    ("words", "environ", "is_coloured"),
    [
        ((), {}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": ""}, False),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_are_decided_by_the_option_then_the_environment_then_the_terminal(
    run: Run,
    server: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    environ: dict[str, str],
    is_coloured: bool,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    server.script("show()").stream("\x1b[31mred\x1b[0m\n")
    done = run("run", *words, "-c", "show()")
    assert done.out == ("\x1b[31mred\x1b[0m\n" if is_coloured else "red\n")


def test_variables_for_a_running_kernel_are_refused(run: Run) -> None:
    done = run("run", "--kernel-id", "abc", "--env", "A=1", "-c", "1")
    assert (done.status, done.out) == (2, "")
    assert "--env is for a new kernel" in done.err


@pytest.mark.field("E1")
@pytest.mark.parametrize("option", ["--url", "--hub", "--docker", "--token-file", "--kernel-id"])
@pytest.mark.parametrize("command", ["run", "mcp"])
def test_an_empty_value_is_an_error(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if command == "mcp" and option == "--kernel-id":
        option = "--kernel"
    with pytest.raises(SystemExit) as end:
        main([command, f"{option}=", *(["-c", "1"] if command == "run" else [])])
    assert end.value.code == 2
    assert f"argument {option}: the value is empty" in capsys.readouterr().err


@pytest.mark.field("E5")
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder where nobody can write")
def test_an_unwritable_output_folder_is_reported_before_the_code_runs(
    run: Run, server: FakeGateway
) -> None:
    done = run("run", "--output-dir", "/proc", "-c", "1")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("jkg: --output-dir /proc: cannot write there")


@pytest.mark.field("CMD28", "E13")
def test_a_wrong_token_is_reported_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JKG_TOKEN", "of-another-server")
    done = run("run", "-c", "1")
    assert (done.status, done.out, len(done.err.splitlines())) == (125, "", 1)
    assert "of-another-server" not in done.err


@pytest.mark.field("CMD29")
def test_a_token_is_read_from_a_private_file_or_from_stdin(
    run: Run, place: Path, server: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = server.connection_info.token or ""
    monkeypatch.delenv("JKG_TOKEN")
    file = place / "token"
    file.write_text(f"{token}\n", encoding="utf-8")
    file.chmod(0o644)
    refused = run("run", "--token-file", "token", "-c", "1")
    assert (refused.status, refused.err) == (
        2,
        "jkg: other users can read token: protect the token with chmod 600 token\n",
    )
    file.chmod(0o600)
    assert run("run", "--token-file", "token", "-c", "1").out == "1\n"
    assert run("run", "--token-stdin", "-c", "1", given=f"{token}\n".encode()).out == "1\n"
    assert run("run", "--token-stdin", given=f"{token}\n".encode()).status == 2


@pytest.mark.field("CMD29")
def test_a_token_in_the_url_causes_a_warning_without_the_token(
    run: Run, server: FakeGateway
) -> None:
    info = server.connection_info
    done = run("run", "-vv", "--url", f"{info.url}/?token={info.token}", "-c", "1")
    assert (done.status, done.out) == (0, "1\n")
    assert done.err.startswith("jkg: all users of this machine can see the token in --url")
    assert (info.token or "-") not in done.err


def test_a_file_after_the_docker_option_is_not_taken_for_an_image(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    written(place, "a.py", "1")
    done = run("run", "--docker", "a.py")
    assert done.status == 125
    assert "a.py" not in done.err


@pytest.mark.field("E13")
def test_option_v_reports_events_and_option_vv_reports_every_step(
    run: Run, server: FakeGateway
) -> None:
    code = "import time; time.sleep(60)"
    quiet = run("run", "--timeout", "0.1", "-c", code).err
    told = run("run", "-v", "--timeout", "0.1", "-c", code).err
    steps = run("run", "-vv", "--timeout", "0.1", "-c", code).err
    assert "was started" not in quiet
    for happened in (
        "'python3' was started",
        "interrupt",
        "the time limit of 0.1 s",
        "was deleted",
    ):
        assert re.search(f"^jkg: kernel [-0-9a-f]+: .*{re.escape(happened)}", told, re.MULTILINE)
    assert "POST http" not in told
    assert "/api/kernels answered 201" in steps
    for text in (told, steps):
        assert not [line for line in text.splitlines() if "jkg:" in line and code in line]
        assert (server.connection_info.token or "-") not in text


@pytest.mark.field("E13")
def test_a_death_is_logged(run: Run) -> None:
    done = run("run", "-v", "-c", "import os; os._exit(1)")
    assert done.status == 137
    assert ": died while code ran\n" in done.err


@pytest.mark.field("CMD42")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["jkg", "kernelsp"], "kernelspecs"),
        (["jkg", "run", "--im"], "--images"),
        (["jkg", "run", "--images", "k"], "kitty"),
        (["jkg", "run", "scr"], "script.py"),
        (["jkg", "kernels", "att"], "attach"),
        (["jkg", "kernels", "stop", "--al"], "--all"),
        (["jkg", "completion", "z"], "zsh"),
    ],
)
def test_bash_completes_commands_options_and_files(
    run: Run, place: Path, words: list[str], found: str
) -> None:
    written(place, "script.py", "")
    written(place, "jkg.bash", run("completion", "bash").out)
    program = (
        f"source ./jkg.bash; COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; _jkg;"
        ' echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == (f"{found}\n", "")


@pytest.mark.field("CMD42")
@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_other_shells_get_every_command_and_option(run: Run, shell: str) -> None:
    done = run("completion", shell)
    assert (done.status, done.err) == (0, "")
    for name, _, command in parsers():
        assert name in done.out
        for action in command._actions:
            for word in action.option_strings:
                assert word.lstrip("-") in done.out


@pytest.mark.field("E2")
# Python treats C and POSIX in the same way.
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_arguments_are_utf_8_in_every_locale(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    # In UTF-8, even if the tests run in another encoding.
    written(place, os.fsdecode("é.py".encode()), "import sys; print(ascii(sys.argv))")
    for name, value in {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    code = ["-c", "import sys; print(ascii('é'), ascii(sys.argv))", "日本"]
    for words in [["é.py", "日本"], code] if locale == "C" else [["é.py", "日本"]]:
        done = subprocess.run(
            [sys.executable, "-m", "jkg_client", "run", *(word.encode() for word in words)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert ascii("é")[1:-1] in done.stdout
        assert ascii("日本") in done.stdout


@pytest.mark.field("CMD18")
@pytest.mark.parametrize("command", ["kernelspecs", "completion bash", "run -c 6*7"])
def test_every_command_ends_silently_if_its_output_has_no_reader(
    run: Run, commands: Commands, place: Path, command: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    # ``run`` has put the server into the environment.
    env = dict(os.environ)
    with contextlib.closing(
        commands.start(command.split(), env=env, cwd=place, stdout=writer, stderr=-1)
    ) as process:
        os.close(writer)
        assert process.communicate() == ("", "")
    assert process.returncode == 141


@pytest.mark.field("CMD35")
def test_a_failed_notebook_names_its_cell_and_is_saved(run: Run, place: Path) -> None:
    written(place, "fails.ipynb", json.dumps(notebook("print(1)", "1/0", "print(3)")))
    done = run("run", "fails.ipynb", "-o", "out.ipynb")
    assert (done.status, "\r" in done.err) == (1, False)
    assert "In [2]" in done.err
    assert all_shown(read(place / "out.ipynb")) == [["1\n"], ["ZeroDivisionError"], []]
    written(place, "leaves.ipynb", json.dumps(notebook("raise SystemExit(0)", "1/0")))
    assert run("run", "leaves.ipynb", "-o", "out.ipynb").status == 0


IMAGE = f'display({{"image/png": "{PNG}"}}, raw=True)'


@pytest.mark.parametrize("order", [("a.ipynb", "--json"), ("--json", "a.ipynb")])
def test_a_notebook_with_json_prints_nothing_but_objects(
    run: Run, place: Path, order: tuple[str, str]
) -> None:
    written(place, "a.ipynb", json.dumps(notebook("print(1)\n2", "1/0")))
    done = run("run", *order)
    *outputs, status = objects(done.out)
    assert [one["type"] for one in outputs] == ["stream", "result", "error"]
    assert (status["status"], status["exit_code"], status["source"]) == ("error", 1, "code")
    assert done.status == 1


@pytest.mark.parametrize(
    ("source", "limit", "status", "source_of_it"),
    [
        ("import time; time.sleep(60)", "0.2", "timeout", "timeout"),
        ("import os; os._exit(1)", "60", "died", "kernel"),
    ],
)
def test_the_ending_of_a_notebook_names_the_source_of_the_exit_status(
    run: Run, place: Path, source: str, limit: str, status: str, source_of_it: str
) -> None:
    written(place, "a.ipynb", json.dumps(notebook(source)))
    ending = objects(run("run", "--json", "a.ipynb", "--timeout", limit).out)[-1]
    assert (ending["status"], ending["source"]) == (status, source_of_it)
    assert ending["message"]


def test_images_of_a_notebook_are_saved_like_images_of_other_code(run: Run, place: Path) -> None:
    written(place, "a.ipynb", json.dumps(notebook(IMAGE)))
    done = run("run", "a.ipynb", "--output-dir", "plots")
    (image,) = (place / "plots").glob("*.png")
    assert f"jkg: saved {image}\n" in done.err
    assert run("run", "a.ipynb", "-o", "b.ipynb", "--output-dir", "none").status == 0
    assert not (place / "none").exists()


def test_every_option_may_come_after_a_notebook_and_nothing_else(
    run: Run, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = "import os; print(os.environ['KERNEL_WORD'])"
    written(place, "a b.ipynb", json.dumps(notebook(code)))
    done = run("run", "-p", "x", "1", "a b.ipynb", "--env", "KERNEL_WORD=w", "-v")
    assert (done.status, done.out) == (0, "w\n")
    assert "was started" in done.err
    for words in (("word",), ("-c", "1"), ("-m", "this")):
        with pytest.raises(SystemExit):
            main(["run", "a b.ipynb", *words])
        assert "a notebook takes options only, not" in capfd.readouterr().err
    both = run("run", "a b.ipynb", "--json", "-o", "-")
    assert (both.status, "both print to stdout" in both.err) == (2, True)
