"""Widgets of ipywidgets that capture the outputs of a cell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from environments import environment, our_requirements

from jkg_client import JupyterClient, JupyterKernelClient, LocalJupyterServer

CASES = [
    (
        "print('own')\nwith out:\n print('old')\n clear_output()\n print('new')\nprint('end')",
        "own\nnew\nend\n",
    ),
    ("print('own')\nout.clear_output()", "own\n"),
    ("print('own')\nwith out:\n    print('in it')\nout.clear_output()\nprint('end')", "own\nend\n"),
    ("out.append_stdout('a\\n')\nout.append_stdout('b\\n')\nprint('end')", "a\nb\nend\n"),
]


@pytest.fixture(scope="module")
def kernel(request: pytest.FixtureRequest) -> Iterator[JupyterKernelClient]:
    needed = our_requirements("local")
    programs = environment(request.config, "widgets", *needed, "ipywidgets==8.1.7")
    with (
        LocalJupyterServer(python=programs / "python") as server,
        JupyterClient(server.connection_info) as client,
        JupyterKernelClient(client, client.start_kernel("python3")) as kernel,
    ):
        assert kernel.wait_for_ready(60)
        kernel.execute("import ipywidgets\nfrom IPython.display import clear_output", 60)
        yield kernel


@pytest.mark.field("B10")
@pytest.mark.parametrize(("code", "shown"), CASES)
def test_clearing_a_widget_keeps_outputs_of_the_cell(
    kernel: JupyterKernelClient, code: str, shown: str
) -> None:
    result = kernel.execute(f"out = ipywidgets.Output()\n{code}", 30)
    assert (result.status, result.output) == ("ok", shown)


@pytest.mark.field("B10")
def test_an_exception_in_a_widget_does_not_fail_the_cell(kernel: JupyterKernelClient) -> None:
    result = kernel.execute("out = ipywidgets.Output()\nwith out:\n    1 / 0\nprint('end')", 30)
    assert (result.status, result.failure) == ("ok", None)
    assert "ZeroDivisionError" in result.output
    assert result.output.endswith("end\n")


@pytest.mark.field("B10")
def test_output_of_interact_is_shown(kernel: JupyterKernelClient) -> None:
    code = "def twice(x):\n    print('x is', x)\n    return 2 * x\nipywidgets.interact(twice, x=5);"
    result = kernel.execute(code, 30)
    assert result.status == "ok"
    assert "x is 5\n10" in result.output
