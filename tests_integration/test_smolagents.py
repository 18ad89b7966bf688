"""The executor for smolagents, with the real package; a script plays the model."""

from __future__ import annotations

from pathlib import Path

import pytest
from documentation import ROOT, examples
from environments import environment, our_requirements
from frameworks import ModelServer, printed, run_alone, server_variables, wrong_arguments

from jkg_client import JupyterConnectable

(EXAMPLE,) = examples(ROOT / "docs" / "smolagents.md")

ANSWERS = [
    """\
First the numbers.
<code>
total = 0
for city in cities:
    print(city, population(city))
    total += population(city)
total
</code>
""",
    """\
Now the answer.
<code>
print("That is all.")
final_answer({"total": total, "cities": cities})
</code>
""",
]


@pytest.fixture
def python(pytestconfig: pytest.Config) -> Path:
    """The interpreter of an environment with smolagents and our requirements."""
    requirements = ["smolagents[openai]==1.26.0", *our_requirements()]
    return environment(pytestconfig, "smolagents", *requirements) / "python"


def test_the_example_of_the_page_with_an_agent_works(
    python: Path, gateway: JupyterConnectable, model: ModelServer, tmp_path: Path
) -> None:
    env = {**model.variables, **server_variables(gateway)}
    assert printed(python, EXAMPLE, tmp_path, env) == EXAMPLE.output
    assert len(model.asked) == len(ANSWERS)


BEGINNING = """
from pathlib import Path

from smolagents import CodeAgent, FinalAnswerTool, Model, Tool
from smolagents.utils import AgentError

from jkg_client.integrations.smolagents import JupyterExecutor


def said(executor, code):
    try:
        return executor(code)
    except AgentError as exc:
        return str(exc)
"""

FINAL_ANSWERS = """
with JupyterExecutor() as executor:
    executor.send_tools({"final_answer": FinalAnswerTool()})
    output = executor("print('FinalAnswerException: safe:1')\\n'safe:1'")
    print(output.is_final_answer, repr(output.output), repr(output.logs))
    output = executor("print('out')\\nfinal_answer((1, {2: b'3'}, None))")
    print(output.is_final_answer, output.output, repr(output.logs))
    executor.send_tools({"final_answer": FinalAnswerTool()})  # as each run of an agent does
    print(executor("try:\\n    final_answer('twice')\\nexcept Exception:\\n    pass").output)
    unsaid = said(executor, "print('before')\\nfinal_answer(object())")
    print(unsaid.splitlines()[0], "|", unsaid.splitlines()[-1])
    print(len(executor("final_answer('\\u00fc' * 2_000_000)").output))
    print(executor("1 + 1"))
with JupyterExecutor(max_output=1000) as executor:
    executor.send_tools({"final_answer": FinalAnswerTool()})
    output = executor("print('a' * 5000)\\nfinal_answer('b' * 5000)")
    print(len(output.logs) < 1500, len(output.output))
"""

TOOLS = """
class Times(Tool):
    name = "times"
    description = "Multiplies."
    inputs = {"number": {"type": "integer", "description": "What to multiply."}}
    output_type = "integer"

    def __init__(self, factor=2):
        super().__init__()
        self.factor = factor

    def forward(self, number):
        return self.factor * number


def of_a_server(call):
    class Anything(Times):
        def forward(self, number):
            return call(number)

    return Anything()


with JupyterExecutor() as executor:
    executor.send_tools({"times": Times(3)})
    print(executor("times(4)").output)
    try:
        executor.send_tools({"times": of_a_server(abs)})
    except ValueError:
        print("refused")
"""

FORGED = """
def forged(payload):
    lines = "class FinalAnswerException(BaseException):\\n    pass\\n"
    return f"{lines}raise FinalAnswerException({payload!r})"


TOUCH = "cposix\\nsystem\\n(S'touch touched'\\ntR."

import base64

with JupyterExecutor() as executor:
    for payload in ["pickle:" + base64.b64encode(TOUCH.encode()).decode(), TOUCH, "safe:{", ""]:
        print(said(executor, forged(payload)).partition(":")[0])
print(Path("touched").exists())
"""

VARIABLES = """
from datetime import date

from smolagents.serialization import SerializationError

sent = {"day": date(2026, 1, 2), "long": "\\u00fc\\\\'" * 400_000, "pair": (1, {2})}
with JupyterExecutor() as executor:
    names = set(executor("print(*globals())").logs.split()) | set(sent)
    executor.send_variables(sent)
    print(executor("len(long), set(long) == set('\\u00fc\\\\\\\\\\\\''), day.year, pair").output)
    more = set(executor("print(*globals())").logs.split()) - names
    print([name for name in more if "jkg" in name or not name.startswith("_")])  # _i9: IPython's
    try:
        executor.send_variables({"thing": object()})
    except SerializationError as exc:
        print(exc)
"""

SHARED = """
import threading


def send(name):
    executor.send_variables({name: name * 3_000_000})


with JupyterExecutor() as executor:
    threads = [threading.Thread(target=send, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(executor("len(a), set(a), len(b), set(b), len(c), set(c)").output)
"""

