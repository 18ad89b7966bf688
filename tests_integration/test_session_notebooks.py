"""Sessions of agents and executors, saved as notebooks that nbformat accepts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from attrs import frozen
from documentation import Example
from environments import environment, our_requirements
from frameworks import printed, run_alone, server_variables
from test_nbclient import PACKAGES

from jkg_client import (
    CodeBlock,
    EmbeddedIPythonCodeExecutor,
    JupyterCodeExecutor,
    JupyterConnectable,
)

VALIDATES = """
import json, sys
import nbformat

notebook = nbformat.read(sys.argv[1], 4)
nbformat.validate(notebook)
for cell in notebook.cells:
    outputs = [list(output.get("data", output)) for output in cell.get("outputs", [])]
    print(json.dumps([cell.cell_type, cell.source, outputs]))
"""


@pytest.fixture(scope="module")
def formats(pytestconfig: pytest.Config) -> Path:
    """The interpreter of an environment with nbformat."""
    folder = environment(pytestconfig, "nbclient", *PACKAGES, *our_requirements("nbclient"))
    return folder / "python"


def sources(formats: Path, notebook: Path) -> list[str]:
    """The cells of a notebook, which must be valid."""
    done = subprocess.run(
        [formats, "-W", "error", "-c", VALIDATES, notebook],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@frozen
class Adapter:
    """An adapter, and a program that runs two pieces of code by it.

    Attributes:
        name: Name of its environment.
        packages: Packages of its environment.
        code: The program. It saves ``kept.ipynb``.
    """

    name: str
    packages: tuple[str, ...]
    code: str


ADAPTERS = [
    Adapter(
        "langchain",
        ("langchain==1.4.7", "langchain-core==1.7.2", "langchain-openai==1.7.3"),
        """
from jkg_client.integrations.langchain import JupyterTool
with JupyterTool(notebook="kept.ipynb") as tool:
    tool.invoke({"code": "x = 1"})
    tool.invoke({"code": "print(x)"})
""",
    ),
    Adapter(
        "smolagents",
        ("smolagents[openai]==1.26.0",),
        """
from jkg_client.integrations.smolagents import JupyterExecutor
with JupyterExecutor(notebook="kept.ipynb") as executor:
    executor.send_variables({"y": 1})
    executor("x = y")
    executor("print(x)")
""",
    ),
    Adapter(
        "autogen",
        ("autogen-core>=0.7.5",),
        """
import asyncio
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from jkg_client.integrations.autogen import JupyterCodeExecutor

async def converse():
    executor = JupyterCodeExecutor(notebook="kept.ipynb")
    for code in ("x = 1", "x = 1\\nprint(x)"):
        # A conversation goes on after a stop, with another kernel.
        async with executor:
            block = CodeBlock(code=code, language="python")
            await executor.execute_code_blocks([block], CancellationToken())

asyncio.run(converse())
""",
    ),
]


@pytest.mark.parametrize("adapter", ADAPTERS, ids=[adapter.name for adapter in ADAPTERS])
def test_a_conversation_of_an_agent_is_kept_as_a_notebook(
    adapter: Adapter,
    gateway: JupyterConnectable,
    formats: Path,
    pytestconfig: pytest.Config,
    tmp_path: Path,
) -> None:
    packages = (*adapter.packages, *our_requirements())
    python = environment(pytestconfig, adapter.name, *packages) / "python"
    run_alone(python, adapter.code, gateway, tmp_path)
    first, second = sources(formats, tmp_path / "kept.ipynb")
    assert first.startswith('["code", "x = ')
    assert "print(x)" in second
    assert "output_type" in second


MCP = """
import asyncio
import sys

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

async def converse():
    import os
    words = ["-m", "jkg_client", "mcp", "--notebook", "kept.ipynb"]
    server = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))
    async with Client(stdio_client(server)) as client:
        for code in ("x = 1", "print(x)"):
            await client.call_tool("execute_code", {"code": code})
        await client.call_tool("list_variables", {})

asyncio.run(converse())
"""


def test_the_command_for_agents_keeps_their_session(
    gateway: JupyterConnectable, formats: Path, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    packages = our_requirements("mcp", "local", "docker")
    python = environment(pytestconfig, "mcp", *packages) / "python"
    printed(python, Example("", MCP, ""), tmp_path, server_variables(gateway))
    first, second = sources(formats, tmp_path / "kept.ipynb")
    assert '"x = 1"' in first
    assert '"print(x)"' in second


def test_rich_output_errors_and_other_languages_are_kept(
    gateway: JupyterConnectable, formats: Path, tmp_path: Path
) -> None:
    forms = {"image/png": "aGk=", "text/x": "1"}
    shown = f"from IPython.display import display\ndisplay({forms}, raw=True)"
    with JupyterCodeExecutor(gateway, output_dir=tmp_path) as executor:
        executor.add_markdown("# The *title*")
        executor.execute_code_blocks([CodeBlock(shown, "python"), CodeBlock("echo on", "sh")])
        executor.execute_code_blocks([CodeBlock("1 / 0", "python")])
    executor.save_notebook(tmp_path / "saved.ipynb")
    title, image, shell, error = sources(formats, tmp_path / "saved.ipynb")
    assert title == '["markdown", "# The *title*", []]'
    assert '[["image/png", "text/x"]]' in image
    assert shell.startswith('["code", "%%sh\\necho on"')
    assert '"ename"' in error


def test_an_embedded_executor_saves_its_session(formats: Path, tmp_path: Path) -> None:
    with EmbeddedIPythonCodeExecutor(output_dir=tmp_path) as executor:
        executor.execute_code_blocks([CodeBlock("6 * 7", "python")])
        executor.save_notebook(tmp_path / "saved.ipynb")
    assert sources(formats, tmp_path / "saved.ipynb") == ['["code", "6 * 7", [["text/plain"]]]']
