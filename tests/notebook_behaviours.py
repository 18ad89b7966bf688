"""Behaviour of ``run_notebook`` that users can rely on, on the server of the fixture ``server``."""

from __future__ import annotations

import asyncio
import io
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from notebooks import all_shown, code, kernel_ids, markdown, notebook, read, shown

from jkg_client import (
    CellProgress,
    JupyterClient,
    JupyterConnectable,
    KernelSpecNotFound,
    NotebookError,
    NotebookKernelDied,
    NotebookTimeout,
    run_notebook,
    run_notebook_async,
)

SLEEP = "import time\nprint('on', flush=True)\ntime.sleep(60)"


def failed(error: type[NotebookError], *args: Any, **options: Any) -> NotebookError:
    with pytest.raises(error) as caught:
        run_notebook(*args, **options)
    return caught.value


def test_a_notebook_runs_from_a_path_a_file_and_an_object(
    server: JupyterConnectable, tmp_path: Path
) -> None:
    given = notebook("x = 1", markdown("# text"), "x + 1")
    path = tmp_path / "in.ipynb"
    path.write_text(json.dumps(given), "utf-8")
    for source in (path, str(path), io.BytesIO(path.read_bytes()), given):
        ran = run_notebook(source, server)
        assert all_shown(ran) == [[], [], ["2"]]
        assert [cell.get("execution_count") for cell in ran.cells] == [1, None, 2]
        assert "shell.execute_reply" in ran.cells[2].metadata.execution
    assert given == notebook("x = 1", markdown("# text"), "x + 1")


def test_the_file_has_the_returned_notebook(server: JupyterConnectable, tmp_path: Path) -> None:
    path = tmp_path / "out.ipynb"
    ran = run_notebook(notebook("print('é')"), server, output=path)
    assert shown(read(path).cells[0]) == ["é\n"]
    assert json.loads(path.read_text("utf-8"))["cells"][0]["outputs"][0]["text"] == ["é\n"]
    assert ran.metadata.language_info.name == "python"
    assert [file.name for file in tmp_path.iterdir()] == ["out.ipynb"]


@pytest.mark.field("N1", "N2", "N34", "N37")
def test_a_kernel_that_dies_stops_the_notebook(server: JupyterConnectable, tmp_path: Path) -> None:
    before, path = kernel_ids(server), tmp_path / "out.ipynb"
    # If a kernel ends at once, messages that it has not sent yet may be lost.
    death = "import os, time\nprint('last', flush=True)\ntime.sleep(0.3)\nos._exit(1)"
    error = failed(NotebookKernelDied, notebook("print(1)", death, "print(3)"), server, output=path)
    assert (error.status, error.number, error.exit_code) == ("died", 1, 137)
    assert all_shown(read(path)) == [["1\n"], ["last\n", "KernelDied"], []]
    assert read(path).cells[2].execution_count is None
    assert kernel_ids(server) == before


@pytest.mark.field("N2")
def test_no_cell_runs_on_the_kernel_that_replaces_a_dead_one(
    server: JupyterConnectable,
) -> None:
    later = "import os, threading\nthreading.Timer(0.3, os._exit, (1,)).start()\nx = 1"
    error = failed(NotebookKernelDied, notebook(later, SLEEP, "print('x' in dir())"), server)
    assert error.number == 1
    assert shown(error.notebook.cells[2]) == []


@pytest.mark.field("N5", "N34")
def test_an_error_has_the_notebook_the_cell_and_its_traceback(
    server: JupyterConnectable, tmp_path: Path
) -> None:
    path = tmp_path / "out.ipynb"
    given = notebook(code("x = 1", "parameters"), "print(x)", "1/0", "print(3)")
    error = failed(NotebookError, given, server, output=path, parameters={"x": 2})
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert (one.status, one.number, one.index, one.exit_code) == ("error", 2, 3, 1)
        assert one.source == one.cell.source == "1/0"
        assert "ZeroDivisionError: division by zero" in one.traceback
        assert all_shown(one.notebook) == [[], [], ["2\n"], ["ZeroDivisionError"], []]
    assert all_shown(read(path))[3:] == [["ZeroDivisionError"], []]


