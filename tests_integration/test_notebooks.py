"""Notebooks on a real gateway and in embedded kernels, by our functions, papermill and jkg."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from embedded import SpecWriter, spec
from notebook_behaviours import *  # noqa: F403
from notebooks import PYTHON, all_shown, code, kernel_ids, markdown, notebook, read, shown

from jkg_client import (
    JupyterConnectable,
    NotebookError,
    NotebookKernelDied,
    NotebookTimeout,
    run_notebook,
)
from jkg_client.embedded.kernels import LocalKernels

__all__ = ["spec"]

BIN = Path(sys.executable).parent
STATES = "application/vnd.jupyter.widget-state+json"
SLEEP = "import time\nprint('on', flush=True)\ntime.sleep(60)"

Runner = Callable[..., "subprocess.CompletedProcess[str]"]


def test_an_embedded_kernel_runs_a_notebook(tmp_path: Path) -> None:
    given = notebook("import os; os.getcwd()", "1/0", "print(3)")
    with LocalKernels() as kernels:
        for server in (kernels, None):
            ran = run_notebook(given, server, cwd=tmp_path, allow_errors=True)
            assert all_shown(ran) == [[repr(str(tmp_path))], ["ZeroDivisionError"], ["3\n"]]
        death = notebook("1", "import os; os._exit(1)", "3")
        with pytest.raises(NotebookKernelDied, match="exit code 1"):
            run_notebook(death, kernels)
        assert kernels.kernel_ids == []


@pytest.mark.field("N8")
@pytest.mark.parametrize(
    ("argv", "kind"),
    [(["sleep", "60"], NotebookTimeout), (["/no/such/program"], NotebookKernelDied)],
)
def test_a_kernel_that_does_not_start_is_reported_and_ended(
    spec: SpecWriter, tmp_path: Path, argv: list[str], kind: type[NotebookError]
) -> None:
    path = tmp_path / "out.ipynb"
    given = notebook(code("1", execution_count=9), "2")
    with LocalKernels() as kernels:
        with pytest.raises(kind) as caught:
            run_notebook(given, kernels, kernel_name=spec(argv), start_timeout=1, output=path)
        assert kernels.kernel_ids == []
    assert (caught.value.cell, caught.value.number) == (None, None)
    assert [cell.execution_count for cell in read(path).cells] == [None, None]


@pytest.mark.field("N12", "N31")
def test_displays_are_updated_in_place(server: JupyterConnectable) -> None:
    ran = run_notebook(
        notebook(
            "from IPython.display import clear_output, display, update_display\n"
            "display('a', display_id='d');",
            "display('b', display_id='d');",
            "update_display('c', display_id='d')",
            "print('a'); clear_output(wait=True)",
            "print('a'); clear_output(wait=True); print('b')",
            "display('q', display_id='z'); clear_output(); update_display('r', display_id='z')",
        ),
        server,
    )
    assert all_shown(ran) == [["'c'"], ["'c'"], [], ["a\n"], ["b\n"], []]


@pytest.mark.field("N32")
def test_an_output_widget_contains_its_captured_output(
    server: JupyterConnectable, tmp_path: Path
) -> None:
    path = tmp_path / "out.ipynb"
    cells = (
        "from ipywidgets import Output\no = Output()\no",
        "with o: print('in')\nprint('outside')",
        "o.outputs[0]['text']",
    )
    run_notebook(notebook(*cells), server, output=path)
    saved = read(path)
    assert all_shown(saved)[1:] == [["outside\n"], ["'in\\n'"]]
    models = saved.metadata.widgets[STATES].state
    view = saved.cells[0].outputs[0].data["application/vnd.jupyter.widget-view+json"]
    assert shown(models[view.model_id].state) == ["in\n"]


@pytest.mark.field("N38")
def test_the_history_holds_the_notebook_only(server: JupyterConnectable, tmp_path: Path) -> None:
    ran = run_notebook(notebook("print(In)"), server, cwd=tmp_path)
    assert all_shown(ran) == [["['', 'print(In)']\n"]]


@pytest.mark.field("N39")
def test_an_environment_variable_for_the_kernel_is_passed_on(server: JupyterConnectable) -> None:
    ran = run_notebook(notebook("import os; os.environ['KERNEL_X']"), server, env={"KERNEL_X": "y"})
    assert shown(ran.cells[0]) == ["'y'"]


@pytest.fixture
def papermill(server: JupyterConnectable, tmp_path: Path) -> Runner:
    """Runs a notebook by papermill with our engine on the server."""
    info = server.connection_info
    env = {
        **os.environ,
        "JUPYTER_GATEWAY_URL": info.url,
        "JUPYTER_GATEWAY_AUTH_TOKEN": info.token or "",
    }

    def run(node: Any, *words: str, until: str = "", number: int = 0) -> Any:
        (tmp_path / "in.ipynb").write_text(json.dumps(node), "utf-8")
        command = [str(BIN / "papermill"), "--engine", "jkg", "in.ipynb", "out.ipynb", *words]
        with subprocess.Popen(
            command,
            cwd=tmp_path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            if until:
                _wait_for(tmp_path / "out.ipynb", until)
                process.send_signal(number)
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    return run


def _wait_for(path: Path, text: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and text in json.dumps(all_shown(json.loads(path.read_text("utf-8")))):
            return
        threading.Event().wait(0.1)
    raise AssertionError(f"{text!r} was not saved")


def statuses(node: Any) -> list[Any]:
    """Papermill's status of each code cell."""
    return [c.metadata.papermill.status for c in node.cells if c.cell_type == "code"]


