"""``jkg mcp`` and its page, with the official client in a separate environment."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable

import docker
import psutil  # type: ignore[import-untyped,import-not-found,unused-ignore]  # from ipykernel
import pytest
from docker.errors import NotFound
from documentation import ROOT, Example, examples
from environments import environment, our_requirements

from jkg_client import JupyterClient, JupyterConnectable, LocalJupyterServer
from jkg_client.testing import FakeGateway

PAGE = ROOT / "docs" / "mcp.md"
RUNNING = 120.0
"""Seconds for a program."""

Start = Callable[..., "subprocess.Popen[str]"]

PRELUDE = """
import asyncio
import sys

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client


def stdio(*options):
    import os
    words = ["-W", "error", "-m", "jkg_client", "mcp", *options]
    env = dict(os.environ)
    return stdio_client(StdioServerParameters(command=sys.executable, args=words, env=env))


async def said(client, tool, *, heard=None, **arguments):
    async def on_progress(*news):
        heard.append(news)

    result = await client.call_tool(
        tool, arguments, progress_callback=None if heard is None else on_progress
    )
    shown = [
        block.text if block.type == "text" else (block.mime_type, block.data)
        for block in result.content
    ]
    return ["error", *shown] if result.is_error else shown
"""


@pytest.fixture(params=[FakeGateway, LocalJupyterServer], ids=["fake", "real"])
def gateway(request: pytest.FixtureRequest) -> Iterator[JupyterConnectable]:
    with request.param() as running:
        yield running


@pytest.fixture
def fake() -> Iterator[FakeGateway]:
    with FakeGateway() as running:
        yield running


@pytest.fixture
def python(pytestconfig: pytest.Config) -> Path:
    """The interpreter of an environment with the official package and our requirements."""
    return environment(pytestconfig, "mcp", *our_requirements("mcp", "local", "docker")) / "python"


@pytest.fixture
def start(python: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts programs in this environment. They end after the test."""
    with ExitStack() as stack:

        def start(
            *words: str, server: JupyterConnectable | None = None, **env: str
        ) -> subprocess.Popen[str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [python, *words],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    encoding="utf-8",
                    cwd=tmp_path,
                    env={**environ(server), **env},
                )
            )
            stack.callback(process.kill)
            # A read cannot have a time limit, so the timer ends the program.
            timer = threading.Timer(RUNNING, process.kill)
            stack.callback(timer.join)
            stack.callback(timer.cancel)
            timer.start()
            return process

        yield start