def test_errors_may_be_allowed(server: JupyterConnectable) -> None:
    ran = run_notebook(notebook("1/0", "print(2)"), server, allow_errors=True)
    assert all_shown(ran) == [["ZeroDivisionError"], ["2\n"]]


@pytest.mark.field("N7", "N35")
def test_a_cell_beyond_its_time_limit_is_a_timeout_and_not_an_interrupt(
    server: JupyterConnectable,
) -> None:
    error = failed(NotebookTimeout, notebook("1", SLEEP, "3"), server, cell_timeout=0.3)
    assert (error.status, error.number, error.exit_code) == ("timeout", 1, 124)
    assert all_shown(error.notebook) == [["1"], ["on\n", "TimeoutError"], []]
    assert "KeyboardInterrupt" not in json.dumps(error.notebook)


@pytest.mark.field("N35")
def test_the_limit_of_a_notebook_is_for_all_cells_together(server: JupyterConnectable) -> None:
    wait = "import time; time.sleep(0.35)"
    error = failed(NotebookTimeout, notebook(wait, wait), server, timeout=0.65)
    assert (error.number, "limit of 0.65 seconds for the notebook" in str(error)) == (1, True)
    assert all_shown(error.notebook) == [[], ["TimeoutError"]]


@pytest.mark.field("N35")
def test_metadata_of_a_cell_may_limit_it(server: JupyterConnectable) -> None:
    cell = code(SLEEP, metadata={"execution": {"timeout": 0.3}})
    error = failed(NotebookTimeout, notebook(cell), server, cell_timeout=60)
    assert error.cell.metadata.execution.timeout == 0.3


@pytest.mark.field("N9")
def test_a_cell_that_is_tagged_may_fail(server: JupyterConnectable) -> None:
    ran = run_notebook(notebook(code("1/0", "raises-exception"), "print(2)"), server)
    assert all_shown(ran) == [["ZeroDivisionError"], ["2\n"]]


@pytest.mark.field("N10", "N40")
def test_outputs_of_an_earlier_run_are_removed_except_in_skipped_cells(
    server: JupyterConnectable,
) -> None:
    stale: dict[str, Any] = {
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "STALE"}],
        "execution_count": 9,
    }
    given = notebook(
        code("1/0", **stale),
        code("2", **stale),
        code("3", "skip-execution", **stale),
        code("", **stale),
    )
    error = failed(NotebookError, given, server)
    assert all_shown(error.notebook) == [["ZeroDivisionError"], [], ["STALE"], []]
    counts = [cell.execution_count for cell in error.notebook.cells]
    assert counts == [1, None, 9, None]


@pytest.mark.field("N40")
def test_cells_with_only_a_comment_count_and_empty_cells_do_not(server: JupyterConnectable) -> None:
    ran = run_notebook(notebook("", "  \n", "# c", "2"), server)
    assert [cell.execution_count for cell in ran.cells] == [None, None, 1, 2]


@pytest.mark.field("N15")
@pytest.mark.parametrize("end", ["import sys; sys.exit(0)", "import sys; sys.exit()"])
def test_a_notebook_may_end_itself_by_an_exit(server: JupyterConnectable, end: str) -> None:
    ran = run_notebook(notebook("print(1)", end, "print(3)"), server)
    assert all_shown(ran) == [["1\n"], [], []]
    assert ran.cells[2].execution_count is None


@pytest.mark.ipython
@pytest.mark.field("N15")
def test_a_notebook_may_end_itself_by_the_exit_of_ipython(server: JupyterConnectable) -> None:
    ran = run_notebook(notebook("exit()", "print(2)"), server)
    assert (all_shown(ran), ran.cells[1].execution_count) == ([[], []], None)


@pytest.mark.field("N15")
def test_an_exit_with_a_status_is_an_error_with_that_status(server: JupyterConnectable) -> None:
    error = failed(NotebookError, notebook("import sys; sys.exit(3)", "2"), server)
    assert (error.exit_code, all_shown(error.notebook)) == (3, [["SystemExit"], []])


