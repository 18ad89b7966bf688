"""DockerJupyterServer on Podman.

These tests share one engine, which runs until the module ends: only one can run at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker_engine import run
from engine_checks import assert_it_works, containers_of
from engines import Engine, podman_engine
from machines import require

from jkg_client import CodeBlock, DockerJupyterServer, JupyterCodeExecutor, ServerStartError

LIMIT = 30


@pytest.fixture(scope="module")
def podman(engine: docker.DockerClient) -> Iterator[Engine]:
    require("podman", "runc", "iptables", "unshare")
    with podman_engine() as podman:
        podman.load(DockerJupyterServer.build_image())
        yield podman


def test_podman_runs_servers(podman: Engine, tmp_path: Path) -> None:
    with DockerJupyterServer(docker_host=podman.unix) as server:
        assert_it_works(server, tmp_path)
        assert server.connection_info.host == "127.0.0.1"
    assert containers_of(podman) == []


def test_podman_keeps_a_container_and_finds_it_again(podman: Engine) -> None:
    options = {"docker_host": podman.unix, "container_name": "jkg-test-kept"}
    with DockerJupyterServer(stop_container=False, **options):  # type: ignore[arg-type]
        pass
    with DockerJupyterServer.attach(
        "jkg-test-kept", docker_host=podman.unix, stop_container=True
    ) as server:
        with pytest.raises(ServerStartError, match="already in use"):
            DockerJupyterServer(**options)  # type: ignore[arg-type]
        assert run(server, "print('again')").output == "again\n"
    assert containers_of(podman) == []


def test_podman_reports_why_a_server_does_not_start(podman: Engine) -> None:
    with pytest.raises(ServerStartError, match=r"(?s)ended \(exit code 3\).*\noops"):
        DockerJupyterServer(docker_host=podman.unix, command=["sh", "-c", "echo oops; exit 3"])
    assert containers_of(podman) == []


def test_podman_applies_the_memory_limit(podman: Engine) -> None:
    with (
        DockerJupyterServer(
            docker_host=podman.unix, mem_limit="300m", memswap_limit="300m"
        ) as server,
        JupyterCodeExecutor(server, timeout=LIMIT) as executor,
    ):
        code = "print('before', flush=True)\nx = b'x' * 10**9\nprint('after')"
        result = executor.execute_code_blocks([CodeBlock(code, "python")])
        assert (result.status, result.exit_code) == ("died", 137)