def environ(server: JupyterConnectable | None) -> dict[str, str]:
    dropped = ("JUPYTER", "JKG", "PYTHON", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    env = {n: v for n, v in os.environ.items() if not n.upper().startswith(dropped)}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    if server is not None:
        info = server.connection_info
        env |= {"JUPYTER_GATEWAY_URL": info.url, "JUPYTER_GATEWAY_AUTH_TOKEN": info.token or ""}
    return env


def printed(start: Start, code: str, server: JupyterConnectable | None, *words: str) -> list[str]:
    """Run a program, which must succeed, and return its lines."""
    process = start("-c", code, *words, server=server)
    out, err = process.communicate(timeout=RUNNING)
    assert process.returncode == 0, err
    return out.splitlines()


def kernels(server: JupyterConnectable) -> int:
    with JupyterClient(server.connection_info) as client:
        return len(client.list_kernels())


def test_the_example_of_the_page_prints_the_shown_output(
    start: Start, gateway: JupyterConnectable
) -> None:
    (example,) = examples(PAGE)
    assert isinstance(example, Example)
    assert printed(start, example.code, gateway) == example.output.splitlines()


ALL = (
    PRELUDE
    + '''
IMAGE = """
class Dot:
    def _repr_png_(self):
        import base64
        return base64.b64decode("iVBORw0KGgo=")

print("before")
display(Dot())
print("after")
"""
ENDLESS = "import time\\nprint('on', flush=True)\\nwhile True: time.sleep(0.05)"


async def main(mode):
    async with Client(stdio("--timeout", "20", "--max-timeout", "30"), mode=mode) as client:
        print([tool.name for tool in (await client.list_tools()).tools])
        print(await said(client, "execute_code", code=IMAGE))
        print(await said(client, "execute_code", code="x = [6]\\nx[0] * 7"))
        print(await said(client, "execute_code", code="```python\\nx[0] * 7\\n```\\nThat is 42."))
        print(await said(client, "execute_code", code="{}", language="json"))
        print(await said(client, "execute_code", code="echo $((6 * 7))", language="bash"))
        print(await said(client, "execute_code", code="z = 0"))
        failed = await said(client, "execute_code", code="print('on')\\n1/0")
        print(failed[0], failed[1].startswith("on\\n"), "ZeroDivisionError" in failed[1])
        heard = []
        print(await said(client, "execute_code", heard=heard, code=ENDLESS, timeout=2.5))
        print("on\\n" in [message for _, _, message in heard], len(heard) > 1)
        print({total for _, total, _ in heard}, heard == sorted(heard, key=lambda news: news[0]))
        print(await said(client, "execute_code", code="y = 1", timeout=31))
        print(await said(client, "execute_code", code="y = 1", timeout=0))
        print(await said(client, "list_variables"))
        running = asyncio.create_task(client.call_tool("execute_code", {"code": ENDLESS}))
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.wait([running])
        print(await said(client, "execute_code", code="x", timeout=15))
        print(await said(client, "restart_kernel"))
        print((await said(client, "execute_code", code="x"))[0])


asyncio.run(main(sys.argv[1]))
'''
)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_code_variables_time_limits_cancellation_and_restart(
    start: Start, gateway: JupyterConnectable, mode: str
) -> None:
    assert printed(start, ALL, gateway, mode) == [
        "['execute_code', 'restart_kernel', 'list_variables', 'put_file', 'get_file']",
        r"['before\n', ('image/png', 'iVBORw0KGgo='), 'after\n']",
        "['42']",
        "['42']",
        "['Note: 1 block was not run: json is not code for this kernel.']",
        r"['42\n']",
        "['Done, without output.']",
        "error True True",
        r"['error', 'on\n', 'Timeout: the code ran longer than 2.5 seconds and was stopped.']",
        "True True",
        "{2.5} True",
        REFUSAL.format(31),
        REFUSAL.format(0),
        LISTED,
        "['[6]']",
        "['The kernel was restarted, variables are gone.']",
        "error",
    ]
    assert kernels(gateway) == 0


REFUSAL = (
    "['error', 'Error executing tool execute_code: timeout must be more than 0 and at most"
    " 30 seconds, not {}; nothing was run']"
)
LISTED = r"['Dot: type = defined\nx: list = [6]\nz: int = 0\n']"

FILES = (
    PRELUDE
    + """
import base64, os


async def main(folder):
    data = os.urandom(1_500_000)
    text, binary, new = (f"{folder}/{name}" for name in ("text.txt", "data", "a/b/it's new"))
    async with Client(stdio()) as client:
        (put,) = await said(client, "put_file", path=text, content="grüß\\nGott")
        print(put.replace(folder, "…"))
        print(await said(client, "get_file", path=text))
        form = {"path": binary, "encoding": "base64"}
        await said(client, "put_file", content=base64.b64encode(data).decode(), **form)
        (again,) = await said(client, "get_file", **form)
        print(base64.b64decode(again) == data)
        os.mkfifo(f"{folder}/fifo")
        os.truncate(os.open(f"{folder}/sparse", os.O_CREAT | os.O_WRONLY), 2**30)
        for refused in (
            said(client, "get_file", path=binary),
            said(client, "get_file", path=f"{folder}/none"),
            said(client, "get_file", path="/dev/zero"),
            said(client, "get_file", path=f"{folder}/fifo"),
            said(client, "get_file", path=f"{folder}/sparse"),
            said(client, "get_file", path=folder),
            said(client, "put_file", content="-", **form),
            said(client, "put_file", path="", content="-"),
            said(client, "put_file", path=binary, content="-" * 10_000_001),
        ):
            print((await refused)[1].replace(folder, "…"))
        os.unlink(f"{folder}/fifo")
        os.unlink(f"{folder}/sparse")
        await said(client, "put_file", path=new, content="#!")
        os.chmod(new, 0o755)
        os.symlink(new, f"{folder}/link")
        await said(client, "put_file", path=f"{folder}/link", content="#!/bin/sh")
        print(await said(client, "get_file", path=new), os.access(new, os.X_OK))
        print(os.path.islink(f"{folder}/link"), sorted(os.listdir(folder)))
        print(await said(client, "list_variables"))


asyncio.run(main(os.getcwd()))
"""
)


@pytest.mark.field("D7")
def test_files_are_put_and_got(start: Start, gateway: JupyterConnectable) -> None:
    most = "more than 10000000 bytes, the limit for a file"
    missing = "[Errno 2] No such file or directory"
    assert printed(start, FILES, gateway) == [
        "…/text.txt: 11 bytes were written.",
        r"['grüß\nGott']",
        "True",
        "Error executing tool get_file: …/data is not UTF-8 text: read it with encoding base64",
        f"Error executing tool get_file: FileNotFoundError: {missing}: '…/none'",
        "Error executing tool get_file: ValueError: it is not a regular file",
        "Error executing tool get_file: ValueError: it is not a regular file",
        f"Error executing tool get_file: ValueError: it has {most}",
        "Error executing tool get_file: IsADirectoryError: [Errno 21] Is a directory: '…'",
        "Error executing tool put_file: content is not base64: Only base64 data is allowed",
        f"Error executing tool put_file: FileNotFoundError: {missing}: ''",
        "Error executing tool put_file: the file has 10000001 bytes; the limit is 10000000 bytes",
        "['#!/bin/sh'] True",
        "True ['a', 'data', 'link', 'text.txt']",
        "['There are no variables.']",
    ]


CUT = (
    PRELUDE
    + """
import os


async def main():
    async with Client(stdio("--local")) as client:
        print(await said(client, "put_file", path="here.txt", content="here"))
        arguments = {"path": "large", "content": "-" * 9_000_000}
        for _ in range(2):
            putting = asyncio.create_task(client.call_tool("put_file", arguments))
            await asyncio.sleep(0.3)
            putting.cancel()
            await asyncio.wait([putting])
        print(await said(client, "execute_code", code="open('here.txt').read()"))


asyncio.run(main())
"""
)


def test_an_interrupted_put_file_leaves_the_whole_file_or_nothing(
    start: Start, tmp_path: Path
) -> None:
    assert printed(start, CUT, None) == ["['here.txt: 4 bytes were written.']", "[\"'here'\"]"]
    assert (tmp_path / "here.txt").read_text(encoding="utf-8") == "here"
    others = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert others in ({"here.txt": 4}, {"here.txt": 4, "large": 9_000_000})


PARTS = """
import os
from jkg_client import CodeBlock, JupyterCodeExecutor, JupyterConnectionInfo
from jkg_client import python_files

put = python_files.put(os.path.abspath("large"), bytes(1_500_000))
first, *others = (CodeBlock(cell, "python") for cell in put)
with JupyterCodeExecutor(JupyterConnectionInfo.from_env()) as executor:
    print(executor.execute_code_blocks([first]).status)
    executor.restart()
    print(executor.execute_code_blocks(others).output.splitlines()[-1])
"""


def test_a_file_with_parts_lost_in_a_restart_is_not_written(start: Start) -> None:
    told = "RuntimeError: a part of the file was lost: the kernel was restarted"
    with LocalJupyterServer() as server:
        assert printed(start, PARTS, server) == ["ok", told]


REMEMBERED = (
    PRELUDE
    + """
import os


async def main(path):
    async with Client(stdio()) as client:
        await said(client, "execute_code", code="x = 1")
        await said(client, "put_file", path=path, content="a secret")
        await said(client, "get_file", path=path)
        await said(client, "list_variables")
        print(await said(client, "execute_code", code="In"))


asyncio.run(main(os.path.abspath("file")))
"""
)


def test_files_and_their_contents_are_not_in_the_history(
    start: Start,
) -> None:
    with LocalJupyterServer() as server:
        assert printed(start, REMEMBERED, server) == ["[\"['', 'x = 1', 'In']\"]"]


SHADOWED = (
    PRELUDE
    + '''
CODE = """
class Closed:
    @property
    def shape(self):
        raise RuntimeError("closed")

    def __repr__(self):
        raise RuntimeError("closed")

closed, text, print, exec, str, globals = Closed(), "a" * 1000, 1, 2, 3, 4
"""


async def main():
    async with Client(stdio()) as client:
        await said(client, "execute_code", code=CODE)
        for line in (await said(client, "list_variables"))[0].splitlines():
            print(line[:40])


asyncio.run(main())
'''
)


def test_variables_of_any_kind_and_name_are_listed(
    start: Start, gateway: JupyterConnectable
) -> None:
    assert printed(start, SHADOWED, gateway) == [
        "Closed: type = defined",
        "closed: Closed = cannot be shown (Runtim",
        "text: str = '" + "a" * 27,
        *("print: int = 1", "exec: int = 2", "str: int = 3", "globals: int = 4"),
    ]


IMAGES = (
    PRELUDE
    + '''
CODE = """
class Image:
    def __init__(self, size):
        self.size = size

    def _repr_png_(self):
        return bytes(self.size)

for _ in range(25):
    display(Image(3))
"""


async def main():
    async with Client(stdio()) as client:
        *images, note = await said(client, "execute_code", code=CODE)
        print(len(images), set(images), note)
        print(await said(client, "execute_code", code="display(Image(4_000_000))"))


asyncio.run(main())
'''
)


def test_an_answer_has_no_more_images_than_a_model_accepts(
    start: Start, gateway: JupyterConnectable
) -> None:
    note = "images are left out: an answer holds at most 20 images of at most 3.75 MB each."
    assert printed(start, IMAGES, gateway) == [
        f"20 {{('image/png', 'AAAA')}} Note: 5 {note}",
        f"['Note: 1 {note}']",
    ]


SIZED = (
    PRELUDE
    + '''
CODE = """
class Image:
    def __repr__(self):
        return "<Image mode=L size=3x1>"

    def _repr_png_(self):
        return bytes(3)

display(Image())
print("after")
"""


async def main():
    async with Client(stdio()) as client:
        print(await said(client, "execute_code", code=CODE))


asyncio.run(main())
'''
)


@pytest.mark.field("B16")
def test_the_text_about_an_image_comes_after_the_image(
    start: Start, gateway: JupyterConnectable
) -> None:
    assert printed(start, SIZED, gateway) == [
        "[('image/png', 'AAAA'), '<Image mode=L size=3x1>\\nafter\\n']"
    ]


HALVES = (
    PRELUDE
    + r"""
async def main():
    heard = []
    async with Client(stdio()) as client:
        for code in (
            r"print('half: \ud83d')",
            r"print('\ud83d\ude00')",
            r"display({'text/plain': '\ud83d'}, raw=True)",
            r"raise ValueError('\ud83d')",
            "import time\nprint('on \\ud83d', flush=True)\ntime.sleep(1.5)",
        ):
            shown = await said(client, "execute_code", heard=heard, code=code)
            print(ascii(shown[-1].strip().splitlines()[-1]))
        print(any(news == "on \ufffd\n" for _, _, news in heard))


asyncio.run(main())
"""
)


def test_lone_surrogates_are_replaced_and_do_not_end_the_server(
    start: Start, fake: FakeGateway
) -> None:
    assert printed(start, HALVES, fake) == [
        r"'half: \ufffd'",
        r"'\U0001f600'",
        r"'\ufffd'",
        r"'ValueError: \ufffd'",
        r"'on \ufffd'",
        "True",
    ]


RESTART = (
    PRELUDE
    + """
async def main():
    async with Client(stdio("--timeout", "40")) as client:
        code = "import time\\nfor _ in range(1000): time.sleep(0.05)"
        calls = [asyncio.create_task(said(client, "execute_code", code=code)) for _ in range(2)]
        await asyncio.sleep(0.1)
        print(await said(client, "restart_kernel"))
        for call in calls:
            shown = await call
            print(shown[0], "KeyboardInterrupt" in shown[1])
        print(await said(client, "execute_code", code="6 * 7"))


asyncio.run(main())
"""
)


def test_a_restart_waits_neither_for_a_starting_call_nor_for_waiting_calls(
    start: Start, gateway: JupyterConnectable
) -> None:
    assert printed(start, RESTART, gateway) == [
        "['The kernel was restarted, variables are gone.']",
        "error True",
        "error True",
        "['42']",
    ]


TOOLS = (
    PRELUDE
    + """
async def main():
    async with Client(stdio("--timeout", "7")) as client:
        for tool in (await client.list_tools()).tools:
            if "seconds" in tool.description:
                print(tool.description.partition("The code is ")[2])
            hints = tool.annotations
            print(tool.title, bool(hints.read_only_hint), bool(hints.destructive_hint), end=" ")
            print({"description" in told for told in tool.input_schema["properties"].values()})


asyncio.run(main())
"""
)


def test_the_client_receives_the_descriptions_and_annotations_of_the_tools(
    start: Start, fake: FakeGateway
) -> None:
    assert printed(start, TOOLS, fake) == [
        "interrupted after 7 seconds, or after the",
        "time limit of the call, which can be up to 600 seconds. Variables are kept.",
        "Run code False True {True}",
        "Restart the kernel False True set()",
        "List variables True False set()",
        "Write a file False True {True}",
        "Read a file True False {True}",
    ]


DEATH = (
    PRELUDE
    + """
async def main():
    async with Client(stdio()) as client:
        code = "import os, time\\nprint('on', flush=True)\\ntime.sleep(1)\\nos._exit(1)"
        print(await said(client, "execute_code", code=code))
        print(await said(client, "execute_code", code="6 * 7"))
        (long,) = await said(client, "execute_code", code="print('ab' * 50000)")
        print(long.splitlines()[1], long[:2], len(long) < 60000)


asyncio.run(main())
"""
)


DIED = (
    r"['error', 'on\n', 'Error: the kernel died while the code ran.\nNote: the kernel was"
    r" restarted, variables are gone.']"
)


def test_the_death_of_a_kernel_is_an_answer_and_long_text_is_shortened(start: Start) -> None:
    with LocalJupyterServer() as server:
        assert printed(start, DEATH, server) == [
            DIED,
            "['42']",
            "[50001 characters are left out here] ab True",
        ]


REPLACED = (
    PRELUDE
    + """
async def main():
    async with Client(stdio()) as client:
        await said(client, "execute_code", code="import io, sys; sys.stdout, x = io.StringIO(), 1")
        print(await said(client, "list_variables"))


asyncio.run(main())
"""
)


def test_variables_are_listed_even_if_code_has_replaced_stdout(start: Start) -> None:
    with LocalJupyterServer() as server:
        (line,) = printed(start, REPLACED, server)
    assert line == r"['x: int = 1\n']"


DEAF = (
    PRELUDE
    + """
import os

CODE = '''
import time
print("on", flush=True)
while True:
    try:
        time.sleep(0.05)
    except KeyboardInterrupt:
        pass
'''


async def main(tool, *words):
    path = os.path.abspath("file")
    arguments = dict(zip(words[::2], words[1::2]))
    if "path" in arguments:
        arguments["path"] = path
    async with Client(stdio()) as client:
        await said(client, "put_file", path=path, content="x")
        heard = asyncio.Event()

        async def on_progress(_, __, news):
            if news:
                heard.set()

        running = asyncio.create_task(
            client.call_tool("execute_code", {"code": CODE}, progress_callback=on_progress)
        )
        await heard.wait()
        running.cancel()
        await asyncio.wait([running])
        print([text.replace(path, "file") for text in await said(client, tool, **arguments)])


asyncio.run(main(*sys.argv[1:]))
"""
)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("list_variables", "There are no variables."),
        ("put_file path file content y", "file: 1 bytes were written."),
        ("get_file path file", "x"),
    ],
)
def test_each_tool_reports_that_the_kernel_was_restarted(
    start: Start, words: str, said: str
) -> None:
    with LocalJupyterServer() as server:
        assert printed(start, DEAF, server, *words.split()) == [
            f"['{said}', 'Note: the kernel was restarted, variables are gone.']"
        ]


