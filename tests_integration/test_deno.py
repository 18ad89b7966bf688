"""Deno, whose kernel may send idle before the value of a cell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from environments import environment
from servers import Kind, jupyter_server_2, running

from jkg_client import (
    JupyterClient,
    JupyterConnectable,
    JupyterKernelClient,
    LocalJupyterServer,
)

SERVER = Kind(
    "deno",
    ("jupyter_server==2.21.1", "ipykernel==7.4.0", "deno==2.9.8"),
    "jupyter_server",
    jupyter_server_2,
)
CELLS = 200
"""So many, because only about one cell in 20 ends before its value has come."""


def write_spec(programs: Path) -> None:
    folder = programs.parent / "share" / "jupyter" / "kernels" / "deno"
    folder.mkdir(parents=True, exist_ok=True)
    argv = [str(programs / "deno"), "jupyter", "--kernel", "--conn", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Deno", "language": "typescript"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[JupyterConnectable]:
    programs = environment(request.config, SERVER.name, *SERVER.requirements)
    write_spec(programs)
    with running(request.config, SERVER) as server:
        yield server


@pytest.fixture
def deno(server: JupyterConnectable) -> Iterator[JupyterKernelClient]:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("deno")
        try:
            with JupyterKernelClient(client, kernel_id) as kernel:
                assert kernel.wait_for_ready(60)
                yield kernel
        finally:
            client.delete_kernel(kernel_id)


def test_a_local_server_runs_the_deno_kernel(request: pytest.FixtureRequest) -> None:
    packages = ("jupyter_kernel_gateway==3.0.1", "ipykernel==7.4.0", "deno==2.9.8")
    programs = environment(request.config, "deno-gateway", *packages)
    write_spec(programs)
    with (
        LocalJupyterServer(python=programs / "python") as server,
        server.get_client() as client,
    ):
        results = [run_one(client, name, "6 * 7") for name in ("deno", "python3")]
    assert results == ["42", "42"]


def run_one(client: JupyterClient, name: str, code: str) -> str:
    kernel_id = client.start_kernel(name)
    with JupyterKernelClient(client, kernel_id) as kernel:
        assert kernel.wait_for_ready(60)
        return kernel.execute(code, 30).output


@pytest.mark.field("B13")
def test_each_cell_gets_its_own_value(deno: JupyterKernelClient) -> None:
    for number in range(CELLS):
        result = deno.execute(str(number), 30)
        assert re.sub(r"\x1b\[\d+m", "", result.output) == str(number)
        assert result.late_outputs == ()
