"""Programs that use nbclient run notebooks on a gateway, with the commands of their users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from environments import environment, our_requirements
from frameworks import server_variables

from jkg_client import JupyterClient, JupyterConnectable
from jkg_client.testing import FakeGateway

ROOT = Path(__file__).parent.parent

RUNNING = 60.0
"""Seconds for a program."""

WHERE = "import sys; print(x + 1, sys.executable)"
HERE = f"21 {sys.executable}"
"""Output of ``WHERE`` on the gateway. A local kernel would print another interpreter."""

MANAGER = "jkg_client.integrations.nbclient.GatewayKernelManager"

PACKAGES = (
    "nbclient==0.11.0",
    "nbconvert==7.17.2",
    "testbook==0.4.2",
    "nbmake==1.5.5",
    "jupyter-cache==1.0.1",
    "myst-nb==1.4.0",
    "papermill==2.7.0",
    "jupyter-server==2.21.1",
)


@pytest.fixture(scope="module")
def folder(pytestconfig: pytest.Config) -> Path:
    """The ``bin`` folder of an environment with the programs. Some of them require ipykernel."""
    return environment(pytestconfig, "nbclient", *PACKAGES, *our_requirements("nbclient"))


@pytest.fixture
def run(folder: Path, gateway: JupyterConnectable, tmp_path: Path) -> Run:
    return Run(folder, gateway, tmp_path)


class Run:
    """Runs programs. The environment names the gateway, where they must leave no kernel."""

    def __init__(self, folder: Path, server: JupyterConnectable, here: Path) -> None:
        self.folder, self.server, self.here = folder, server, here

    def __call__(self, *command: str, status: int = 0, kept: int = 0, **env: str) -> str:
        dropped = ("JUPYTER", "PYTEST", "PYTHON")
        variables = {n: v for n, v in os.environ.items() if not n.startswith(dropped)}
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [self.folder / command[0], *command[1:]],
            env={
                **variables,
                "PATH": path,
                "PYTHONPATH": str(ROOT),
                "JUPYTER_PLATFORM_DIRS": "1",
                **server_variables(self.server),
                **env,
            },
            cwd=self.here,
            capture_output=True,
            encoding="utf-8",
            timeout=RUNNING,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        with JupyterClient(self.server.connection_info) as client:
            assert len(client.list_kernels()) == kept
        return done.stdout + done.stderr

    def python(self, code: str, **options: Any) -> list[str]:
        """The lines that a program prints."""
        program = self.here / "program.py"
        program.write_text(textwrap.dedent(code), encoding="utf-8")
        return self("python", str(program), **options).splitlines()

    def notebook(self, *cells: str, name: str = "in.ipynb") -> Path:
        """A notebook with these cells of code."""
        path = self.here / name
        path.write_text(json.dumps(notebook(*cells)), encoding="utf-8")
        return path


def notebook(*cells: str) -> dict[str, Any]:
    made: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "source": cell,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for number, cell in enumerate(cells)
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": made}


def texts(path: Path) -> list[str]:
    """The text output of each cell of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(_text(output) for output in cell.get("outputs", ())) for cell in cells]


def _text(output: dict[str, Any]) -> str:
    said = output.get("text") or output.get("data", {}).get("text/plain") or output.get("evalue")
    return "".join(said or "")


# The programs below begin with this.
RUN_CELLS = """
    import json, sys
    import nbformat
    from nbclient import NotebookClient
    from jkg_client.integrations.nbclient import GatewayKernelManager

    def run(*cells, **options):
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        client = NotebookClient(nb, kernel_manager_class=GatewayKernelManager, **options)
        try:
            client.execute()
        except Exception as exc:
            print(type(exc).__name__)
        return nb

    def show(nb):
        for cell in nb.cells:
            texts = [o.get("text") or o.get("ename") or o["data"]["text/plain"]
                     for o in cell.outputs]
            print(json.dumps([cell.execution_count, *texts]))
"""


@pytest.mark.field("N38")
def test_a_notebook_sees_its_own_cells_only_and_counts_from_one(run: Run) -> None:
    lines = run.python(f"""{RUN_CELLS}
    (open("data.txt", "w")).write("beside the notebook")
    show(run("print(In)", "open('data.txt').read()", resources={{"metadata": {{"path": "."}}}}))
    """)
    assert lines == [
        json.dumps([1, "['', 'print(In)']\n"]),
        json.dumps([2, "'beside the notebook'"]),
    ]