REQUESTS: list[dict[str, Any]] = [
    {
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    },
    {"method": "notifications/initialized"},
]


def call(number: int, code: str) -> dict[str, Any]:
    params = {"name": "execute_code", "arguments": {"code": code}}
    return {"id": number, "method": "tools/call", "params": params}


def send(process: subprocess.Popen[str], *requests: dict[str, Any]) -> None:
    assert process.stdin is not None
    for request in requests:
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **request}) + "\n")
    process.stdin.flush()


def answer(process: subprocess.Popen[str], number: int) -> Any:
    assert process.stdout is not None
    for line in process.stdout:
        message = json.loads(line)
        if message.get("id") == number:
            return message["result"]
    raise AssertionError(process.stderr.read() if process.stderr else "")


PIDS = "import os; print(os.getpid(), os.getppid())"


@pytest.mark.parametrize("way", ["--embedded", "--local"])
@pytest.mark.parametrize(
    ("number", "status"), [(None, 0), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_the_end_of_stdin_and_signals_end_server_and_kernel_while_code_runs(
    start: Start, number: signal.Signals | None, status: int, way: str
) -> None:
    process = start("-W", "error", "-m", "jkg_client", "mcp", way)
    send(process, *REQUESTS, call(2, PIDS))
    pids = answer(process, 2)["content"][0]["text"].split()
    assert all(Path("/proc", pid).exists() for pid in pids)
    send(process, call(3, "import time; time.sleep(1000)"))
    if number is None:
        out, err = process.communicate(timeout=RUNNING)
    else:
        process.send_signal(number)  # stdin stays open
        process.wait(RUNNING)
        out, err = process.communicate()
    assert (process.returncode, err) == (status, "")
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in out.splitlines())
    assert not any(Path("/proc", pid).exists() for pid in pids)


def listening(start: Start, server: JupyterConnectable, *words: str, **env: str) -> Any:
    """Start an HTTP server. Returns its process and its address."""
    options = ("mcp", "--http", "--port", "0", *words)
    process = start("-W", "error", "-m", "jkg_client", *options, server=server, **env)
    assert process.stderr is not None
    said = process.stderr.readline()
    assert said.startswith("jkg: listening on http://127.0.0."), said + process.stderr.read()
    return process, said.split()[-1]


SESSIONS = (
    PRELUDE
    + """
async def main(url):
    async with Client(url) as one, Client(url) as other:
        print(one.protocol_version)
        print(await said(one, "execute_code", code="x = 1"))
        print((await said(other, "execute_code", code="x"))[0])
        heard, code = [], "import time\\nprint('on', flush=True)\\ntime.sleep(2)\\nx"
        print(await said(one, "execute_code", heard=heard, code=code))
        print("on\\n" in [message for _, _, message in heard])
        running = asyncio.create_task(one.call_tool("execute_code", {"code": "time.sleep(1000)"}))
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.wait([running])
        print(await said(one, "execute_code", code="x", timeout=15))
        input()


asyncio.run(main(sys.argv[1]))
"""
)


def until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_over_http_each_session_has_a_kernel_that_is_deleted_with_it(
    start: Start, gateway: JupyterConnectable
) -> None:
    process, url = listening(start, gateway)
    client = start("-c", SESSIONS, url)
    assert client.stdout is not None
    lines = [client.stdout.readline().strip() for _ in range(6)]
    assert lines == [
        "2025-11-25",
        "['Done, without output.']",
        "error",
        r"['on\n1']",
        "True",
        "['1']",
    ]
    assert kernels(gateway) == 2
    client.communicate("\n", timeout=RUNNING)
    assert client.returncode == 0
    assert until(lambda: kernels(gateway) == 0)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=RUNNING) == ("", "")
    assert process.returncode == 143


