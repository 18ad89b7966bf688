"""The command ``jkg`` with real servers and a real engine, and the examples of its page."""

from __future__ import annotations

import http.server
import json
import os
import pty
import re
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Callable

import docker
import pytest
from attrs import evolve
from docker.errors import NotFound
from docker_engine import Dockerfiles, Servers
from documentation import ROOT

from jkg_client import DockerJupyterServer, LocalJupyterServer
from jkg_client.servers.docker.owners import OWNER, Owner

PAGE = ROOT / "docs" / "command.md"
SECONDS = 120

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a shell with the command ``jkg`` and without variables of a server."""
    programs = tmp_path / "bin"
    programs.mkdir()
    script = f'#!/bin/sh\nexec "{sys.executable}" -W error -m jkg_client "$@"\n'
    (programs / "jkg").write_text(script, encoding="utf-8")
    (programs / "jkg").chmod(0o755)
    plain = {name: value for name, value in os.environ.items() if "JUPYTER" not in name}
    plain.pop("PYTHONUNBUFFERED", None)  # it would hide missing flushes
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {**plain, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def start(environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts programs. They end after the test."""
    with ExitStack() as stack:

        def start(*command: str, env: dict[str, str] | None = None, **options: Any) -> Any:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": -1}
            process = stack.enter_context(
                subprocess.Popen(
                    command,
                    env={**environ, **(env or {})},
                    cwd=tmp_path,
                    encoding="utf-8",
                    **{**pipes, **options},
                )
            )
            stack.callback(process.kill)
            # A read cannot have a time limit, so the timer ends the program.
            timer = threading.Timer(SECONDS, process.kill)
            stack.callback(timer.join)
            stack.callback(timer.cancel)
            timer.start()
            return process

        yield start


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end of a program, and return its exit status, stdout and stderr."""
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, _without_others(out), _without_others(err or "")


def assert_interrupted(process: subprocess.Popen[str], number: signal.Signals, status: int) -> None:
    """The signal ends the program. After Ctrl-C its stderr says so and shows the traceback."""
    code, out, err = ended(process)
    assert (code, out) == (status, "")
    if number == signal.SIGINT:
        assert err.startswith("jkg: interrupting the code; Ctrl-C again gives up\n")
        assert err.rstrip().endswith("KeyboardInterrupt:")
    else:
        assert err == ""


def _without_others(text: str) -> str:
    # Tests that run at the same time leave orphans, and servers warn about these.
    return re.sub(r"^jkg: .*remove_orphans\(\).*\n", "", text, flags=re.MULTILINE)


def is_there(engine: docker.DockerClient, container: str) -> bool:
    with suppress(NotFound):
        return bool(engine.containers.get(container))
    return False


def test_a_local_server_runs_code_and_ends_with_the_command(start: Start, tmp_path: Path) -> None:
    code = "import os, sys; print(os.getppid()); print('oops', file=sys.stderr); os.getcwd()"
    process = start("jkg", "run", "--local", "-c", code)
    status, out, err = ended(process)
    server, folder = out.splitlines()
    assert (status, err) == (0, "oops\n")
    assert folder == repr(str(tmp_path))
    assert not Path("/proc", server).exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_local_server_is_gone_after_a_signal(
    start: Start, number: signal.Signals, status: int
) -> None:
    code = "import os; print(os.getppid(), flush=True)\nwhile 1: pass"
    process = start("jkg", "run", "--local", "-c", code)
    assert process.stdout is not None
    server = process.stdout.readline().strip()
    process.send_signal(number)
    assert_interrupted(process, number, status)
    assert not Path("/proc", server).exists()


@pytest.mark.field("CMD19", "CMD8")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_embedded_kernel_is_gone_after_a_signal(
    start: Start, number: signal.Signals, status: int
) -> None:
    code = "import os; print(os.getpid(), flush=True)\nwhile 1: pass"
    process = start("jkg", "run", "--embedded", "-c", code)
    assert process.stdout is not None
    kernel = process.stdout.readline().strip()
    process.send_signal(number)
    assert_interrupted(process, number, status)
    assert not Path("/proc", kernel).exists()


SCRIPT = """
import asyncio
import atexit
import sys
import sibling

print(__file__ == sys.path[0] + "/script.py", sys.argv, sibling.WORD, input("name: "))


async def main():
    print(await asyncio.to_thread(str.upper, "async"))


