"""AutoGen 0.2, AG2 0.14 and AutoGen 0.7, with the real packages; a script plays the model.

Each runs in its own environment, on the fake gateway and on a real one.
"""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest
from documentation import ROOT, Example, examples
from environments import environment, our_requirements
from frameworks import (
    ModelServer,
    model_server,
    printed,
    run_alone,
    server_variables,
    wrong_arguments,
)

import jkg_client
from jkg_client import CODE_WRITER_SYSTEM_MESSAGE, JupyterClient, JupyterConnectable

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
    "The 14th Fibonacci number is 377. TERMINATE",
]


@pytest.fixture(params=FRAMEWORKS)
def python(request: pytest.FixtureRequest) -> Path:
    """The interpreter of an environment with the framework and our requirements."""
    requirements = [*FRAMEWORKS[request.param], *our_requirements()]
    return environment(request.config, request.param, *requirements) / "python"


@pytest.fixture
def autogen_0_7(pytestconfig: pytest.Config) -> Path:
    """The interpreter of an environment with AutoGen 0.7 and our requirements."""
    packages = ("core", "agentchat", "ext")
    requirements = [f"autogen-{package}==0.7.5" for package in packages]
    return environment(pytestconfig, "autogen-0.7", *requirements, *our_requirements()) / "python"


def test_two_agents_find_a_fibonacci_number(
    python: Path, gateway: JupyterConnectable, model: ModelServer, tmp_path: Path
) -> None:
    env = {**model.variables, **server_variables(gateway)}
    said = printed(python, CONVERSATION, tmp_path, env)
    _, expected, _ = CONVERSATION.output.split("…")  # the other parts differ between the frameworks
    assert expected.strip() in said, said
    told = [question["messages"][0] for question in model.asked]
    assert len(told) == 2, told
    for message in told:
        assert message["role"] == "system"
        assert message["content"].startswith(CODE_WRITER_SYSTEM_MESSAGE)


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


MISSING = """
import ast
import importlib.util
import inspect
import pathlib

import jkg_client

(root,) = importlib.util.find_spec("autogen").submodule_search_locations
for file in sorted(pathlib.Path(root, "coding", "jupyter").glob("*.py")):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for theirs in [node for node in tree.body if isinstance(node, ast.ClassDef)]:
        ours = getattr(jkg_client, theirs.name, None)
        if ours is None:
            print(theirs.name)
            continue
        print("compared", theirs.name)
        for member in theirs.body:
            name = getattr(member, "name", "_")
            if name.startswith("_") and name != "__init__":
                continue
            if not hasattr(ours, name):
                print(theirs.name, name)
            elif isinstance(member, ast.FunctionDef) and inspect.isfunction(getattr(ours, name)):
                known = list(inspect.signature(getattr(ours, name)).parameters)
                wanted = [argument.arg for argument in member.args.args]
                named = {argument.arg for argument in member.args.kwonlyargs}
                if known[: len(wanted)] != wanted or not named <= set(known):
                    print(theirs.name, name, *wanted)
"""


def test_all_classes_methods_and_arguments_of_autogen_exist(python: Path, tmp_path: Path) -> None:
    said = printed(python, Example("", MISSING, ""), tmp_path, {}).splitlines()
    compared = [line.split()[1] for line in said if line.startswith("compared ")]
    assert compared == [
        "JupyterConnectionInfo",
        "JupyterConnectable",
        "DockerJupyterServer",
        "EmbeddedIPythonCodeExecutor",
        "JupyterClient",
        "JupyterKernelClient",
        "JupyterCodeExecutor",
        "LocalJupyterServer",
    ]
    assert [line for line in said if not line.startswith("compared ")] == [
        "JupyterKernelClient ExecutionResult",
        "JupyterKernelClient __init__ self websocket",  # only get_kernel_client creates it
    ]


PLAN = "First a function for the numbers, then a call of it."

LONG_LIVED = """
import json
import os

from autogen import ConversableAgent
from jkg_client import CODE_WRITER_SYSTEM_MESSAGE, JupyterCodeExecutor, JupyterConnectionInfo

executor = JupyterCodeExecutor(JupyterConnectionInfo.from_env(), output_dir=".")
runner = ConversableAgent(
    name="code_executor_agent",
    llm_config=False,
    code_execution_config={"executor": executor},
    human_input_mode="NEVER",
)
key, url = os.environ["OPENAI_API_KEY"], os.environ["OPENAI_BASE_URL"]
writer = ConversableAgent(
    "code_writer",
    system_message=CODE_WRITER_SYSTEM_MESSAGE,
    llm_config={"config_list": [{"model": "gpt-4", "api_key": key, "base_url": url}]},
    code_execution_config=False,
    max_consecutive_auto_reply=2,
    human_input_mode="NEVER",
)
chat = runner.initiate_chat(writer, message="The 14th Fibonacci number?", silent=True)
for message in chat.chat_history:
    print("message", json.dumps(message["content"]))
print("message", json.dumps(chat.summary))
executor.stop()
"""