LEFT = (
    PRELUDE
    + """
import os


async def main(url):
    async with Client(url) as client:
        print(await said(client, "execute_code", code="1"), flush=True)
        os._exit(0)


asyncio.run(main(sys.argv[1]))
"""
)


def test_the_kernel_of_a_silent_session_is_deleted(start: Start, fake: FakeGateway) -> None:
    process, url = listening(start, fake, "--idle", "2")
    assert printed(start, LEFT, None, url) == ["['1']"]
    assert until(lambda: kernels(fake) == 0)
    assert process.poll() is None


def test_ctrl_c_deletes_the_kernels_of_open_sessions(start: Start, fake: FakeGateway) -> None:
    process, url = listening(start, fake)
    assert printed(start, LEFT, None, url) == ["['1']"]
    assert kernels(fake) == 1
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=RUNNING)
    assert process.returncode == 130
    assert kernels(fake) == 0


REFUSED = """
import sys
import httpx2

right = {"Authorization": "bearer right"}
wrong = {"Authorization": "Bearer wrong"}
other = {"Authorization": "Basic right"}
for headers in ({}, wrong, other, right, {**right, "Host": "evil.example"}):
    print(httpx2.post(sys.argv[1], json={}, headers=headers).status_code)
"""


def test_requests_without_the_right_token_are_refused(start: Start, fake: FakeGateway) -> None:
    _, url = listening(start, fake, JKG_MCP_TOKEN="right")
    refused, wrong, other, right, misled = printed(start, REFUSED, None, url)
    assert (refused, wrong, other, misled) == ("401", "401", "401", "421")
    assert right == "400"  # the token is accepted, but the request is invalid