def test_updates_of_displays_and_output_widgets_reach_their_cell(run: Run) -> None:
    lines = run.python(f"""{RUN_CELLS}
    show(run(
        "from IPython.display import display\\nhandle = display(1, display_id=True)",
        "handle.update(2)",
        "for n in range(2000): print(n, flush=True)",
    ))
    """)
    first, second, third = map(json.loads, lines)
    assert (first, second) == ([1, "2"], [2])
    assert "".join(third[1:]) == "".join(f"{n}\n" for n in range(2000))


@pytest.mark.field("N36")
def test_a_kernel_that_dies_ends_the_notebook_and_is_deleted(run: Run) -> None:
    lines = run.python(f"""{RUN_CELLS}
    show(run("print(1)", "import os; os._exit(1)", "print(3)"))
    """)
    said = [json.loads(line) for line in lines if line.startswith("[")]
    assert "DeadKernelError" in lines
    # The kernel may die before it reports that the second cell has begun.
    assert (said[0], said[2]) == ([1, "1\n"], [None])


@pytest.mark.field("N36")
@pytest.mark.parametrize("waits", ["import time; time.sleep(60)", "await asyncio.sleep(60)"])
def test_a_cell_beyond_its_time_limit_is_interrupted_and_the_next_one_runs(
    run: Run, waits: str
) -> None:
    lines = run.python(f"""{RUN_CELLS}
    options = {{"timeout": 1, "interrupt_on_timeout": True, "allow_errors": True}}
    show(run("import asyncio; print(1)", "{waits}", "print(3)", **options))
    """)
    said = [json.loads(line) for line in lines if line.startswith("[")]
    assert said[0] == [1, "1\n"]
    assert said[2] == [3, "3\n"]


@pytest.mark.field("N36")
def test_the_error_for_a_missing_kernel_lists_the_installed_kernels(run: Run) -> None:
    lines = run.python(f"""{RUN_CELLS}
    from jkg_client.errors import KernelSpecNotFound
    try:
        NotebookClient(nbformat.v4.new_notebook(), kernel_name="nope",
                       kernel_manager_class=GatewayKernelManager).execute()
    except KernelSpecNotFound as exc:
        print(exc)
    """)
    assert "Kernel 'nope' is not installed" in lines[0]
    assert "python3" in lines[0]


