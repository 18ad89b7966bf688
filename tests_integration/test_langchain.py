"""The tool for LangChain, with the real package; a script plays the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from documentation import ROOT, examples
from environments import environment, lowest_requirements, our_requirements
from frameworks import Answer, ModelServer, printed, run_alone, server_variables, wrong_arguments

from jkg_client import JupyterConnectable

(EXAMPLE,) = examples(ROOT / "docs" / "langchain.md")

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
NUMBERS = """
numbers = [0, 1]
while len(numbers) < 14:
    numbers.append(numbers[-2] + numbers[-1])
numbers[-1]
"""
DRAWING = f"print(len(numbers))\ndisplay({{'image/png': {PIXEL!r}}}, raw=True)"


def call(number: int, code: str) -> dict[str, Any]:
    function = {"name": "python", "arguments": json.dumps({"code": code})}
    calls = [{"id": f"call-{number}", "type": "function", "function": function}]
    return {"content": None, "tool_calls": calls}


ANSWERS: list[Answer] = [call(1, NUMBERS), call(2, DRAWING), "There they are."]


@pytest.fixture
def python(pytestconfig: pytest.Config) -> Path:
    """The interpreter of an environment with LangChain and our requirements."""
    packages = ["langchain==1.4.7", "langchain-core==1.7.2", "langchain-openai==1.7.3"]
    return environment(pytestconfig, "langchain", *packages, *our_requirements()) / "python"


@pytest.fixture
def lowest(pytestconfig: pytest.Config) -> Path:
    """The interpreter of an environment with the lowest release that our extra allows."""
    return (
        environment(pytestconfig, "langchain-lowest", *lowest_requirements("langchain")) / "python"
    )


def test_the_example_of_the_page_with_an_agent_works(
    python: Path, gateway: JupyterConnectable, model: ModelServer, tmp_path: Path
) -> None:
    env = {**model.variables, **server_variables(gateway)}
    assert printed(python, EXAMPLE, tmp_path, env) == EXAMPLE.output
    # Images are for the calling program. The model receives text.
    drawn = model.asked[-1]["messages"][-1]
    (file,) = (tmp_path / "images").iterdir()
    assert (drawn["role"], drawn["content"]) == ("tool", f"14\nImage data saved to {file}")
    (told,) = model.asked[0]["tools"]
    assert told["function"]["description"].startswith("Runs Python code in a Jupyter kernel")
    assert list(told["function"]["parameters"]["properties"]) == ["code"]


BEGINNING = """
import asyncio
import json
import os
import signal
import threading
import time

from jkg_client import GatewayUnreachable, JupyterConnectionInfo
from jkg_client.integrations.langchain import JupyterTool


def call(code):
    return {"name": "python", "args": {"code": code}, "id": "1", "type": "tool_call"}
"""

CALLS = """
with JupyterTool(timeout=20) as tool:
    print(tool.invoke({"code": "x = 6"}) == "", tool.invoke("x * 7"))
    print(tool.invoke("Here it is: ```python\\nx * 7\\n```\\nDone."), tool.invoke("`x`"))
    message = tool.invoke(call("print(x)\\n1/0"))
    print(message.content.splitlines()[0], message.content.splitlines()[-1])
    print(json.dumps(message.artifact))

    async def within_a_loop():
        return tool.invoke("x + 1"), await tool.ainvoke("x + 2")

    print(asyncio.run(within_a_loop()))
    message = tool.invoke(call("import os\\nos._exit(1)"))
    print(message.artifact["exit_code"], message.artifact["kernel_restarted"])
    print(os.environ["JUPYTER_GATEWAY_AUTH_TOKEN"] in repr(tool), sorted(tool.args))

    async def endless():
        tool.invoke("z = 9\\nwhile True: pass")

    # A notebook's loop leaves signals alone, unlike that of asyncio.run.
    notebook = asyncio.new_event_loop()
    for run in (
        lambda: tool.invoke("y = 8\\nwhile True: pass"),
        lambda: notebook.run_until_complete(endless()),
    ):
        ctrl_c = threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT))
        ctrl_c.start()
        began = time.monotonic()
        try:
            run()
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - began < 15)
        ctrl_c.join()
    notebook.close()
    print(tool.invoke("y, z"))
tool.stop()
away = JupyterTool(JupyterConnectionInfo("127.0.0.1", use_https=False, port=9))
try:
    away.invoke("1")
except GatewayUnreachable:
    print("away")
away.stop()
"""

CANCELLED = """
async def main():
    async with JupyterTool(timeout=60) as tool:
        await tool.ainvoke("x = 1")
        ticks = 0
        endless = asyncio.ensure_future(tool.ainvoke("x = 2\\nwhile True: pass"))
        queued = asyncio.ensure_future(tool.ainvoke("x = 3"))
        for _ in range(10):
            await asyncio.sleep(0.1)
            ticks += 1
        queued.cancel()
        print(ticks, endless.done())
        endless.cancel()
        for task in (endless, queued):
            try:
                await task
            except asyncio.CancelledError:
                print("cancelled")
        print(await tool.ainvoke("x"))


began = time.monotonic()
asyncio.run(main())
print(time.monotonic() - began < 50)
"""

TWICE = """
STUBBORN = '''
import time
while True:
    try:
        time.sleep(0.05)
    except KeyboardInterrupt:
        pass
'''


async def endless():
    tool.invoke(STUBBORN)


with JupyterTool(timeout=60) as tool:
    notebook = asyncio.new_event_loop()
    kill = (os.kill, (os.getpid(), signal.SIGINT))
    presses = [threading.Timer(seconds, *kill) for seconds in (1, 2)]
    for press in presses:
        press.start()
    try:
        notebook.run_until_complete(endless())
    except KeyboardInterrupt:
        print("interrupted")
    for press in presses:
        press.join()
    notebook.close()
    print(*tool.invoke("6 * 7").splitlines(), sep="\\n")
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(
            CALLS,
            [
                "True 42",
                "42 6",
                "6 ZeroDivisionError: division by zero",
                '{"exit_code": 1, "kernel_restarted": false, "output_files": [], "images": []}',
                "('7', '8')",
                "137 True",
                "False ['code']",
                "interrupted True",
                "interrupted True",
                "(8, 9)",
                "away",
            ],
            id="calls share a kernel, and failures are answers",
        ),
        pytest.param(
            CANCELLED,
            ["10 False", "cancelled", "cancelled", "2", "True"],
            id="a loop is not blocked, and who is cancelled interrupts the kernel",
        ),
        pytest.param(
            TWICE,
            ["interrupted", "42", "Note: the kernel was restarted, variables are gone."],
            id="Ctrl-C pressed again is a KeyboardInterrupt, too",
        ),
    ],
)
def test_the_tool_has_the_documented_behaviour(
    any_python: Path, gateway: JupyterConnectable, tmp_path: Path, code: str, expected: list[str]
) -> None:
    assert run_alone(any_python, BEGINNING + code, gateway, tmp_path) == expected


@pytest.mark.field("E10")
def test_wrong_arguments_are_named(
    python: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    program = wrong_arguments("langchain", "JupyterTool", name=[3, ""], description=[3])
    assert run_alone(python, program, gateway, tmp_path) == []