@pytest.mark.ipython
@pytest.mark.field("N16")
def test_a_shell_line_may_fail_and_a_shell_cell_may_not(server: JupyterConnectable) -> None:
    error = failed(NotebookError, notebook("!exit 3", "%%bash\nexit 3", "3"), server)
    assert (error.number, error.exit_code) == (1, 3)
    assert all_shown(error.notebook) == [[], ["CalledProcessError"], []]


@pytest.mark.ipython
@pytest.mark.field("N16")
def test_an_error_without_an_output_is_shown(server: JupyterConnectable) -> None:
    error = failed(NotebookError, notebook("%nosuchmagic", "2"), server)
    assert shown(error.cell)[-1] == "UsageError"


@pytest.mark.field("N17")
@pytest.mark.parametrize("metadata", [{"x": 1}, {"language_info": {"name": "python"}}])
def test_a_notebook_without_a_kernel_name_gets_a_kernel(
    server: JupyterConnectable, caplog: pytest.LogCaptureFixture, metadata: dict[str, Any]
) -> None:
    ran = run_notebook(notebook("1", **metadata), server)
    assert shown(ran.cells[0]) == ["1"]
    assert ran.metadata.kernelspec.name == "python3"
    assert "names no kernel" in caplog.text


@pytest.mark.field("N17")
def test_a_notebook_of_format_3_runs(server: JupyterConnectable, tmp_path: Path) -> None:
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {
                        "cell_type": "code",
                        "input": ["1 + 1"],
                        "language": "python",
                        "metadata": {},
                        "outputs": [],
                        "collapsed": False,
                    }
                ],
            }
        ],
    }
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps(old), "utf-8")
    run_notebook(path, server, output=path)
    assert shown(read(path).cells[0]) == ["2"]


@pytest.mark.field("N18")
def test_the_language_of_parameters_comes_from_the_server(server: JupyterConnectable) -> None:
    given = notebook(
        code("x = 1", "parameters"), "x", kernelspec={"name": "python3", "display_name": "P"}
    )
    assert shown(run_notebook(given, server, parameters={"x": 5}).cells[2]) == ["5"]


@pytest.mark.field("N19")
def test_the_only_kernel_of_a_language_replaces_a_missing_kernel(
    server: JupyterConnectable, caplog: pytest.LogCaptureFixture
) -> None:
    spec = {"name": "py37env", "display_name": "P", "language": "python"}
    ran = run_notebook(notebook("1", kernelspec=spec), server)
    assert ran.metadata.kernelspec.name == "python3"
    assert "py37env" in caplog.text


@pytest.mark.field("N19")
def test_a_missing_kernel_is_reported_before_anything_runs(
    server: JupyterConnectable, tmp_path: Path
) -> None:
    before, path = kernel_ids(server), tmp_path / "out.ipynb"
    spec = {"name": "cobol", "display_name": "C", "language": "cobol"}
    for name in ("nosuch", None):
        with pytest.raises(KernelSpecNotFound, match=r"where the notebook runs; .*python3"):
            run_notebook(notebook("1", kernelspec=spec), server, output=path, kernel_name=name)
    assert (kernel_ids(server), path.exists()) == (before, False)


@pytest.mark.field("N20")
def test_the_file_names_the_kernel_that_ran_it(server: JupyterConnectable) -> None:
    spec = {"name": "old", "display_name": "Old", "language": "cobol"}
    given = notebook("1", kernelspec=spec, language_info={"name": "cobol"})
    metadata = run_notebook(given, server, kernel_name="python3").metadata
    assert (metadata.kernelspec.name, metadata.language_info.name) == ("python3", "python")


@pytest.mark.field("N11", "N21")
def test_parameters_keep_their_types(server: JupyterConnectable, tmp_path: Path) -> None:
    values = {
        "day": date(2026, 11, 28),
        "pair": (1, 2),
        "money": Decimal("1.10"),
        "table": {1: {2}},
        "raw": b"\x00",
        "none": None,
        "gone": float("nan"),
    }
    names = ", ".join(values)
    path = tmp_path / "out.ipynb"
    given = notebook(code(f"{' = '.join(values)} = 0", "parameters"), names)
    run_notebook(given, server, parameters=values, output=path)
    told = shown(read(path).cells[2])[0].replace("\n", "")
    assert told == repr(tuple(values.values()))