def test_pages_of_the_web_cannot_reach_the_server_at_any_local_address(
    start: Start, fake: FakeGateway
) -> None:
    _, url = listening(start, fake, "--host", "127.0.0.2")
    *let_in, misled = printed(start, REFUSED, None, url)
    assert (set(let_in), misled) == ({"400"}, "421")


STRANGERS = """
import sys
import httpx2
from urllib.parse import urlsplit

url = sys.argv[1]
port = urlsplit(url).port
accept = {"Accept": "application/json, text/event-stream"}
client = {"name": "test", "version": "1"}
params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
initialize = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
for name, value in [
    ("Host", f"127.0.0.1:{port}.evil.example"),
    ("Host", "127.0.0.1.evil.example"),
    ("Host", f"evil.example:{port}"),
    ("Host", f"127.0.0.1:{port}@evil.example"),
    ("Host", f"127.0.0.1:{port}/"),
    ("Origin", f"http://127.0.0.1:{port}.evil.example"),
    ("Origin", "http://localhost.evil.example"),
    ("Origin", "https://evil.example"),
    ("Origin", "null"),
    ("Host", f"localhost:{port}"),
    ("Host", "[::1]:8000"),
    ("Origin", "http://localhost:6274"),
]:
    answer = httpx2.post(url, json=initialize, headers={**accept, name: value})
    print(answer.status_code, "mcp-session-id" in answer.headers)
"""


