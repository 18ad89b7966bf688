"""``jkg mcp`` and its page, with the official client in an environment of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable

import pytest
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
    """The interpreter of an environment with the official package and what we need."""
    local = ["jupyter_kernel_gateway>=3.0.1", "ipykernel>=6.29"]
    return environment(pytestconfig, "mcp", "mcp==2.3.0", *local, *our_requirements()) / "python"


@pytest.fixture
def start(python: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts programs in that environment, which end with the test."""
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
            # Nobody waits for a line that does not come.
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
    """Lines of a program that succeeds."""
    process = start("-c", code, *words, server=server)
    out, err = process.communicate(timeout=RUNNING)
    assert process.returncode == 0, err
    return out.splitlines()


def kernels(server: JupyterConnectable) -> int:
    with JupyterClient(server.connection_info) as client:
        return len(client.list_kernels())


def test_the_example_of_the_page_prints_what_the_page_says(
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
        print(await said(client, "execute_code", code="echo $((6 * 7))", language="bash"))
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
        r"['42\n']",
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
    "['error', 'Error executing tool execute_code: timeout: more than 0 and at most 30 seconds,"
    " not {}; nothing was run']"
)
LISTED = r"['Dot: type = defined\nx: list = [6]\n']"

FILES = (
    PRELUDE
    + """
import base64, os


async def main():
    data = os.urandom(1_500_000)
    async with Client(stdio()) as client:
        print(await said(client, "put_file", path="text.txt", content="grüß\\nGott"))
        print(await said(client, "get_file", path="text.txt"))
        text, form = base64.b64encode(data).decode(), "base64"
        print(await said(client, "put_file", path="data", encoding=form, content=text))
        (again,) = await said(client, "get_file", path="data", encoding=form)
        print(base64.b64decode(again) == data)
        print(await said(client, "get_file", path="data"))
        print(await said(client, "put_file", path="data", encoding=form, content="-"))
        print(await said(client, "get_file", path="none"))
        print(await said(client, "list_variables"))
        removal = "import os\\nos.remove('data'), os.remove('text.txt')"
        print(await said(client, "execute_code", code=removal))


asyncio.run(main())
"""
)


def failed(text: str) -> str:
    return str(["error", f"Error executing tool {text}"])


def test_files_are_put_and_got(start: Start, gateway: JupyterConnectable) -> None:
    *lines, removed = printed(start, FILES, gateway)
    assert lines == [
        "['text.txt: 11 bytes were written.']",
        r"['grüß\nGott']",
        "['data: 1500000 bytes were written.']",
        "True",
        failed("get_file: data is no UTF-8 text: ask for it with encoding base64"),
        failed("put_file: content is no base64: Only base64 data is allowed"),
        failed("get_file: FileNotFoundError: [Errno 2] No such file or directory: 'none'"),
        "['There are no variables.']",
    ]
    assert removed == "['(None, None)']"


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


@pytest.mark.parametrize(
    ("number", "status"), [(None, 0), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_the_end_of_stdin_and_signals_end_server_and_kernel_while_code_runs(
    start: Start, number: signal.Signals | None, status: int
) -> None:
    process = start("-W", "error", "-m", "jkg_client", "mcp", "--local")
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
    """A server by HTTP, and its address."""
    options = ("mcp", "--http", "--port", "0", *words)
    process = start("-W", "error", "-m", "jkg_client", *options, server=server, **env)
    assert process.stderr is not None
    said = process.stderr.readline()
    assert said.startswith("jkg: listening on http://127.0.0.1:"), said + process.stderr.read()
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
    assert lines == ["2025-11-25", "[]", "error", r"['on\n1']", "True", "['1']"]
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

right = {"Authorization": "Bearer right"}
wrong = {"Authorization": "Bearer wrong"}
for headers in ({}, wrong, right, {**right, "Host": "evil.example"}):
    print(httpx2.post(sys.argv[1], json={}, headers=headers).status_code)
"""


def test_who_does_not_know_the_token_is_not_let_in(start: Start, fake: FakeGateway) -> None:
    _, url = listening(start, fake, JKG_MCP_TOKEN="right")
    refused, wrong, right, misled = printed(start, REFUSED, None, url)
    assert (refused, wrong, misled) == ("401", "401", "421")
    assert right == "400"  # let in, and told what is wrong with the request


def test_others_than_this_machine_need_a_token(start: Start, fake: FakeGateway) -> None:
    process = start("-m", "jkg_client", "mcp", "--http", "--host", "0.0.0.0", server=fake)
    _, err = process.communicate(timeout=RUNNING)
    assert process.returncode == 2
    assert err == ("jkg: 0.0.0.0 can be reached by others, who could run code here: set a token\n")
