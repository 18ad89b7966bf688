"""The code environment for AG2 1, with the real package; a script plays the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from documentation import ROOT, examples
from environments import environment, lowest_requirements, our_requirements
from frameworks import Answer, ModelServer, printed, run_alone, server_variables, wrong_arguments

from jkg_client import JupyterConnectable

(EXAMPLE,) = examples(ROOT / "docs" / "ag2.md")

NUMBERS = """
numbers = [0, 1]
while len(numbers) < 15:
    numbers.append(numbers[-2] + numbers[-1])
"""


def call(number: int, code: str) -> dict[str, Any]:
    arguments = json.dumps({"code": code, "language": "python"})
    function = {"name": "run_code", "arguments": arguments}
    calls = [{"id": f"call-{number}", "type": "function", "function": function}]
    return {"content": None, "tool_calls": calls}


ANSWERS: list[Answer] = [call(1, NUMBERS), call(2, "print(numbers[-1])\n1/0"), "It is 377."]


@pytest.fixture
def python(pytestconfig: pytest.Config) -> Path:
    """The interpreter of an environment with AG2 and our requirements."""
    requirements = ["ag2[openai]==1.2.1", *our_requirements()]
    return environment(pytestconfig, "ag2-1", *requirements) / "python"


@pytest.fixture
def lowest(pytestconfig: pytest.Config) -> Path:
    """The interpreter of an environment with the lowest release that our extra allows."""
    return environment(pytestconfig, "ag2-1-lowest", *lowest_requirements("ag2")) / "python"


def test_the_example_of_the_page_with_an_agent_works(
    python: Path, gateway: JupyterConnectable, model: ModelServer, tmp_path: Path
) -> None:
    env = {**model.variables, **server_variables(gateway)}
    assert printed(python, EXAMPLE, tmp_path, env) == EXAMPLE.output
    told = model.asked[-1]["messages"][-1]
    lines = str(told["content"]).splitlines()
    assert [told["role"], lines[0], *lines[-2:]] == [
        "tool",
        "377",
        "ZeroDivisionError: division by zero",
        "[exit code: 1]",
    ]


PROMISES = """
import asyncio

from ag2.tools.code import CodeEnvironment, SandboxCodeTool

from jkg_client import ClientClosed, GatewayUnreachable, JupyterConnectionInfo
from jkg_client.integrations.ag2 import JupyterEnvironment


async def main():
    environment = JupyterEnvironment(timeout=1)
    print(isinstance(environment, CodeEnvironment))
    print(SandboxCodeTool(environment).environment is environment)
    print((await environment.run("x = 1\\nwhile True: pass", "python")).exit_code)
    print(await environment.run("x", "python"))
    print(await environment.run("1", "typescript"))
    print((await environment.run("import os\\nos._exit(1)", "python")).exit_code)
    await environment.stop()
    await environment.stop()
    try:
        await environment.run("x", "python")
    except ClientClosed as exc:
        print(exc)
    away = JupyterEnvironment(JupyterConnectionInfo("127.0.0.1", use_https=False, port=9))
    try:
        await away.run("x", "python")
    except GatewayUnreachable:
        print("away")
    await away.stop()


asyncio.run(main())
"""


def test_the_code_environment_has_the_documented_behaviour(
    any_python: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    said = run_alone(any_python, PROMISES, gateway, tmp_path)
    assert said[:4] == ["True", "True", "124", "CodeRunResult(output='1', exit_code=0)"]
    assert "typescript" in said[4]
    assert said[4].endswith("exit_code=1)")
    assert said[5:] == ["137", "the executor was stopped", "away"]


@pytest.mark.field("E10")
def test_wrong_arguments_are_named(
    python: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    program = wrong_arguments("ag2", "JupyterEnvironment")
    assert run_alone(python, program, gateway, tmp_path) == []