@pytest.mark.field("N24")
def test_parameters_come_after_the_first_tagged_code_cell(server: JupyterConnectable) -> None:
    given = notebook(
        markdown("m", "parameters"),
        code("x = 1", "parameters"),
        code("y = 1", "parameters"),
        "x, y",
    )
    ran = run_notebook(given, server, parameters={"x": 2, "y": 2})
    assert ran.cells[2].metadata.tags == ["injected-parameters"]
    assert shown(ran.cells[4]) == ["(2, 1)"]
    again = run_notebook(ran, server, parameters={"x": 3})
    assert [cell.source for cell in again.cells][2] == "# Parameters\nx = 3\n"
    assert len(again.cells) == 5


@pytest.mark.field("N24", "N25")
def test_old_parameters_cause_a_warning_and_can_be_removed(
    server: JupyterConnectable, caplog: pytest.LogCaptureFixture
) -> None:
    ran = run_notebook(notebook("print('x' in dir())"), server, parameters={"x": 1})
    assert ran.cells[0].metadata.tags == ["injected-parameters"]
    assert "no code cell has the tag 'parameters'" in caplog.text
    caplog.clear()
    assert shown(run_notebook(ran, server).cells[1]) == ["True\n"]
    assert "earlier run" in caplog.text
    assert all_shown(run_notebook(ran, server, parameters={})) == [["False\n"]]


@pytest.mark.field("N27")
@pytest.mark.parametrize(
    "given",
    [
        {"secret_parameters": {"key": "hunter2"}},
        {"parameters": {"key": "hunter2"}, "secret_parameters": ["key"]},
    ],
)
def test_secrets_are_used_and_not_saved(
    server: JupyterConnectable, tmp_path: Path, given: dict[str, Any]
) -> None:
    path, seen = tmp_path / "out.ipynb", set[str]()

    def look(_: CellProgress) -> None:
        seen.add(path.read_text("utf-8"))

    cells = (code("key = ''", "parameters"), "print(len(key))")
    ran = run_notebook(notebook(*cells), server, output=path, on_cell=look, **given)
    seen.update((path.read_text("utf-8"), json.dumps(ran)))
    assert shown(ran.cells[2]) == ["7\n"]
    assert not any("hunter2" in text for text in seen)
    assert "'******'" in ran.cells[1].source


@pytest.mark.field("N33")
def test_an_input_request_is_refused_at_once_or_answered(server: JupyterConnectable) -> None:
    asks = notebook("input('name? ')", "print('on')")
    ran = run_notebook(asks, server, allow_errors=True)
    assert all_shown(ran) == [["StdinNotImplementedError"], ["on\n"]]
    answered = run_notebook(asks, server, on_input=lambda question: f"<{question.prompt}>")
    assert shown(answered.cells[0]) == ["'<name? >'"]


@pytest.mark.field("N37")
def test_a_running_kernel_is_kept(server: JupyterConnectable) -> None:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        run_notebook(notebook("x = 1"), server, kernel_id=kernel_id)
        assert shown(run_notebook(notebook("x"), server, kernel_id=kernel_id).cells[0]) == ["1"]
        assert kernel_id in kernel_ids(server)
        client.delete_kernel(kernel_id)


@pytest.mark.field("N37")
def test_a_started_kernel_is_always_deleted(server: JupyterConnectable) -> None:
    before = kernel_ids(server)

    def refuse(_: CellProgress) -> None:
        raise RuntimeError("no")

    run_notebook(notebook("1"), server)
    failed(NotebookError, notebook("1/0"), server)
    with pytest.raises(RuntimeError, match="no"):
        run_notebook(notebook("1"), server, on_cell=refuse)
    with pytest.raises(ValueError, match="cwd"):
        run_notebook(notebook("1"), server, cwd="/no/such/folder")
    assert kernel_ids(server) == before