@pytest.mark.field("N11", "N18", "N20", "N23", "N41", "N42")
def test_papermill_runs_a_notebook_with_parameters(papermill: Runner, tmp_path: Path) -> None:
    spec = {"name": "python3", "display_name": "P"}
    given = notebook(markdown("# m"), "x", kernelspec=spec, language_info=PYTHON["language_info"])
    done = papermill(given, "-p", "x", "nan", "--log-output")
    assert done.returncode == 0, done.stderr
    saved = read(tmp_path / "out.ipynb")
    assert shown(saved.cells[-1]) == ["nan"]
    assert statuses(saved) == ["completed", "completed"]
    assert saved.cells[1].metadata == {}
    assert saved.metadata.kernelspec.language == "python"
    assert "\r" not in done.stderr


@pytest.mark.field("N1", "N7", "N9", "N15")
def test_papermill_gets_the_right_status_of_each_cell(papermill: Runner, tmp_path: Path) -> None:
    path = tmp_path / "out.ipynb"
    rows: list[tuple[str, tuple[str, ...], int, list[str], Any]] = [
        ("import os; os._exit(1)", (), 1, ["completed", "failed", "pending"], True),
        (SLEEP, ("--execution-timeout", "1"), 1, ["completed", "failed", "pending"], True),
        ("import sys; sys.exit(0)", (), 0, ["completed", "completed", "pending"], None),
    ]
    for source, words, status, told, exception in rows:
        done = papermill(notebook("1", source, "3"), *words)
        assert done.returncode == status, done.stderr
        saved = read(path)
        assert statuses(saved) == told
        assert saved.metadata.papermill.exception is exception
        assert ("papermill-error-cell" in path.read_text("utf-8")) is (status == 1)
    expected = papermill(notebook(code("1/0", "raises-exception"), "print(2)"))
    assert (expected.returncode, statuses(read(path))) == (0, ["completed", "completed"])
    assert "papermill-error-cell" not in path.read_text("utf-8")


@pytest.mark.field("N43")
def test_papermill_writes_only_the_notebook_to_stdout(
    server: JupyterConnectable, tmp_path: Path
) -> None:
    info = server.connection_info
    env = {**os.environ, "JUPYTER_GATEWAY_URL": info.url}
    done = subprocess.run(
        [str(BIN / "papermill"), "--engine", "jkg", "--log-output", "-", "-"],
        input=json.dumps(notebook("print('é')", "2")),
        env={**env, "JUPYTER_GATEWAY_AUTH_TOKEN": info.token or ""},
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    assert all_shown(json.loads(done.stdout)) == [["é\n"], ["2"]]


@pytest.mark.field("N3", "N4")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_papermill_and_the_notebook_is_saved(
    server: JupyterConnectable, papermill: Runner, tmp_path: Path, number: int
) -> None:
    before = kernel_ids(server)
    words = ("--autosave-cell-every", "1")
    done = papermill(notebook("1", _ticking(), "3"), *words, until="tick", number=number)
    saved = read(tmp_path / "out.ipynb")
    assert done.returncode == 128 + number
    assert statuses(saved) == ["completed", "failed", "pending"]
    assert "tick" in shown(saved.cells[1])[0]
    assert kernel_ids(server) == before


def _ticking() -> str:
    return "import time\nfor i in range(300):\n print('tick', flush=True)\n time.sleep(0.2)"


@pytest.mark.field("N3", "N5")
def test_jkg_run_saves_the_outputs_so_far(server: JupyterConnectable, tmp_path: Path) -> None:
    info = server.connection_info
    env = {**os.environ, "JUPYTER_GATEWAY_URL": info.url, "JKG_TOKEN": info.token or ""}
    (tmp_path / "in.ipynb").write_text(json.dumps(notebook("1", _ticking(), "3")), "utf-8")
    before, path = kernel_ids(server), tmp_path / "out.ipynb"
    command = [str(BIN / "jkg"), "run", "in.ipynb", "-o", "out.ipynb"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE) as process:
        _wait_for(path, "tick")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert shown(read(path).cells[1])[-1] == "KeyboardInterrupt"
    assert shown(read(path).cells[2]) == []
    assert kernel_ids(server) == before


@pytest.mark.field("N6")
def test_a_file_is_complete_at_any_time_and_after_a_kill(
    server: JupyterConnectable, tmp_path: Path
) -> None:
    info = server.connection_info
    env = {**os.environ, "JUPYTER_GATEWAY_URL": info.url, "JKG_TOKEN": info.token or ""}
    path = tmp_path / "n.ipynb"
    grows = "for i in range(100):\n print('x' * 100_000, flush=True)"
    path.write_text(json.dumps(notebook(grows, grows, grows, SLEEP)), "utf-8")
    command = [str(BIN / "jkg"), "run", str(path), "-o", str(path)]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
        sizes = set()
        deadline = time.monotonic() + 90
        while '"on\\n"' not in (text := path.read_text("utf-8")):
            assert time.monotonic() < deadline
            json.loads(text)
            sizes.add(len(text))
        process.kill()
    assert len(sizes) > 2
    assert shown(read(path).cells[3]) == ["on\n"]