asyncio.run(main())
asyncio.new_event_loop().run_until_complete(main())
atexit.register(lambda: print("end"))
sys.stdout.reconfigure(encoding="utf-8")
sys.stdout.buffer.write(sys.stdin.read().encode())
6 * 7
sys.exit(3)
"""


@pytest.mark.field("CMD1", "CMD2", "CMD3", "CMD4", "CMD21", "CMD39")
@pytest.mark.parametrize("way", ["--embedded", "--local"])
def test_a_script_runs_as_python_runs_it(start: Start, tmp_path: Path, way: str) -> None:
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "sibling.py").write_text("WORD = 'found'", encoding="utf-8")
    process = start("jkg", "run", way, "script.py", "a", "-v", stdin=subprocess.PIPE)
    out, err = process.communicate("bob\none\ntwo\n", timeout=SECONDS)
    expected = "name: True ['script.py', 'a', '-v'] found bob\nASYNC\nASYNC\none\ntwo\nend\n"
    assert (process.returncode, out, err) == (3, expected, "")


@pytest.mark.field("CMD5", "CMD31")
def test_the_exit_status_after_a_real_death_is_137_and_json_names_it(start: Start) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    status, out, _ = ended(start("jkg", "run", "--embedded", "--json", "-c", code))
    last = json.loads(out.splitlines()[-1])
    assert (status, last["exit_code"], last["source"]) == (137, 137, "kernel")


@pytest.mark.field("CMD37")
def test_a_kernel_with_a_missing_program_is_reported_at_once(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "share" / "kernels" / "gone"
    folder.mkdir(parents=True)
    spec = {"argv": ["/no/such/program", "{connection_file}"], "display_name": "Gone"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    env = {"JUPYTER_PATH": str(tmp_path / "share")}
    status, out, err = ended(
        start("jkg", "run", "--embedded", "--kernel", "gone", "-c", "1", env=env)
    )
    assert (status, out, len(err.splitlines())) == (125, "", 1)
    assert "/no/such/program" in err


def test_an_image_is_drawn_as_sixel_if_pillow_is_installed(start: Start) -> None:
    # Libraries that draw images install Pillow. Here Pillow also makes the image.
    code = "from PIL import Image; Image.new('RGB', (2, 8), 'red')"
    status, out, err = ended(start("jkg", "run", "--embedded", "--images", "sixel", "-c", code))
    assert (status, err) == (0, "")
    assert out.startswith('\x1bP0;1q"1;1;2;8#0;2;100;0;0')
    assert out.endswith("#0~~-#0BB\x1b\\\n")


def test_sys_exit_of_a_script_that_succeeded_is_success(start: Start, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import sys\nprint('done')\nsys.exit(0)", encoding="utf-8")
    assert ended(start("jkg", "run", "script.py"))[:2] == (0, "done\n")


def test_a_container_runs_code_and_is_removed_with_the_command(
    start: Start, engine: docker.DockerClient
) -> None:
    code = "import socket; print(socket.gethostname())"
    status, out, err = ended(start("jkg", "run", "--docker", "-c", code))
    assert (status, err) == (0, "")
    assert re.fullmatch("[0-9a-f]{12}\n", out)
    assert not is_there(engine, out.strip())


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_container_is_gone_after_a_signal(
    start: Start, engine: docker.DockerClient, number: signal.Signals, status: int
) -> None:
    code = "import socket; print(socket.gethostname(), flush=True)\nwhile 1: pass"
    process = start("jkg", "run", "--docker", "-c", code)
    assert process.stdout is not None
    container = process.stdout.readline().strip()
    assert is_there(engine, container)
    process.send_signal(number)
    assert_interrupted(process, number, status)
    assert not is_there(engine, container)


def test_the_image_is_built_with_lines_in_a_pipe(start: Start, dockerfiles: Dockerfiles) -> None:
    path = str(dockerfiles("RUN echo a line of the build"))
    status, out, err = ended(start("jkg", "build", "--dockerfile", path))
    assert status == 0
    assert re.fullmatch("jkg-client:[0-9a-f]{12}\n", out)
    assert out.strip() in [tag for tag in err.split() if tag.startswith("jkg-client:")]
    assert "Step 3/4 : RUN echo a line of the build\n" in err
    assert "\r" not in err


def test_the_image_is_built_with_a_bar_on_a_terminal(
    start: Start, dockerfiles: Dockerfiles
) -> None:
    path = str(dockerfiles("RUN echo a line of the build"))
    with terminal() as (slave, sent):
        process = start("jkg", "build", "--dockerfile", path, stderr=slave)
        status, out, _ = ended(process)
    drawn = "".join(sent).split("\r")
    assert status == 0
    assert re.fullmatch("jkg-client:[0-9a-f]{12}\n", out)
    assert "[##########----------] 3/4 RUN echo a line of the build" in map(str.rstrip, drawn)
    assert drawn[-2:] == [" " * len(drawn[-2]), ""]
    assert "\n" not in "".join(sent)


def test_build_prints_the_name_of_an_existing_image(
    start: Start, engine: docker.DockerClient
) -> None:
    name = DockerJupyterServer.build_image()
    expected = (0, f"{name}\n", "jkg: the image exists already\n")
    assert ended(start("jkg", "build")) == expected


def test_a_failed_build_reports_the_reason(start: Start, dockerfiles: Dockerfiles) -> None:
    path = str(dockerfiles("RUN echo this is why >&2; exit 7"))
    status, out, err = ended(start("jkg", "build", "--dockerfile", path))
    assert (status, out) == (125, "")
    complaint = err.partition("jkg: ")[2]
    assert "cannot build image" in complaint
    assert "this is why" in complaint
    assert "Traceback" not in err


def test_containers_are_listed_with_their_owners(start: Start, servers: Servers) -> None:
    server = servers()
    status, out, err = ended(start("jkg", "containers"))
    (row,) = [line for line in out.splitlines() if line.startswith(server.container_name)]
    cells = re.split("  +", row)
    assert (status, err) == (0, "")
    assert cells[1].startswith("Up ")
    assert cells[2] == DockerJupyterServer.build_image()
    assert cells[3].startswith(f"process {os.getpid()} of ")
    assert len(cells) == 4


def test_orphans_are_removed_and_named(start: Start, tmp_path: Path) -> None:
    # Not on the engine of this machine, whose orphans belong to other tests.
    gone = subprocess.Popen(["true"])
    gone.wait(SECONDS)
    mine = Owner.here()
    owners = {"mine": mine, "orphan": evolve(mine, pid=gone.pid)}
    with engine_with(owners, tmp_path) as (url, asked):
        listed = ended(start("jkg", "containers", env={"DOCKER_HOST": url}))
        removed = ended(start("jkg", "containers", "--remove-orphans", env={"DOCKER_HOST": url}))
    assert [line.split()[0] for line in listed[1].splitlines()] == ["mine", "orphan"]
    assert [line.endswith("  orphan") for line in listed[1].splitlines()] == [False, True]
    assert removed == (0, "orphan\n", "")
    assert [line for line in asked if line.startswith("DELETE")] == ["DELETE orphan"]


def test_the_examples_of_the_page_print_the_shown_output(
    start: Start, engine: docker.DockerClient
) -> None:
    DockerJupyterServer.build_image()
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^```sh\n(.*?)^```\n+```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(found) == text.count("```sh\n") > 0
    with LocalJupyterServer() as server:
        info = server.connection_info
        env = {"URL_OF_THE_SERVER": info.url, "TOKEN_OF_THE_SERVER": info.token or ""}
        for code, output in found:
            printed = ended(start("sh", "-c", code, env=env, stderr=subprocess.STDOUT))[1]
            parts = map(re.escape, output.split("…"))
            assert re.fullmatch(r"[\s\S]*".join(parts), printed), f"{code}printed:\n{printed}"


@contextmanager
def terminal() -> Iterator[tuple[int, list[str]]]:
    """A terminal, and a list that holds all text sent to it after the ``with`` block."""
    master, slave = pty.openpty()
    sent: list[bytes] = []
    said: list[str] = []

    def read() -> None:
        # When all programs have closed the terminal, the read raises an error.
        with suppress(OSError):
            sent.extend(iter(lambda: os.read(master, 65536), b""))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield slave, said
    finally:
        os.close(slave)
        reader.join(SECONDS)
        os.close(master)
        said.append(b"".join(sent).decode())


@contextmanager
def engine_with(owners: dict[str, Owner], folder: Path) -> Iterator[tuple[str, list[str]]]:
    """An engine with containers: its address, and the requests to stop or remove these."""
    containers = [
        {"Id": name, "Names": [f"/{name}"], "Image": "image", "Labels": {OWNER: owner.label}}
        for name, owner in owners.items()
    ]
    asked: list[str] = []

    class Engine(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            versions = {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10"}
            answer = json.dumps(containers if "/containers/json" in self.path else versions)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def do_POST(self) -> None:
            name = re.findall(r"/containers/(\w+)", self.path)[0]
            asked.append(f"{self.command} {name}")
            self.send_response(204)
            self.end_headers()

        do_DELETE = do_POST

        def log_message(self, *_: object) -> None:
            pass

    path = folder / "engine.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Engine) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"unix://{path}", asked
        finally:
            server.shutdown()
            thread.join(SECONDS)
