"""Deno, whose kernel says idle before the value of a cell has come."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from environments import environment
from servers import Kind, jupyter_server_2, running

from jkg_client import JupyterClient, JupyterConnectable, JupyterKernelClient

SERVER = Kind(
    "deno",
    ("jupyter_server==2.21.1", "ipykernel==7.4.0", "deno==2.9.8"),
    "jupyter_server",
    jupyter_server_2,
)
CELLS = 200
"""One in 20 has ended before its value came."""


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[JupyterConnectable]:
    programs = environment(request.config, SERVER.name, *SERVER.requirements)
    folder = programs.parent / "share" / "jupyter" / "kernels" / "deno"
    folder.mkdir(parents=True, exist_ok=True)
    argv = [str(programs / "deno"), "jupyter", "--kernel", "--conn", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Deno", "language": "typescript"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
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


@pytest.mark.field("B13")
def test_each_cell_gets_its_own_value(deno: JupyterKernelClient) -> None:
    for number in range(CELLS):
        result = deno.execute(str(number), 30)
        assert re.sub(r"\x1b\[\d+m", "", result.output) == str(number)
        assert result.late_outputs == ()