@pytest.mark.field("N38", "N39")
def test_the_code_runs_in_cwd_and_cwd_defines_no_variable(
    server: JupyterConnectable, tmp_path: Path
) -> None:
    ran = run_notebook(notebook("import os; os.getcwd()", "sorted(set(dir()) - {'os'})"), server)
    there = run_notebook(notebook("import os; os.getcwd()", *["sorted(set(dir()) - {'os'})"]),
                         server, cwd=tmp_path)  # fmt: skip
    assert shown(there.cells[0]) == [repr(str(tmp_path))]
    assert there.cells[0].execution_count == 1
    assert shown(there.cells[1]) == shown(ran.cells[1])


@pytest.mark.field("N13")
def test_final_wait_waits_for_output_of_threads(server: JupyterConnectable) -> None:
    # Without flush, ipykernel sends the output of a thread up to 0.2 s later.
    late = "import threading\nthreading.Timer(0.1, print, ('late',), {'flush': True}).start()"
    assert all_shown(run_notebook(notebook(late), server, final_wait=0.6)) == [["late\n"]]


@pytest.mark.field("N30")
def test_adjacent_texts_of_one_stream_are_one_output(server: JupyterConnectable) -> None:
    bar = "for i in range(5): print(f'\\r{i}', end='', flush=True)"
    both = (
        "import sys\nfor i in range(2):\n"
        " print(i, flush=True)\n print(i, file=sys.stderr, flush=True)"
    )
    ran = run_notebook(notebook(bar, both), server)
    assert all_shown(ran) == [["\r0\r1\r2\r3\r4"], ["0\n", "0\n", "1\n", "1\n"]]


@pytest.mark.field("N14")
def test_many_small_outputs_are_complete(server: JupyterConnectable) -> None:
    ran = run_notebook(notebook("for i in range(1000): print('x' * 99, flush=True)"), server)
    assert shown(ran.cells[0]) == [("x" * 99 + "\n") * 1000]


@pytest.mark.field("N14")
def test_dropped_output_is_reported(server: JupyterConnectable) -> None:
    given = notebook("print('x' * 5000)", "2")
    error = failed(NotebookError, given, server, max_output=1000)
    assert (error.status, error.number) == ("incomplete", 0)
    assert "4001 characters" in shown(error.notebook.cells[0])[-1]
    assert shown(error.notebook.cells[1]) == ["2"]


@pytest.mark.field("N45")
def test_a_notebook_runs_inside_a_running_loop(server: JupyterConnectable) -> None:
    async def main() -> list[list[Any]]:
        return all_shown(run_notebook(notebook("print(1)"), server))

    assert asyncio.run(main()) == [["1\n"]]


@pytest.mark.field("N45")
def test_parallel_runs_do_not_mix(server: JupyterConnectable, tmp_path: Path) -> None:
    def run(number: int) -> list[list[Any]]:
        path = tmp_path / f"{number}.ipynb"
        run_notebook(notebook(f"x = {number}", "print(x)"), server, output=path)
        return all_shown(read(path))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, range(8))) == [[[], [f"{number}\n"]] for number in range(8)]


def test_run_notebook_async_returns_the_same_notebook(server: JupyterConnectable) -> None:
    states: list[tuple[str, int, int]] = []
    there = threading.get_ident()

    def told(progress: CellProgress) -> None:
        assert threading.get_ident() == there
        states.append((progress.state, progress.done, progress.total))

    ran = asyncio.run(run_notebook_async(notebook("print(1)", "2"), server, on_cell=told))
    assert all_shown(ran) == [["1\n"], ["2"]]
    assert states == [("running", 0, 2), ("ok", 1, 2), ("running", 1, 2), ("ok", 2, 2)]


def test_a_cancelled_task_ends_the_kernel_and_saves(
    server: JupyterConnectable, tmp_path: Path
) -> None:
    before, path = kernel_ids(server), tmp_path / "out.ipynb"

    async def main() -> None:
        begun = asyncio.Event()

        def told(progress: CellProgress) -> None:
            if progress.index == 1:
                begun.set()

        cells = notebook("print(1)", "import time; time.sleep(60)", "3")
        task = asyncio.ensure_future(run_notebook_async(cells, server, output=path, on_cell=told))
        await asyncio.wait_for(begun.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert kernel_ids(server) == before
    assert all_shown(read(path)) == [["1\n"], ["KeyboardInterrupt"], []]