@pytest.mark.field("N37")
def test_an_attached_kernel_is_not_deleted(run: Run) -> None:
    with JupyterClient(run.server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
    try:
        lines = run.python(
            f"""{RUN_CELLS}
    for _ in range(2):
        cell = nbformat.v4.new_code_cell("x = globals().get('x', 0) + 1; x")
        nb = nbformat.v4.new_notebook(cells=[cell])
        client = NotebookClient(nb, kernel_manager_class=GatewayKernelManager)
        client.execute(kernel_id={kernel_id!r})
        show(nb)
    """,
            kept=1,
        )
    finally:
        with JupyterClient(run.server.connection_info) as client:
            client.delete_kernel(kernel_id)
    assert [json.loads(line)[1] for line in lines] == ["1", "2"]


LINES = "import time\nprint('a', flush=True)\ntime.sleep(0.2)\nprint('b', flush=True)"


@pytest.mark.parametrize(
    ("where", "msg_type", "expected"),
    [
        ("cut_before", "stream", ["a\nb\n", "c\n"]),
        ("cut_after_message", "execute_input", ["a\nb\n", "c\n"]),
        # It contains no output.
        ("cut_within", "execute_input", ["a\nb\n", "c\n"]),
        (
            "cut_within",
            "stream",
            ["b\n[the connection broke, at least 1 message was lost]\n", "c\n"],
        ),
        ("cut_within", "execute_reply", ["a\nb\n[1 message was lost]\nNoReply", ""]),
    ],
)
def test_a_broken_connection_is_restored_and_losses_are_reported(
    folder: Path, tmp_path: Path, where: str, msg_type: str, expected: list[str]
) -> None:
    with FakeGateway() as fake:
        getattr(fake.faults, where)(msg_type)
        lines = Run(folder, fake, tmp_path).python(f"""{RUN_CELLS}
    show(run({LINES!r}, "print('c')"))
    """)
    said = [json.loads(line)[1:] for line in lines if line.startswith("[")]
    assert ["".join(texts) for texts in said] == expected


def test_nbconvert_executes_a_notebook(run: Run) -> None:
    run.notebook("x = 20", WHERE)
    option = f"--ExecutePreprocessor.kernel_manager_class={MANAGER}"
    command = ("jupyter-nbconvert", "--execute", "--to", "notebook", "--output", "out", option)
    run(*command, "in.ipynb")
    assert texts(run.here / "out.ipynb") == ["", f"{HERE}\n"]


def test_jupyter_execute_executes_a_notebook(run: Run) -> None:
    path = run.notebook("x = 20", WHERE)
    run.python("""
    import sys
    from nbclient.cli import main
    from jkg_client.integrations.nbclient import use_gateway

    use_gateway()
    sys.argv[1:] = ["--inplace", "in.ipynb"]
    main()
    """)
    assert texts(path) == ["", f"{HERE}\n"]


def test_testbook_tests_functions_of_a_notebook(run: Run) -> None:
    path = run.notebook("def twice(x):\n    return 2 * x", "items = [1, 2]")
    lines = run.python(f"""
    import sys
    from testbook import testbook
    from jkg_client.integrations.nbclient import use_gateway

    use_gateway()

    @testbook({str(path)!r}, execute=True)
    def check(tb):
        print(tb.ref("twice")(21), tb.ref("items")[1])
        with tb.patch("os.getcwd", return_value="patched"):
            print(tb.value("__import__('os').getcwd()"))
        print(tb.value("__import__('sys').executable"))

    check()
    """)
    assert lines == ["42 2", "patched", sys.executable]


def test_nbmake_runs_notebooks_as_tests(run: Run) -> None:
    there = f"import sys; assert sys.executable == {sys.executable!r}"
    run.notebook(there, name="good.ipynb")
    run.notebook(there, "assert 1 + 1 == 3", name="bad.ipynb")
    conftest = "from jkg_client.integrations.nbclient import use_gateway\n\nuse_gateway()\n"
    (run.here / "conftest.py").write_text(conftest, encoding="utf-8")
    said = run("pytest", "--nbmake", "-p", "no:cacheprovider", "good.ipynb", "bad.ipynb", status=1)
    assert "1 failed, 1 passed" in said
    assert "AssertionError" in said


def test_jupyter_cache_runs_the_notebooks_of_a_project(run: Run) -> None:
    path = run.notebook("x = 20", WHERE)
    lines = run.python(f"""
    from jupyter_cache import get_cache
    from jupyter_cache.executors import load_executor
    from jkg_client.integrations.nbclient import use_gateway

    use_gateway()
    cache = get_cache("cache")
    cache.add_nb_to_project({str(path)!r})
    print(len(load_executor("local-serial", cache).run_and_cache().succeeded))
    print(cache.get_cache_bundle(1).nb.cells[1].outputs[0]["text"])
    """)
    assert lines[:2] == ["1", HERE]


def test_myst_nb_runs_the_notebooks_of_a_book(run: Run) -> None:
    run.notebook("x = 20", WHERE, name="index.ipynb")
    (run.here / "conf.py").write_text(
        "from jkg_client.integrations.nbclient import use_gateway\n\nuse_gateway()\n"
        "extensions = ['myst_nb']\nnb_execution_mode = 'inline'\n"
        "nb_execution_raise_on_error = True\n",
        encoding="utf-8",
    )
    run("sphinx-build", "-q", "-b", "text", ".", "out")
    assert HERE in (run.here / "out" / "index.txt").read_text(encoding="utf-8")


def test_papermill_uses_the_kernel_manager(run: Run) -> None:
    run.notebook("x = 20", WHERE)
    run.python("""
    import papermill
    from jkg_client.integrations.nbclient import GatewayKernelManager

    papermill.execute_notebook(
        "in.ipynb", "out.ipynb", kernel_manager_class=GatewayKernelManager, progress_bar=False
    )
    """)
    assert texts(run.here / "out.ipynb") == ["", f"{HERE}\n"]


def test_nbclient_works_with_the_manager_of_jupyter_server_on_the_fake(
    folder: Path, tmp_path: Path
) -> None:
    # The client sends no token when it connects to a kernel.
    with FakeGateway(token=None) as fake:
        lines = Run(folder, fake, tmp_path).python(f"""{RUN_CELLS}
    from jupyter_server.gateway.gateway_client import GatewayClient
    from jupyter_server.gateway.managers import GatewayKernelManager

    GatewayClient.instance().init_connection_args()
    show(run("x = 20", "x + 1"))
    """)
    assert [json.loads(line) for line in lines if line.startswith("[")] == [[1], [2, "21"]]
