"""Reading and setting variables, as tests that any server must pass."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tables import rows

from jkg_client import (
    AsyncJupyterCodeExecutor,
    CodeBlock,
    JupyterCodeExecutor,
    JupyterConnectable,
    NotJsonValue,
    Output,
    Stream,
    VariableNotFound,
)
from jkg_client.client.timeouts import Timeouts


def run(executor: JupyterCodeExecutor, code: str) -> str:
    result = executor.execute_code_blocks([CodeBlock(code, "python")])
    assert result.exit_code == 0, result.output
    return result.output


VALUES = [
    *[None, True, 0, -1.5, 10**30, "", "x'\"\\\n\r\u2028\x00\x1b[31m", "grüß \U0001f600"],
    *[[], {}, [1, [2, {"a": [None]}]], {"": "x", "a b": {"c": 1}}, "x" * 1_500_000],
]


def test_a_value_that_is_set_is_the_same_when_it_is_read(executor: JupyterCodeExecutor) -> None:
    for value in VALUES:
        executor.set("x", value)
        assert executor.get("x") == value
        assert type(executor.get("x")) is type(value)


def test_code_and_program_use_the_same_variables(executor: JupyterCodeExecutor) -> None:
    executor.set("rows", [{"n": 1}, {"n": 2}])
    assert run(executor, "total = sum(row['n'] for row in rows); print(total)") == "3\n"
    assert executor.get("total") == 3
    run(executor, "pair = 1, 2")
    assert executor.get("pair") == [1, 2]


def test_variables_are_listed_with_type_and_short_value(executor: JupyterCodeExecutor) -> None:
    run(executor, "import os\nx = 6\ntext = 'a' * 500\n_private = 1\ndef f(): pass\nclass A: pass")
    listed = {variable.name: variable for variable in executor.variables()}
    assert set(listed) == {"x", "text", "f", "A"}
    assert str(listed["x"]) == "x: int = 6"
    assert len(listed["text"].value) < 100
    assert (listed["f"].value, listed["A"].type) == ("defined", "type")


def test_listing_variables_leaves_no_trace(executor: JupyterCodeExecutor) -> None:
    run(executor, "x = 1")
    before = run(executor, "print(sorted(n for n in globals() if not n.startswith('_')))")
    executor.set("x", "x" * 2_500_000)
    assert [variable.name for variable in executor.variables()] == ["x"]
    executor.get("x")
    after = run(executor, "print(sorted(n for n in globals() if not n.startswith('_')))")
    assert after == before
    assert run(executor, "import sys; print([n for n in vars(sys) if 'jkg' in n])") == "[]\n"


def test_redefined_builtin_names_do_no_harm(
    executor: JupyterCodeExecutor,
) -> None:
    run(executor, "globals = print = exec = repr = len = str = dict = list = type = None")
    executor.set("x", [1])
    assert executor.get("x") == [1]
    assert "x" in [variable.name for variable in executor.variables()]


def test_the_error_for_a_missing_variable_has_its_name(executor: JupyterCodeExecutor) -> None:
    with pytest.raises(VariableNotFound, match="no variable 'nowhere'") as caught:
        executor.get("nowhere")
    assert caught.value.name == "nowhere"
    with pytest.raises(VariableNotFound):
        executor.get("print")  # a builtin is not a variable


@rows("value", ["object()", "{1, 2}", "b'x'", "(x := []).append(x) or x"])
def test_the_error_for_a_value_that_json_cannot_express_has_its_type(
    executor: JupyterCodeExecutor, value: str
) -> None:
    run(executor, f"value = {value}")
    with pytest.raises(NotJsonValue, match=r"'value', of type \w+, cannot be read as JSON"):
        executor.get("value")
    assert run(executor, "print('usable')") == "usable\n"


BAD_NAMES: list[Any] = ["", "a b", "a.b", "x[0]", "1x", "class", None, 3, b"x", "x\n"]


def test_bad_names_and_values_are_reported_before_anything_is_sent(
    executor: JupyterCodeExecutor,
) -> None:
    executor.stop()  # otherwise it would raise ClientClosed
    for name in BAD_NAMES:
        with pytest.raises(ValueError, match=r"^name must be"):
            executor.get(name)
        with pytest.raises(ValueError, match=r"^name must be"):
            executor.set(name, 1)
    for value in [object(), {1, 2}, b"x", {"a": {2}}, {(1, 2): 3}]:
        with pytest.raises(ValueError, match=r"^value must be"):
            executor.set("x", value)


def test_the_next_result_reports_that_variables_of_a_dead_kernel_are_gone(
    executor: JupyterCodeExecutor,
) -> None:
    executor.set("x", 1)
    assert executor.execute_code_blocks([CodeBlock("import os; os._exit(3)", "python")]).exit_code
    with pytest.raises(VariableNotFound):
        executor.get("x")


def test_outputs_of_a_call_are_passed_to_its_own_function(executor: JupyterCodeExecutor) -> None:
    heard: list[Output] = []
    blocks = [CodeBlock("print('one')", "python"), CodeBlock("print('two')", "python")]
    executor.execute_code_blocks(blocks, on_output=heard.append)
    executor.execute_code_blocks(blocks)
    assert "".join(o.text for o in heard if isinstance(o, Stream)) == "one\ntwo\n"


def test_an_async_executor_reads_and_sets_variables_and_passes_on_outputs(
    server: JupyterConnectable, tmp_path: Path, timeouts: Timeouts
) -> None:
    async def main() -> None:
        heard: list[Output] = []
        async with AsyncJupyterCodeExecutor(
            server, timeout=30, output_dir=tmp_path, timeouts=timeouts
        ) as executor:
            assert await executor.language() == "python"
            await executor.set("x", [1, 2])
            block = CodeBlock("x.append(3)\nprint(x)", "python")
            await executor.execute_code_blocks([block], on_output=heard.append)
            assert await executor.get("x") == [1, 2, 3]
            assert [str(v) for v in await executor.variables()] == ["x: list = [1, 2, 3]"]
            with pytest.raises(ValueError, match=r"^name must be"):
                await executor.get("a b")
        assert [o.text for o in heard if isinstance(o, Stream)] == ["[1, 2, 3]\n"]

    asyncio.run(asyncio.wait_for(main(), 60))
