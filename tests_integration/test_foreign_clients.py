"""Clients that we did not write work with the fake gateway as with a real one.

Each runs in its own environment and reads its tasks from stdin; see ``foreign/``. The expected
results are those on kernel gateway 3.0.1, without the colours of tracebacks.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from environments import environment
from servers import jupyter_server_2, started

from jkg_client import (
    Display,
    Failure,
    JupyterClient,
    JupyterConnectionInfo,
    JupyterKernelClient,
    Output,
    Stream,
)
from jkg_client.testing import FakeGateway, RestRequest

SCRIPTS = Path(__file__).parent / "foreign"

RUNNING = 120.0
"""Seconds for all tasks of a client."""

# Colours as they stand in a text, or in the repr of a text.
COLOURS = re.compile(r"(?:\x1b|\\x1b)\[[\d;]*m")

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SHOW_IMAGE = (
    "import base64\nfrom IPython.display import HTML, Image, display\n"
    f"display(Image(data=base64.b64decode({PNG!r})))"
)
LOOP = "print('on', flush=True)\nwhile True: pass"


def traceback_of(cell: int, line: str, ename: str, evalue: str) -> list[str]:
    """The traceback of a kernel if the only line of a cell fails."""
    return [
        "-" * 75,
        ename + "Traceback (most recent call last)".rjust(75 - len(ename)),
        f"Cell In[{cell}], line 1\n----> 1 {line}\n",
        f"{ename}: {evalue}",
    ]


DIVISION = ("ZeroDivisionError", "division by zero")
UNKNOWN = ("NameError", "name 'x' is not defined")
SYNTAX = "  Cell In[{}], line 1\n    1 +\n       ^\nSyntaxError: invalid syntax\n"


def told_by(
    python: Path, script: str, info: JupyterConnectionInfo, folder: Path, **task: Any
) -> list[Any]:
    """The answers of a client, one for each task, without colours."""
    ours = {"host": info.host, "port": info.port, "token": info.token}
    env = {n: v for n, v in os.environ.items() if not n.startswith(("JUPYTER", "PYTHON"))}
    done = subprocess.run(
        [python, SCRIPTS / script],
        input=json.dumps({**ours, **task}),
        capture_output=True,
        text=True,
        timeout=RUNNING,
        cwd=folder,
        # A machine reaches itself without a proxy.
        env={**env, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [_plain(json.loads(line)) for line in done.stdout.splitlines()]


def _plain(told: Any) -> Any:
    if isinstance(told, str):
        return COLOURS.sub("", told)
    if isinstance(told, list):
        return [_plain(item) for item in told]
    if isinstance(told, dict):
        return {name: _plain(item) for name, item in told.items()}
    return told


def changes(gateway: FakeGateway) -> list[str]:
    """The requests that changed something or were refused, without the kernel's id.

    Some clients delete their kernel again when they are garbage-collected. This does not count.
    """
    return [_line(request) for request in gateway.journal.requests() if _is_news(request)]


def _is_news(request: RestRequest) -> bool:
    if request.method == "DELETE" and request.status == 404:
        return False
    is_question = request.method == "GET" and not request.path.endswith("/channels")
    return not is_question or request.status != 200


def _line(request: RestRequest) -> str:
    path = re.sub(r"/kernels/[\w-]+", "/kernels/ID", request.path)
    return f"{request.method} {path} {request.status}"


STARTED = ["POST /api/kernels 201", "GET /api/kernels/ID/channels 101"]
INTERRUPTED = "POST /api/kernels/ID/interrupt 204"
RESTARTED = "POST /api/kernels/ID/restart 200"
DELETED = "DELETE /api/kernels/ID 204"


def kernels_of(gateway: FakeGateway) -> list[dict[str, Any]]:
    with JupyterClient(gateway.connection_info) as client:
        return client.list_kernels()


@pytest.fixture(scope="session")
def autogen(pytestconfig: pytest.Config) -> Path:
    requirement = "autogen-agentchat[jupyter-executor]==0.2.40"
    return environment(pytestconfig, "autogen", requirement) / "python"


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with FakeGateway() as running:
        yield running


def autogen_error(*facts: Any) -> str:
    *_, ename, evalue = facts
    return f"ERROR: ERROR: {ename}: {evalue}\n{traceback_of(*facts)}"


# Cells of one task, and the exit code and output of AutoGen.
AUTOGEN = [
    (["print('hello')"], 0, "hello\n"),
    (["x = 6 * 7\nx"], 0, "42"),
    (["print('x is'); x"], 0, "x is\n\n42"),
    (["import sys\nprint('careful', file=sys.stderr)"], 0, "careful\n"),
    (["y = x", "y + 1"], 0, "\n43"),
    (["print('h\u00e9 \u2603', end='')"], 0, "h\u00e9 \u2603"),
    (["display({'application/json': {'a': 1}}, raw=True)"], 0, '{"a": 1}'),
    (["%%bash\necho hi"], 0, "hi\n"),
    (["1/0"], 1, autogen_error(10, "1/0", *DIVISION)),
    (
        ["1 +"],
        1,
        f"ERROR: ERROR: SyntaxError: invalid syntax (FILE, line 1)\n{[SYNTAX.format(11)]}",
    ),
]


def test_autogen_runs_cells(autogen: Path, gateway: FakeGateway, tmp_path: Path) -> None:
    steps = [*(["execute", *codes] for codes, _, _ in AUTOGEN), ["restart"], ["execute", "x"]]
    told = told_by(
        autogen, "autogen_executor.py", gateway.connection_info, tmp_path, timeout=30, steps=steps
    )
    after_restart = [1, autogen_error(1, "x", *UNKNOWN), []]
    expected = [[exit_code, output, []] for _, exit_code, output in AUTOGEN]
    # Each kernel has its own name for the file of a cell.
    seen = [[one[0], re.sub(r"\(\S+, line 1\)", "(FILE, line 1)", one[1]), one[2]] for one in told]
    assert seen == [*expected, after_restart]
    assert changes(gateway) == [*STARTED, RESTARTED, STARTED[1], DELETED]
    assert kernels_of(gateway) == []


def test_autogen_saves_images_and_html(autogen: Path, gateway: FakeGateway, tmp_path: Path) -> None:
    steps = [["execute", SHOW_IMAGE], ["execute", "HTML('<b>bold</b>')"]]
    image, page = told_by(
        autogen, "autogen_executor.py", gateway.connection_info, tmp_path, timeout=30, steps=steps
    )
    (png,), (html,) = image[2], page[2]
    shown = "<IPython.core.display.{} object>\n{} data saved to {}".format
    assert image == [0, shown("Image", "Image", png), [png]]
    assert page == [0, shown("HTML", "HTML", html), [html]]
    assert Path(png).read_bytes() == base64.b64decode(PNG)
    assert Path(html).read_text(encoding="utf-8") == "<b>bold</b>"
    assert changes(gateway) == [*STARTED, DELETED]


def test_autogen_gives_up_a_cell_and_restarts_its_kernel(
    autogen: Path, gateway: FakeGateway, tmp_path: Path
) -> None:
    steps = [["execute", LOOP], ["restart"], ["execute", "print('usable')"]]
    told = told_by(
        autogen, "autogen_executor.py", gateway.connection_info, tmp_path, timeout=4, steps=steps
    )
    given_up = "ERROR: ERROR: Timeout waiting for output from code block."
    assert told == [[1, given_up, []], [0, "usable\n", []]]
    assert changes(gateway) == [*STARTED, RESTARTED, STARTED[1], DELETED]
    assert kernels_of(gateway) == []


@pytest.mark.parametrize("token", ["autogen has another", None])
def test_autogen_without_the_token_is_refused(
    autogen: Path, gateway: FakeGateway, tmp_path: Path, token: str | None
) -> None:
    port = gateway.connection_info.port
    info = JupyterConnectionInfo("127.0.0.1", use_https=False, port=port, token=token)
    with pytest.raises(AssertionError, match="KeyError: 'kernelspecs'"):
        told_by(autogen, "autogen_executor.py", info, tmp_path, timeout=30, steps=[])
    assert changes(gateway) == ["GET /api/kernelspecs 401"]


def cell(count: int, *outputs: dict[str, Any], status: str = "ok") -> dict[str, Any]:
    return {"execution_count": count, "outputs": list(outputs), "status": status}


def printed(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def result(count: int, text: str) -> dict[str, Any]:
    data = {"text/plain": text}
    about = {"output_type": "execute_result", "execution_count": count}
    return {**about, "data": data, "metadata": {}}


def displayed(**data: str) -> dict[str, Any]:
    bundle = {f"text/{kind}": text for kind, text in data.items()}
    return {"output_type": "display_data", "data": bundle, "metadata": {}}


def failed(count: int, line: str, ename: str, evalue: str) -> dict[str, Any]:
    traceback = traceback_of(count, line, ename, evalue)
    error = {"output_type": "error", "ename": ename, "evalue": evalue, "traceback": traceback}
    return cell(count, error, status="error")


INTERRUPT = {"status": "error", "ename": "KeyboardInterrupt", "evalue": ""}
HTML_OBJECT = "<IPython.core.display.HTML object>"
INT_X = {"name": "x", "type": ["builtins", "int"], "size": None}

# A task, its cell, and the client's answer.
KERNEL_CLIENT: list[tuple[str, list[str], Any]] = [
    ("info", [], ["ok", "python"]),
    ("execute", ["print('hello')"], cell(1, printed("hello\n"))),
    (
        "execute",
        ["import sys\nprint('careful', file=sys.stderr)\nx = 6 * 7\nx"],
        cell(2, printed("careful\n", "stderr"), result(2, "42")),
    ),
    ("execute", ["1/0"], failed(3, "1/0", *DIVISION)),
    ("execute", ["x + 1"], cell(4, result(4, "43"))),
    (
        "execute",
        ["from IPython.display import HTML\ndisplay(HTML('<b>bold</b>'))"],
        cell(5, displayed(plain=HTML_OBJECT, html="<b>bold</b>")),
    ),
    ("execute", ["display('a', display_id=True).update('b')"], cell(6, displayed(plain="'b'"))),
    (
        "execute",
        ["from IPython.display import clear_output\nprint(1)\nclear_output()\nprint(2)"],
        cell(7, printed("2\n")),
    ),
    ("variables", [], [INT_X]),
    ("answer", ["input('name? ')"], cell(8, result(8, "'Bob'"))),
    ("interrupt", [LOOP], INTERRUPT),
    ("execute", ["x"], cell(10, result(10, "42"))),
    ("alive", [], [True, "idle"]),
    ("restart", [], None),
    ("execute", ["x"], failed(1, "x", *UNKNOWN)),
]


# Release 1.0 uses the default framing, release 0.8 uses v1.
@pytest.mark.parametrize("version", ["1.0.2", "0.8.0"])
def test_jupyter_kernel_client_runs_cells(
    pytestconfig: pytest.Config, tmp_path: Path, version: str
) -> None:
    requirement = f"jupyter-kernel-client=={version}"
    python = environment(pytestconfig, "kernel-client", requirement) / "python"
    steps = [[step, *codes] for step, codes, _ in KERNEL_CLIENT]
    # The client sends "Bearer …", which kernel gateways do not accept as a token.
    with FakeGateway(token=None) as gateway:
        told = told_by(python, "kernel_client.py", gateway.connection_info, tmp_path, steps=steps)
        assert told == [expected for _, _, expected in KERNEL_CLIENT]
        assert changes(gateway) == [*STARTED, INTERRUPTED, RESTARTED, DELETED]
        assert kernels_of(gateway) == []


@pytest.fixture
def jupyter_server(
    pytestconfig: pytest.Config, gateway: FakeGateway
) -> Iterator[JupyterConnectionInfo]:
    """A Jupyter server whose kernels all run on ``gateway``."""
    behind = {"url": gateway.connection_info.url, "auth_token": gateway.connection_info.token}
    python = environment(pytestconfig, "jupyter-server", "jupyter_server==2.21.1") / "python"

    def settings(info: JupyterConnectionInfo) -> dict[str, Any]:
        return {**jupyter_server_2(info), "GatewayClient": behind}

    info = JupyterConnectionInfo("127.0.0.1", use_https=False)
    with started("jupyter_server", settings, info, python=python) as address:
        yield address


# Cells, and the outputs that the client of the Jupyter server receives.
THROUGH_A_SERVER: list[tuple[str, list[Output]]] = [
    ("print('hello')", [Stream("stdout", "hello\n")]),
    (
        "import sys\nprint('careful', file=sys.stderr)\nx = 6 * 7\nx",
        [Stream("stderr", "careful\n"), Display({"text/plain": "42"}, execution_count=2)],
    ),
    ("1/0", [Failure(*DIVISION, tuple(traceback_of(3, "1/0", *DIVISION)))]),
    ("x", [Display({"text/plain": "42"}, execution_count=4)]),
]


def test_a_jupyter_server_runs_its_kernels_on_the_fake_gateway(
    jupyter_server: JupyterConnectionInfo, gateway: FakeGateway
) -> None:
    with JupyterClient(jupyter_server) as client, JupyterClient(gateway.connection_info) as fake:
        assert client.list_kernel_specs() == fake.list_kernel_specs()
        kernel_id = client.start_kernel("python3")
        assert [model["id"] for model in client.list_kernels()] == [kernel_id]
        assert [model["id"] for model in fake.list_kernels()] == [kernel_id]
        with client.get_kernel_client(kernel_id) as kernel:
            assert kernel.wait_for_ready(30)
            for code, outputs in THROUGH_A_SERVER:
                assert _outputs(kernel, code) == outputs
            _interrupt_and_restart(client, kernel)
        client.delete_kernel(kernel_id)
        assert client.list_kernels() == fake.list_kernels() == []
    # If the kernel restarts slowly, our client connects again: ignore repeated lines.
    done = list(dict.fromkeys(changes(gateway)))
    assert done == [*STARTED, INTERRUPTED, RESTARTED, DELETED]


def test_a_jupyter_server_keeps_its_sessions_on_the_fake_gateway(
    jupyter_server: JupyterConnectionInfo, gateway: FakeGateway
) -> None:
    def ask(method: str, path: str, **options: Any) -> requests.Response:
        headers = jupyter_server.all_headers
        url = f"{jupyter_server.url.rstrip('/')}/api/{path}"
        return requests.request(method, url, headers=headers, timeout=30, **options)

    asked = {"path": "a.ipynb", "type": "notebook", "kernel": {"name": "python3"}}
    session = ask("POST", "sessions", json=asked).json()
    kernel_id = session["kernel"]["id"]
    assert [kernel["id"] for kernel in kernels_of(gateway)] == [kernel_id]
    assert [one["id"] for one in ask("GET", "sessions").json()] == [session["id"]]
    logo = ask("GET", "kernelspecs").json()["kernelspecs"]["python3"]["resources"]["logo-64x64"]
    picture = requests.get(
        f"http://127.0.0.1:{jupyter_server.port}{logo}",
        headers=jupyter_server.all_headers,
        timeout=30,
    )
    assert picture.content.startswith(b"\x89PNG")
    assert ask("DELETE", f"sessions/{session['id']}").status_code == 204
    assert kernels_of(gateway) == []
    assert changes(gateway) == [STARTED[0], DELETED]


def _interrupt_and_restart(client: JupyterClient, kernel: JupyterKernelClient) -> None:
    def interrupt(output: Output) -> None:
        if isinstance(output, Stream):
            client.interrupt_kernel(kernel.kernel_id)

    stopped = kernel.execute(LOOP, 30, on_output=interrupt)
    assert stopped.outputs[0] == Stream("stdout", "on\n")
    assert stopped.failure is not None
    assert stopped.failure.ename == "KeyboardInterrupt"
    assert _outputs(kernel, "x") == [Display({"text/plain": "42"}, execution_count=6)]
    client.restart_kernel(kernel.kernel_id)
    assert kernel.wait_for_ready(30)
    assert _outputs(kernel, "x") == [Failure(*UNKNOWN, tuple(traceback_of(1, "x", *UNKNOWN)))]
    answered = kernel.execute("input('name? ')", 30, on_input=lambda _: "Bob")
    assert answered.outputs == (Display({"text/plain": "'Bob'"}, execution_count=2),)


def _outputs(kernel: JupyterKernelClient, code: str) -> list[Output]:
    outputs = kernel.execute(code, 30).outputs
    return [
        Failure(one.ename, one.evalue, tuple(_plain(list(one.traceback))))
        if isinstance(one, Failure)
        else one
        for one in outputs
    ]
