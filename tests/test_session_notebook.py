"""Sessions saved as notebooks: the file contains the code and its visible outputs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from jkg_client import (
    AsyncJupyterCodeExecutor,
    CodeBlock,
    ExecutionResult,
    JupyterClient,
    JupyterCodeExecutor,
)
from jkg_client.protocol.session import Session
from jkg_client.session_file import SessionFile
from jkg_client.testing import FakeGateway


def block(code: str, language: str = "python") -> CodeBlock:
    return CodeBlock(language=language, code=code)


def cells(path: Path) -> list[dict[str, Any]]:
    document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in document["cells"]}) == len(document["cells"])
    found: list[dict[str, Any]] = document["cells"]
    return found


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def texts(cell: dict[str, Any]) -> list[str]:
    return [
        output.get("text") or output.get("ename") or output["data"]["text/plain"]
        for output in cell["outputs"]
    ]


def test_an_executor_saves_its_cells_and_the_markdown_between_them(
    fake_gateway: FakeGateway, tmp_path: Path
) -> None:
    with JupyterCodeExecutor(fake_gateway, output_dir=tmp_path) as executor:
        executor.execute_code_blocks([block("x = 20"), block("print('hi')\nx + 1")])
        executor.add_markdown("Now it fails.")
        executor.execute_code_blocks([block("1 / 0"), block("never")])
    executor.save_notebook(tmp_path / "session.ipynb")
    first, second, remark, third = cells(tmp_path / "session.ipynb")
    assert (first["source"], first["outputs"]) == ("x = 20", [])
    assert (second["execution_count"], texts(second)) == (2, ["hi\n", "21"])
    assert (remark["cell_type"], remark["source"]) == ("markdown", "Now it fails.")
    assert texts(third) == ["ZeroDivisionError"]


def test_a_kernel_client_saves_all_cells_except_silent_ones(
    fake_gateway: FakeGateway, tmp_path: Path
) -> None:
    with JupyterClient(fake_gateway.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        with client.get_kernel_client(kernel_id) as kernel:
            kernel.execute("y = 1", silent=True)
            kernel.add_markdown("# Title")
            kernel.execute("print(y)")
            kernel.save_notebook(tmp_path / "session.ipynb")
        client.delete_kernel(kernel_id)
    title, printed = cells(tmp_path / "session.ipynb")
    assert title["source"] == "# Title"
    assert texts(printed) == ["1\n"]
    document = json.loads((tmp_path / "session.ipynb").read_text(encoding="utf-8"))
    assert document["metadata"]["language_info"]["name"] == "python"


def test_a_notebook_is_kept_up_to_date_by_a_keyword(
    fake_gateway: FakeGateway, tmp_path: Path
) -> None:
    path = tmp_path / "kept.ipynb"
    with JupyterCodeExecutor(fake_gateway, output_dir=tmp_path, notebook=path) as executor:
        executor.execute_code_blocks([block("print(1)")])
        assert [texts(cell) for cell in cells(path)] == [["1\n"]]
        executor.execute_code_blocks([block("print(2)")])
    assert [texts(cell) for cell in cells(path)] == [["1\n"], ["2\n"]]
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.ipynb"]


def test_an_executor_for_event_loops_keeps_its_notebook_too(
    fake_gateway: FakeGateway, tmp_path: Path
) -> None:
    async def converse() -> None:
        executor = AsyncJupyterCodeExecutor(
            fake_gateway, output_dir=tmp_path, notebook=tmp_path / "kept.ipynb"
        )
        await executor.add_markdown("before the kernel is there")
        async with executor:
            await executor.execute_code_blocks([block("print(1)")])
        await executor.save_notebook(tmp_path / "saved.ipynb")

    asyncio.run(converse())
    kept = cells(tmp_path / "kept.ipynb")
    assert [cell["source"] for cell in kept] == ["before the kernel is there", "print(1)"]
    assert cells(tmp_path / "saved.ipynb") == kept


@pytest.mark.ipython
def test_shell_blocks_are_saved_as_shell_cells(fake_gateway: FakeGateway, tmp_path: Path) -> None:
    with JupyterCodeExecutor(fake_gateway, output_dir=tmp_path) as executor:
        executor.execute_code_blocks([block("sleep 2 &\necho on", "bash")])
        executor.save_notebook(tmp_path / "session.ipynb")
    (cell,) = cells(tmp_path / "session.ipynb")
    assert (cell["source"], texts(cell)) == ("%%bash\nsleep 2 &\necho on", ["on\n"])


def test_a_block_beyond_its_time_limit_has_a_note_after_its_output(
    fake_gateway: FakeGateway, tmp_path: Path
) -> None:
    with JupyterCodeExecutor(fake_gateway, output_dir=tmp_path) as executor:
        code = "import time\nprint('on', flush=True)\ntime.sleep(30)"
        executor.execute_code_blocks([block(code)], timeout=0.3)
        executor.save_notebook(tmp_path / "session.ipynb")
    (cell,) = cells(tmp_path / "session.ipynb")
    assert texts(cell)[0] == "on\n"
    assert texts(cell)[-1] == "ExecutionTimeout"


@pytest.mark.parametrize("notebook", ["no/such/folder/a.ipynb", "", 3])
def test_a_notebook_that_cannot_be_kept_is_refused_at_once(
    fake_gateway: FakeGateway, notebook: Any
) -> None:
    with pytest.raises(ValueError, match="notebook"):
        JupyterCodeExecutor(fake_gateway, notebook=notebook)
    with JupyterClient(fake_gateway.connection_info) as client:
        assert client.list_kernels() == []


def test_a_session_that_takes_long_to_save_is_saved_less_often(tmp_path: Path) -> None:
    times = iter([0.0, 0.0, 1.0, 5.0, 30.0, 30.0, 30.5])
    session = Session()
    file = SessionFile(session, tmp_path / "a.ipynb", now=lambda: next(times))
    for code in ("1", "2", "3"):
        session.ran(code, ExecutionResult(status="ok"))
        file.changed()
        count = len(cells(tmp_path / "a.ipynb"))
        assert count == {"1": 1, "2": 1, "3": 3}[code]


def test_the_error_for_an_unsaved_notebook_names_the_given_path(
    fake_gateway: FakeGateway, tmp_path: Path
) -> None:
    path = tmp_path / "nowhere" / "a.ipynb"
    executor = JupyterCodeExecutor(fake_gateway, output_dir=tmp_path)
    with executor, pytest.raises(FileNotFoundError) as caught:
        executor.save_notebook(path)
    assert caught.value.filename == str(path)