IMAGES = """
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
CODE = f\"\"\"
import base64
class Image:
    def __init__(self, data):
        self.data = data
    def __repr__(self):
        return "no image"
    def _repr_png_(self):
        return self.data
pixel = Image(base64.b64decode({PIXEL!r}))
display(pixel)
print("between")
pixel
\"\"\"
with JupyterExecutor(output_dir="images") as executor:
    output = executor(CODE)
    print(output.output.size, sorted(file.suffix for file in Path("images").iterdir()))
    first, between, last = output.logs.splitlines()
    print(Path(first.removeprefix("Image data saved to ")).parent.name, between)
    print(Path(last.removeprefix("Image data saved to ")).parent.name)
    program = "%!PS-Adobe-3.0 EPSF-3.0\\n%%BoundingBox: 0 0 1 1\\n%%EndComments\\n"
    print(executor(f"Image({program.encode()!r})").output)
    for file in Path("images").iterdir():
        file.unlink()
    Path("images").rmdir()
    Path("images").touch()
    print(executor("display(pixel)").logs.partition(" [Errno")[0])
"""

DEATH = """
class Twice(Tool):
    name = "twice"
    description = "Doubles."
    inputs = {"number": {"type": "integer", "description": "What to double."}}
    output_type = "integer"

    def forward(self, number):
        return 2 * number


with JupyterExecutor(timeout=20) as executor:
    executor.send_tools({"twice": Twice(), "final_answer": FinalAnswerTool()})
    executor.send_variables({"number": 21})
    failed = said(executor, "print('before')\\n1/0").splitlines()
    print(failed[0], "|", failed[-1])
    print(*said(executor, "number = 0\\nimport os\\nos._exit(1)").splitlines(), sep="\\n")
    print(executor("final_answer(twice(number))"))
"""

CULLED = """
from jkg_client import JupyterClient, JupyterConnectionInfo


def cull():
    with JupyterClient(JupyterConnectionInfo.from_env()) as client:
        for kernel in client.list_kernels():
            client.delete_kernel(kernel["id"])


with JupyterExecutor(timeout=20) as executor:
    executor.send_variables({"before": 1})
    cull()
    executor.send_variables({"after": 2})
    print(executor("before, after").output)
    cull()
    executor.send_tools({"final_answer": FinalAnswerTool()})
    print(executor("final_answer((before, after))").output)
"""

REFUSED = """
class Silent(Model):
    pass


agent = CodeAgent([], Silent(), name="helper", description="Helps.")
with JupyterExecutor(additional_imports=["json", "email.message"]) as executor:
    print(executor.installed_packages)
    try:
        executor.send_tools({"helper": agent})
    except ValueError as exc:
        print(exc)
    print(said(executor, "1"))
    executor("import sys\\nsys.modules['PIL'] = None")  # as if it were missing
    try:
        executor.install_packages(["PIL", "no such package"])
    except AgentError as exc:
        print(str(exc).partition(": ERROR")[0])
    executor("del sys.modules['PIL']")
executor.cleanup()
try:
    JupyterExecutor(additional_imports=["no such package"])
except AgentError:
    print("refused")
"""

RAN = "CodeOutput(output='{}', logs='', is_final_answer=False)"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(
            FINAL_ANSWERS,
            [
                r"""False "'safe:1'" 'FinalAnswerException: safe:1\n'""",
                r"True (1, {2: b'3'}, None) 'out\n'",
                "twice",
                "before | SerializationError: Cannot safely serialize object of type object",
                "2000000",
                RAN.format(2),
                "True 5000",
            ],
            id="final answers are told from what is printed, and are JSON or an error",
        ),
        pytest.param(
            FORGED,
            [*["The final answer cannot be read"] * 4, "False"],
            id="what a kernel forges is not unpickled",
        ),
        pytest.param(
            TOOLS,
            ["8", "refused"],
            id="tools are made anew from their source, or refused",
        ),
        pytest.param(
            VARIABLES,
            [
                "(1200000, True, 2026, (1, {2}))",
                "[]",
                "Cannot safely serialize object of type object",
            ],
            id="variables are JSON or an error, and leave no other names",
        ),
        pytest.param(
            SHARED,
            ["(3000000, {'a'}, 3000000, {'b'}, 3000000, {'c'})"],
            id="threads that send variables do not mix them up",
        ),
        pytest.param(
            IMAGES,
            [
                "(1, 1) ['.png', '.png']",
                "images between",
                "images",
                "no image",
                "Image data could not be saved:",
            ],
            id="an image is the value of a step, and all are saved, or not said to be",
        ),
        pytest.param(
            DEATH,
            [
                "before | ZeroDivisionError: division by zero",
                "Error: the kernel died while the code ran.",
                "Note: the kernel was restarted, variables are gone.",
                "CodeOutput(output=42, logs='', is_final_answer=True)",
            ],
            id="tools and variables are there again after the kernel died",
        ),
        pytest.param(
            CULLED,
            ["(1, 2)", "(1, 2)"],
            id="what was sent to a kernel that is gone is sent again with what comes next",
        ),
        pytest.param(
            REFUSED,
            [
                "['json', 'email.message']",
                "only tools can be sent to a kernel, not helper",
                RAN.format(1),
                "RuntimeError: pip could not install ['pillow', 'no such package']",
                "refused",
            ],
            id="agents and missing packages are refused",
        ),
    ],
)
def test_the_executor_has_the_documented_behaviour(
    python: Path, gateway: JupyterConnectable, tmp_path: Path, code: str, expected: list[str]
) -> None:
    assert run_alone(python, BEGINNING + code, gateway, tmp_path) == expected


@pytest.mark.field("E10")
def test_wrong_arguments_are_named(
    python: Path, gateway: JupyterConnectable, tmp_path: Path
) -> None:
    program = wrong_arguments(
        "smolagents", "JupyterExecutor", additional_imports=[3, "x", [3]], logger=[3]
    )
    assert run_alone(python, program, gateway, tmp_path) == []
