"""What the docs show of agent frameworks, with the real packages; a script plays the model.

Each runs in an environment of its own, on the fake gateway and on a real one.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from documentation import ROOT, Example, examples
from environments import environment, our_requirements
from frameworks import ModelServer, model_server, printed, server_variables

from jkg_client import CODE_WRITER_SYSTEM_MESSAGE, JupyterConnectable

PAGE = ROOT / "docs" / "autogen.md"
CONVERSATION, AUTOGEN_0_7 = examples(PAGE)

FRAMEWORKS = {
    "autogen-0.2": ["autogen-agentchat==0.2.40"],
    "ag2-0.14": ["ag2[openai]==0.14.0"],
}

ANSWERS = [
    """\
Each is the sum of the two before it.

```python
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
```

```python
fibonacci(14)
```
""",
    "The 14th Fibonacci number is 377.",
]


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with model_server(ANSWERS) as running:
        yield running


@pytest.fixture(params=FRAMEWORKS)
def python(request: pytest.FixtureRequest) -> Path:
    """The interpreter of a framework's environment, which has what we need, too."""
    requirements = [*FRAMEWORKS[request.param], *our_requirements()]
    return environment(request.config, request.param, *requirements) / "python"


@pytest.fixture
def autogen_0_7(pytestconfig: pytest.Config) -> Path:
    """The interpreter of its environment, likewise."""
    packages = ("core", "agentchat", "ext")
    requirements = [f"autogen-{package}==0.7.5" for package in packages]
    return environment(pytestconfig, "autogen-0.7", *requirements, *our_requirements()) / "python"


def test_two_agents_find_a_fibonacci_number(
    python: Path, gateway: JupyterConnectable, model: ModelServer, tmp_path: Path
) -> None:
    env = {**model.variables, **server_variables(gateway)}
    said = printed(python, CONVERSATION, tmp_path, env)
    _, expected, _ = CONVERSATION.output.split("…")  # before and after it theirs differ
    assert expected.strip() in said, said
    system = {"role": "system", "content": CODE_WRITER_SYSTEM_MESSAGE}
    assert [question["messages"][0] for question in model.asked] == [system, system]


PROTOCOL = """
from autogen.coding import CodeExecutor, CodeExecutorFactory
from jkg_client import JupyterCodeExecutor, JupyterConnectionInfo

with JupyterCodeExecutor(JupyterConnectionInfo.from_env()) as executor:
    print(isinstance(executor, CodeExecutor))
    print(CodeExecutorFactory.create({"executor": executor}) is executor)
    (block,) = executor.code_extractor.extract_code_blocks("```python\\nprint(6 * 7)\\n```")
    print(executor.execute_code_blocks([block]))
    executor.restart()
"""


def test_the_executor_is_accepted_as_it_is(
    python: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    env = server_variables(gateway)
    said = printed(python, Example("", PROTOCOL, ""), tmp_path, env).splitlines()
    assert said == ["True", "True", r"exit_code=0 output='42\n' output_files=[]"]


def test_autogen_0_7_does_what_the_page_says(
    autogen_0_7: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    env = server_variables(gateway)
    assert printed(autogen_0_7, AUTOGEN_0_7, tmp_path, env) == AUTOGEN_0_7.output


DUMPED = """
import asyncio
import os

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeExecutor

from jkg_client import GatewayUnauthorized
from jkg_client.integrations.autogen import JupyterCodeExecutor

PAGE = "class Page:\\n    def _repr_html_(self): return '<p>'\\ndisplay(Page())\\n1/0"


async def main():
    async with JupyterCodeExecutor(timeout=5, output_dir="files") as executor:
        page = [CodeBlock(PAGE, "python")]
        result = await executor.execute_code_blocks(page, CancellationToken())
        print(result.exit_code, [file.parent.name for file in result.output_files])
        await executor.restart()
        dumped = executor.dump_component()
    token = os.environ.pop("JUPYTER_GATEWAY_AUTH_TOKEN")
    print(token not in dumped.model_dump_json(), dumped.config)
    loaded = CodeExecutor.load_component(dumped)
    try:
        await loaded.start()
    except GatewayUnauthorized:
        print("no token")
    await loaded.stop()
    os.environ["JUPYTER_GATEWAY_AUTH_TOKEN"] = token
    async with CodeExecutor.load_component(dumped) as executor:
        cancelled = CancellationToken()
        cancelled.cancel()
        try:
            await executor.execute_code_blocks([CodeBlock("x = 1", "python")], cancelled)
        except asyncio.CancelledError:
            print("cancelled")
        blocks = [CodeBlock("'x' in globals()", "python")]
        print(await executor.execute_code_blocks(blocks, CancellationToken()))


asyncio.run(main())
"""


def test_a_component_of_autogen_0_7_is_dumped_and_loaded_without_its_token(
    autogen_0_7: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    env = server_variables(gateway)
    url = gateway.connection_info.url
    config = {"url": url, "kernel_name": "python3", "timeout": 5.0, "output_dir": "files"}
    assert printed(autogen_0_7, Example("", DUMPED, ""), tmp_path, env).splitlines() == [
        "1 ['files']",
        f"True {config}",
        "no token",
        "cancelled",
        "JupyterCodeResult(exit_code=0, output='False', output_files=[])",
    ]


def test_the_page_shows_what_the_model_is_told() -> None:
    shown = textwrap.indent(CODE_WRITER_SYSTEM_MESSAGE, "    ")
    assert shown in PAGE.read_text(encoding="utf-8")


INSTALLED = """
from importlib import import_module, metadata

import_module("jkg_client.integrations.{}")
others = ("ag2", "autogen", "ipykernel", "jupyter", "lang", "mcp", "openai", "smolagents")
names = {{dist.metadata["Name"].lower() for dist in metadata.distributions()}}
print(*sorted(name for name in names if name.startswith(others)))
"""


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("ag2", "ag2"),
        ("autogen", "autogen-core"),
        ("langchain", "langchain-core langchain-protocol langsmith"),
        ("smolagents", "smolagents"),
    ],
)
def test_an_extra_brings_its_framework_only(
    extra: str, expected: str, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    requirements = our_requirements(extra)
    python = environment(pytestconfig, f"extra-{extra}", *requirements) / "python"
    said = printed(python, Example("", INSTALLED.format(extra), ""), tmp_path, {})
    assert said.strip() == expected