@pytest.mark.field("D9")
def test_requests_with_other_host_names_are_refused_without_a_session(
    start: Start, fake: FakeGateway
) -> None:
    _, url = listening(start, fake, "--max-sessions", "3")
    said = printed(start, STRANGERS, None, url)
    assert said == ["421 False"] * 5 + ["403 False"] * 4 + ["200 True"] * 3


SECRET = (
    PRELUDE
    + """
async def main():
    async with Client(stdio("--local")) as client:
        code = "import os; [name for name in os.environ if name.startswith('JKG')]"
        print(await said(client, "execute_code", code=code))


asyncio.run(main())
"""
)


def test_the_environment_of_the_code_does_not_contain_the_token(start: Start) -> None:
    process = start("-c", SECRET, JKG_MCP_TOKEN="right", JKG_TOKEN="other")
    out, err = process.communicate(timeout=RUNNING)
    assert (out, err) == ("['[]']\n", "")


def test_an_address_other_than_loopback_needs_a_token(start: Start, fake: FakeGateway) -> None:
    process = start("-m", "jkg_client", "mcp", "--http", "--host", "0.0.0.0", server=fake)
    _, err = process.communicate(timeout=RUNNING)
    assert process.returncode == 2
    assert err == ("jkg: other machines can reach 0.0.0.0 and could run code here: set a token\n")