def test_a_writer_that_plans_first_gets_the_result_of_its_second_message(
    python: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    with model_server([PLAN, ANSWERS[0]]) as model:
        env = {**model.variables, **server_variables(gateway)}
        said = printed(python, Example("", LONG_LIVED, ""), tmp_path, env)
    result = "exitcode: 0 (execution succeeded)\nCode output: 377"
    expected = ["The 14th Fibonacci number?", PLAN, "", ANSWERS[0], result, result]
    assert messages(said) == expected


AGENTS = """
import json

from autogen import GroupChat, GroupChatManager, ConversableAgent, UserProxyAgent
from jkg_client import JupyterCodeExecutor, JupyterConnectionInfo

PAGE = "class Page:\\n    def _repr_html_(self): return '<p>'\\nPage()"
DEATH = "import os, time\\nprint('bye', flush=True)\\ntime.sleep(0.3)\\nos._exit(1)"


def block(code, language="python"):
    return f"```{language}\\n{code}\\n```"


def ask(agent, *contents):
    asked = [{"role": "user", "content": content} for content in contents]
    print("message", json.dumps(agent.generate_reply(messages=asked)))


server = JupyterConnectionInfo.from_env()
with JupyterCodeExecutor(server, timeout=3, output_dir="files") as executor:
    agent = ConversableAgent("a", llm_config=False, code_execution_config={"executor": executor})
    ask(agent, "\\n".join([block("x = 6"), block("echo said", "sh"), block("x * 7")]))
    ask(agent, [{"type": "text", "text": block("x * 7 + 1")}])
    ask(agent, block("1", "cobol"))
    ask(agent, block(PAGE))
    ask(agent, block("print(x)\\nwhile True: pass"))
    agent.reset()
    ask(agent, block("x"))
    agent.code_executor.restart()
    ask(agent, block("'x' in globals()"))
    ask(agent, block(DEATH))
    config = {"executor": executor, "last_n_messages": 2}
    user = UserProxyAgent("u", human_input_mode="NEVER", code_execution_config=config)
    ask(user, block("'old'"), block("'new'"), "no code")
    writer = ConversableAgent("w", llm_config=False, default_auto_reply=block("x = 1\\nx"))
    group = GroupChat([user, writer, agent], [], 3, speaker_selection_method="round_robin")
    manager = GroupChatManager(group, llm_config=False)
    user.initiate_chat(manager, message="Is x known?", silent=True)
    for said in group.messages[1:]:
        print("message", json.dumps(said["name"] + " says " + said["content"]))
"""


def messages(said: str) -> list[str]:
    """The messages that our programs print, without lines that the frameworks print."""
    start = "message "
    lines = [line for line in said.splitlines() if line.startswith(start)]
    return [str(json.loads(line[len(start) :])) for line in lines]


def test_agents_of_every_kind_run_blocks_with_any_outcome(
    python: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    env = server_variables(gateway)
    said = messages(printed(python, Example("", AGENTS, ""), tmp_path, env))
    (page,) = (tmp_path / "files").iterdir()
    good = "exitcode: 0 (execution succeeded)\nCode output: "
    bad = "exitcode: {} (execution failed)\nCode output: {}"
    expected = [
        f"{good}said\n42",
        f"{good}43",
        bad.format(1, "UnknownLanguage: cannot run a 'cobol' block"),
        f"{good}HTML data saved to {page}",
        bad.format(124, "6\nTimeout: "),
        f"{good}6",
        f"{good}False",
        bad.format(137, "bye\nError: the kernel died"),
        f"{good}'new'",
        "w says ```python\nx = 1\nx\n```",
        f"a says {good}1",
    ]
    assert len(said) == len(expected), said
    for told, start in zip(said, expected):
        assert told.startswith(start), said


def test_the_example_for_autogen_0_7_works(
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
    dumped.config["url"] += "/"  # as one may write it by hand
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
    config = {
        "url": url,
        "kernel_name": "python3",
        "timeout": 5.0,
        "output_dir": "files",
        "max_text": 50_000,
    }
    assert printed(autogen_0_7, Example("", DUMPED, ""), tmp_path, env).splitlines() == [
        "1 ['files']",
        f"True {config}",
        "no token",
        "cancelled",
        "JupyterCodeResult(exit_code=0, output='False', output_files=[])",
    ]


LIFE = """
import asyncio

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from jkg_client import ClientClosed
from jkg_client.integrations.autogen import JupyterCodeExecutor


async def run(executor, code):
    blocks = [CodeBlock(code, "python")]
    return (await executor.execute_code_blocks(blocks, CancellationToken())).output


async def twice(executor):
    for _ in range(2):
        async with executor:
            print(await run(executor, "'x' in globals()"), await run(executor, "x = 1"))


for arguments in ({"jupyter_server": "python3"}, {"timeout": 0}):
    try:
        JupyterCodeExecutor(**arguments)
    except ValueError:
        print("refused")
executor = JupyterCodeExecutor(output_dir="files")
print(executor.output_dir)
asyncio.run(run(executor, "```python\\ny = 2\\n```"))
print(asyncio.run(run(executor, "y")))
asyncio.run(executor.stop())
asyncio.run(executor.stop())
try:
    asyncio.run(run(executor, "y"))
except ClientClosed:
    print("stopped")
asyncio.run(twice(executor))
asyncio.run(executor.restart())
print(asyncio.run(run(executor, "'x' in globals()")))
asyncio.run(executor.stop())
"""


def test_a_stopped_executor_of_autogen_0_7_starts_again_in_any_event_loop(
    autogen_0_7: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    env = server_variables(gateway)
    said = printed(autogen_0_7, Example("", LIFE, ""), tmp_path, env).split()
    before = ["refused", "refused", "files", "2", "stopped"]
    assert said == [*before, "False", "False", "False"]
    with JupyterClient(gateway.connection_info) as client:
        assert client.list_kernels() == []


CANCELLED = """
import asyncio
import threading

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from jkg_client import JupyterClient, JupyterConnectionInfo
from jkg_client.integrations.autogen import JupyterCodeExecutor

ENDLESS = "print('begun')\\nwhile True: pass"


async def run(executor, code, token=None):
    blocks = [CodeBlock(code, "python")]
    return (await executor.execute_code_blocks(blocks, token or CancellationToken())).output


async def is_cancelled(running):
    done, _ = await asyncio.wait([running], timeout=20)
    return bool(done) and running.cancelled()


async def enter():
    async with JupyterCodeExecutor():
        await asyncio.sleep(60)


async def main():
    entering = asyncio.create_task(enter())
    await asyncio.sleep(0)
    entering.cancel()
    print("while it started", await is_cancelled(entering))
    for thread in threading.enumerate():
        if thread.name.startswith("jkg_client"):
            await asyncio.to_thread(thread.join, 20)
    with JupyterClient(JupyterConnectionInfo.from_env()) as client:
        print("kernels left", client.list_kernels())

    begun = asyncio.Event()
    async with JupyterCodeExecutor(on_output=lambda _: begun.set()) as executor:
        await run(executor, "x = 1")
        token = CancellationToken()
        running = asyncio.create_task(run(executor, ENDLESS, token))
        await begun.wait()
        threading.Thread(target=token.cancel).start()
        print("from a thread", await is_cancelled(running))
        running = asyncio.create_task(run(executor, "x = 2", token))
        print("with a used token", await is_cancelled(running))

        begun.clear()
        token, other = CancellationToken(), CancellationToken()
        running = asyncio.create_task(run(executor, ENDLESS, token))
        waiting = asyncio.create_task(run(executor, "x = 3", other))
        third = asyncio.create_task(run(executor, "x"))
        await begun.wait()
        other.cancel()
        print("in the queue", await is_cancelled(waiting), running.done())
        token.cancel()
        await asyncio.sleep(0)
        running.cancel()
        print("twice", await is_cancelled(running))
        print("x is", await third)


asyncio.run(main())
token = CancellationToken()
executor = JupyterCodeExecutor()
asyncio.run(run(executor, "1", token))
asyncio.run(executor.stop())
token.cancel()
print("after the loop's end")
"""


def test_a_token_of_autogen_0_7_ends_its_block_and_no_other_from_any_thread(
    autogen_0_7: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    env = server_variables(gateway)
    assert printed(autogen_0_7, Example("", CANCELLED, ""), tmp_path, env).splitlines() == [
        "while it started True",
        "kernels left []",
        "from a thread True",
        "with a used token True",
        "in the queue True False",
        "twice True",
        "x is 1",
        "after the loop's end",
    ]


TEAM = """
import asyncio
import copy
import json
import pickle

from autogen_agentchat.agents import ApprovalResponse, AssistantAgent, CodeExecutorAgent
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken, ComponentLoader
from autogen_core.code_executor import CodeBlock, CodeExecutor
from autogen_ext.models.replay import ReplayChatCompletionClient
from autogen_ext.tools.code_execution import PythonCodeExecutionTool

from jkg_client import CODE_WRITER_SYSTEM_MESSAGE
from jkg_client.integrations.autogen import JupyterCodeExecutor

SYSTEM = CODE_WRITER_SYSTEM_MESSAGE + "- Then end with the word TERMINATE.\\n"
BLOCKS = "```python\\nx = 6\\n```\\n```sh\\necho said\\n```\\n```python\\nx * 7\\n```"
FAILING = "```python\\nprint('before')\\n1/0\\n```"


def approve(request):
    return ApprovalResponse(approved="import" not in request.code, reason="no imports")


async def reply(agent, content):
    message = TextMessage(content=content, source="user")
    response = await agent.on_messages([message], CancellationToken())
    return response.chat_message.to_text()


async def main():
    async with JupyterCodeExecutor(timeout=30) as executor:
        model = ReplayChatCompletionClient([BLOCKS, FAILING, "It is 42. TERMINATE"])
        writer = AssistantAgent("code_writer", model, system_message=SYSTEM)
        runner = CodeExecutorAgent("runner", executor, approval_func=approve)
        end = TextMentionTermination("TERMINATE", sources=["code_writer"])
        team = RoundRobinGroupChat([writer, runner], termination_condition=end)
        result = await team.run(task="What is 6 * 7?")
        for message in result.messages[1:]:
            print([message.source, *message.to_text().splitlines()[:3]])
        state = json.loads(json.dumps(await team.save_state()))
        await team.reset()
        await team.load_state(state)
        print(await reply(runner, "```python\\nimport os\\n```"))

        ran = await executor.execute_code_blocks([CodeBlock("x", "python")], CancellationToken())
        print(pickle.loads(pickle.dumps(ran)) == copy.deepcopy(ran) == ran, ran.output)

        model = ReplayChatCompletionClient(["```python\\nx + 1\\n```", "Seven."])
        alone = CodeExecutorAgent("alone", executor, model_client=model, approval_func=approve)
        events = [event async for event in alone.run_stream(task="One more?")]
        print([type(event).__name__ for event in events[1:]])
        events[2].model_dump_json()
        print(events[2].result.output, events[3].content)

        dumped = PythonCodeExecutionTool(executor).dump_component()
        agent = CodeExecutorAgent("again", executor).dump_component()
    tool = PythonCodeExecutionTool.load_component(json.loads(dumped.model_dump_json()))
    async with tool._executor:
        print(await tool.run_json({"code": "print(6 * 7)"}, CancellationToken()))
    again = CodeExecutorAgent.load_component(json.loads(agent.model_dump_json()))
    async with again._code_executor:
        print(await reply(again, "```python\\n'x' in globals()\\n```"))
    config = agent.config["code_executor"]
    print(type(ComponentLoader.load_component(config, CodeExecutor)).__module__)


asyncio.run(main())
"""


def test_teams_agents_and_tools_of_autogen_0_7_share_an_executor(
    autogen_0_7: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    env = server_variables(gateway)
    failed = "The script ran, then exited with an error (POSIX exit code: 1)"
    assert printed(autogen_0_7, Example("", TEAM, ""), tmp_path, env).splitlines() == [
        "['code_writer', '```python', 'x = 6', '```']",
        "['runner', 'said', '42']",
        "['code_writer', '```python', \"print('before')\", '1/0']",
        f"['runner', {failed!r}, 'Its output was:', 'before']",
        "['code_writer', 'It is 42. TERMINATE']",
        "Code execution was not approved. Reason: no imports",
        "True 6",
        "['CodeGenerationEvent', 'CodeExecutionEvent', 'TextMessage', 'TaskResult']",
        "7 Seven.",
        "success=True output='42\\n'",
        "False",
        "jkg_client.integrations.autogen",
    ]


def test_imports_of_the_page_exist() -> None:
    imported = re.findall(r"`from jkg_client import ([\w, ]+)`", PAGE.read_text(encoding="utf-8"))
    names = {name for line in imported for name in line.split(", ")}
    assert {"CodeBlock", "DockerJupyterServer", "JupyterCodeExecutor"} <= names
    assert names <= set(jkg_client.__all__)


def test_the_page_shows_the_system_message() -> None:
    shown = textwrap.indent(CODE_WRITER_SYSTEM_MESSAGE, "    ")
    assert shown in PAGE.read_text(encoding="utf-8")


@pytest.mark.field("E10")
def test_wrong_arguments_are_named(
    autogen_0_7: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    program = wrong_arguments("autogen", "JupyterCodeExecutor")
    assert run_alone(autogen_0_7, program, gateway, tmp_path) == []
