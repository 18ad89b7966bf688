"""Clients behind nginx, which rewrites a prefix and drops WebSockets silent for a second."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from behaviours import (
    test_a_kernel_deleted_by_another_program_is_replaced,
    test_a_timeout_keeps_output_and_state,
    test_a_wrong_token_is_reported_at_once,
    test_cells_of_threads_run_in_turn_and_each_gets_its_own_output,
    test_code_that_ignores_the_interrupt_is_ended_by_a_restart,
    test_hello_world_has_exactly_the_output_of_the_seed,
    test_input_requests_are_answered,
    test_rich_output_becomes_a_file_byte_for_byte,
    test_stop_deletes_the_kernel_and_may_be_called_twice,
    test_the_death_of_a_kernel_is_reported_with_its_output,
    test_the_error_for_an_unknown_kernel_lists_the_installed_ones,
)
from servers import answering, kernel_gateway, started

from jkg_client import (
    CodeBlock,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectionInfo,
    JupyterKernelClient,
    NotAGateway,
)
from jkg_client.client.deadline import Deadline
from jkg_client.servers.ports import free_port

__all__ = [
    "test_a_kernel_deleted_by_another_program_is_replaced",
    "test_a_timeout_keeps_output_and_state",
    "test_a_wrong_token_is_reported_at_once",
    "test_cells_of_threads_run_in_turn_and_each_gets_its_own_output",
    "test_code_that_ignores_the_interrupt_is_ended_by_a_restart",
    "test_hello_world_has_exactly_the_output_of_the_seed",
    "test_input_requests_are_answered",
    "test_rich_output_becomes_a_file_byte_for_byte",
    "test_stop_deletes_the_kernel_and_may_be_called_twice",
    "test_the_death_of_a_kernel_is_reported_with_its_output",
    "test_the_error_for_an_unknown_kernel_lists_the_installed_ones",
]

CONFIGURATION = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    # A common configuration: Host names the server behind nginx.
    server {{
        listen 127.0.0.1:{plain_port};
        location / {{
            proxy_pass http://127.0.0.1:{upstream_port};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }}
    }}
    server {{
        listen 127.0.0.1:{port};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        location /some/prefix/ {{
            rewrite ^/some/prefix/(.*)$ {upstream_path}/$1 break;
            proxy_pass http://127.0.0.1:{upstream_port};
            location ~ /channels$ {{
                rewrite ^/some/prefix/(.*)$ {upstream_path}/$1 break;
                proxy_pass http://127.0.0.1:{upstream_port};
                proxy_set_header Host $http_host;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection upgrade;
                proxy_read_timeout 1s;
            }}
        }}
    }}
}}
"""
DROPPING = 20.0
"""Seconds in which the gateway must notice that nginx has dropped the connection."""


@pytest.fixture(scope="module", params=["", "/its/own"], ids=["at the root", "below a path"])
def gateway(request: pytest.FixtureRequest) -> Iterator[JupyterConnectionInfo]:
    """The gateway behind nginx, without a prefix or with its own prefix."""
    info = JupyterConnectionInfo("127.0.0.1", use_https=False, base_path=request.param)
    with started("kernel_gateway", kernel_gateway, info) as running:
        yield running


@pytest.fixture(scope="module")
def plain_port() -> int:
    return free_port("127.0.0.1")


@pytest.fixture(scope="module")
def server(
    gateway: JupyterConnectionInfo, plain_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterConnectionInfo]:
    # Debian has nginx in a folder that only root's PATH contains.
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if nginx is None:
        missing = "nginx is missing: apt-get install --no-install-recommends nginx-light"
        # On CI a missing program is an error. Contributors may run the tests without it.
        if "CI" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("nginx")
    info = evolve(gateway, port=free_port("127.0.0.1"), base_path="/some/prefix")
    configuration = CONFIGURATION.format(
        port=info.port,
        plain_port=plain_port,
        upstream_port=gateway.port,
        upstream_path=gateway.base_path,
    )
    (folder / "nginx.conf").write_text(configuration, encoding="utf-8")
    command = [nginx, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    with answering(command, info, folder):
        yield info


@pytest.mark.field("C2")
def test_a_proxy_that_changes_the_host_does_not_cause_a_refusal(
    server: JupyterConnectionInfo,
    gateway: JupyterConnectionInfo,
    plain_port: int,
    tmp_path: Path,
) -> None:
    info = evolve(server, port=plain_port, base_path=gateway.base_path)
    with JupyterCodeExecutor(info, output_dir=tmp_path) as executor:
        result = executor.execute_code_blocks([CodeBlock("print(6 * 7)", "python")])
    assert result.output == "42\n"


def _wait_until_dropped(server: JupyterConnectionInfo, kernel_id: str) -> None:
    deadline = Deadline(DROPPING)
    with JupyterClient(server) as client:
        while client.get_kernel(kernel_id)["connections"]:
            assert not deadline.passed, "nginx has dropped nothing"
            time.sleep(0.1)


@pytest.mark.pitfall(1, 28)
def test_after_the_proxy_dropped_the_connection_the_next_cell_runs_once(
    server: JupyterConnectionInfo, kernel: JupyterKernelClient
) -> None:
    kernel.execute("runs = 0", 20)
    for run in ("1\n", "2\n"):
        _wait_until_dropped(server, kernel.kernel_id)
        result = kernel.execute("runs += 1\nprint(runs)", 20)
        assert (result.status, result.output, result.truncated) == ("ok", run, None)


def test_a_cell_with_a_silence_beyond_the_proxy_timeout_is_complete(
    kernel: JupyterKernelClient,
) -> None:
    code = "import time\nfor i in range(3):\n    print(i, flush=True)\n    time.sleep(1.5)"
    result = kernel.execute(code, 30)
    assert (result.status, result.output) == ("ok", "0\n1\n2\n")


def test_a_prefix_that_the_proxy_does_not_know_is_reported(server: JupyterConnectionInfo) -> None:
    with (
        JupyterClient(evolve(server, base_path="/other")) as client,
        pytest.raises(NotAGateway, match=r"/other is not a Jupyter server.*base_path right"),
    ):
        client.list_kernel_specs()