def test_a_signal_ends_the_server_even_if_the_client_reads_no_answers(start: Start) -> None:
    process = start("-W", "error", "-m", "jkg_client", "mcp", "--local")
    send(process, *REQUESTS, call(2, PIDS))
    pids = answer(process, 2)["content"][0]["text"].split()
    send(process, *(call(number, "print('-' * 40000)") for number in range(3, 30)))
    process.send_signal(signal.SIGTERM)
    assert process.wait(RUNNING) == 143
    assert not any(Path("/proc", pid).exists() for pid in pids)


def test_a_client_that_was_killed_while_code_prints_leaves_nothing(start: Start) -> None:
    process = start("-W", "error", "-m", "jkg_client", "mcp", "--local")
    send(process, *REQUESTS, call(2, PIDS))
    pids = answer(process, 2)["content"][0]["text"].split()
    send(process, call(3, "import time\nwhile True: print('on'); time.sleep(0.05)"))
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()
    assert process.wait(RUNNING) == 141
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert not any(Path("/proc", pid).exists() for pid in pids)


NON_BLOCKING = """
import os, sys
os.set_blocking(int(sys.argv[1]), False)
os.execv(sys.executable, [sys.executable, "-W", "error", "-m", "jkg_client", "mcp", "--embedded"])
"""


@pytest.mark.parametrize("pipe", ["0", "1"])
def test_the_server_waits_for_non_blocking_pipes(start: Start, pipe: str) -> None:
    process = start("-c", NON_BLOCKING, pipe)
    send(process, *REQUESTS)
    answer(process, 1)
    # The answers do not fit into a pipe.
    send(process, *({"id": number, "method": "tools/list"} for number in range(2, 100)))
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    before = psutil.Process(process.pid).cpu_times()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    after = psutil.Process(process.pid).cpu_times()
    assert after.user + after.system - before.user - before.system < 0.2
    assert answer(process, 99)
    _, err = process.communicate(timeout=RUNNING)
    assert (process.returncode, err) == (0, "")


CLOSED = """
import os, sys
os.close(int(sys.argv[1]))
os.execv(sys.executable, [sys.executable, "-m", "jkg_client", "mcp"])
"""


@pytest.mark.parametrize("closed", ["0", "1"])
def test_closed_stdin_or_stdout_is_reported(start: Start, fake: FakeGateway, closed: str) -> None:
    process = start("-c", CLOSED, closed, server=fake)
    assert process.communicate(timeout=RUNNING)[1] == "jkg: stdin and stdout must be open\n"
    assert process.returncode == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--idle inf", "idle must be a positive number of seconds, not inf"),
        ("--max-sessions 0", "max_sessions must be at least 1, not 0"),
        (
            "--timeout 700",
            "timeout must be at most the maximum, 600 s, not 700 s",
        ),
    ],
)
def test_invalid_options_are_named(
    start: Start, fake: FakeGateway, words: str, complaint: str
) -> None:
    process = start("-m", "jkg_client", "mcp", "--http", *words.split(), server=fake)
    _, err = process.communicate(timeout=RUNNING)
    assert (process.returncode, err) == (2, f"jkg: {complaint}\n")


def test_the_error_names_a_port_in_use(start: Start, fake: FakeGateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("-m", "jkg_client", "mcp", "--http", "--port", str(port), server=fake)
        _, err = process.communicate(timeout=RUNNING)
    assert process.returncode == 2
    assert err.startswith("jkg: [Errno 98] Address already in use")
    assert str(port) in err


REMOTE = (
    PRELUDE
    + """
async def main(url):
    async with Client(stdio("--url", url, "--kernel", sys.argv[2])) as client:
        print((await said(client, "execute_code", code="6 * 7"))[-1].replace(url, "URL"))


asyncio.run(main(sys.argv[1]))
"""
)


def test_a_running_server_is_used_and_its_errors_are_reported(
    start: Start, gateway: JupyterConnectable
) -> None:
    info = gateway.connection_info

    def said(kernel: str, token: str | None) -> str:
        process = start("-c", REMOTE, info.url, kernel, JKG_TOKEN=token or "")
        out, err = process.communicate(timeout=RUNNING)
        assert (process.returncode, err) == (0, "")
        return out.strip()

    assert said("python3", info.token) == "42"
    missing = "Error: Kernel 'cobol' is not installed. Server: URL; installed there: python3"
    assert said("cobol", info.token) == missing
    if info.token:
        assert "answered 401" in said("python3", "wrong")
    assert kernels(gateway) == 0


def test_an_unreachable_server_is_an_answer_of_the_tool(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    (said,) = printed(start, REMOTE, None, url, "python3")
    assert said.startswith("Error: POST URL/api/kernels: no connection")


CONTAINER = (
    PRELUDE
    + """
async def main():
    code = "import socket; print(socket.gethostname())"
    async with Client(stdio("--docker")) as client:
        print((await said(client, "execute_code", code=code))[0].strip())
        running = asyncio.create_task(client.call_tool("execute_code", {"code": "while 1: pass"}))
        await asyncio.sleep(1)
    await asyncio.wait([running])
    print(type(running.exception()).__name__)


asyncio.run(main())
"""
)


def test_a_container_is_removed_with_the_client_even_while_code_runs(
    start: Start, engine: docker.DockerClient
) -> None:
    container, ended = printed(start, CONTAINER, None)
    assert re.fullmatch("[0-9a-f]{12}", container)
    assert ended == "MCPError"
    with pytest.raises(NotFound):
        engine.containers.get(container)
