"""DockerJupyterServer on engines of other kinds, from inside a container, and from a registry."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
import pytest
from docker_engine import Dockerfiles, run
from engine_checks import assert_it_works, containers_of
from engines import Engine, client_of, remote_engine_with_image, rootless_engine
from machines import require
from proxy import Proxy

import jkg_client
from jkg_client import (
    CodeBlock,
    DockerJupyterServer,
    ImageProgress,
    JupyterCodeExecutor,
    JupyterConnectionInfo,
    ServerStartError,
)
from jkg_client.client.deadline import Deadline
from jkg_client.servers.ports import free_port

LIMIT = 30
LIBRARIES = "/libraries"


@pytest.fixture(scope="module")
def remote(engine: docker.DockerClient, pytestconfig: pytest.Config) -> Iterator[Engine]:
    with remote_engine_with_image(pytestconfig) as remote:
        yield remote


@pytest.fixture(scope="module")
def rootless(engine: docker.DockerClient) -> Iterator[Engine]:
    require("dockerd", "rootlesskit", "slirp4netns", "newuidmap", "runuser", "useradd")
    with rootless_engine() as rootless:
        rootless.load(DockerJupyterServer.build_image())
        yield rootless


# Docker without root


def test_a_rootless_engine_runs_servers(rootless: Engine, tmp_path: Path) -> None:
    with DockerJupyterServer(docker_host=rootless.unix) as server:
        assert_it_works(server, tmp_path)
    assert containers_of(rootless) == []


def test_limits_that_the_engine_ignores_cause_a_warning(
    rootless: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with DockerJupyterServer(docker_host=rootless.unix, mem_limit="300m") as server:
        assert run(server, "print(1)").output == "1\n"
    assert "the engine cannot limit memory, processors or processes" in caplog.messages


@pytest.mark.parametrize("name", ["there", "new"])
def test_a_rootless_engine_shares_a_directory_with_its_user(
    rootless: Engine, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    user = rootless.socket.stat().st_uid
    # Not in pytest's folder, which other users may not enter.
    with tempfile.TemporaryDirectory(dir="/tmp") as parent:
        folder = Path(parent, name)
        Path(parent).chmod(0o755)
        if name == "there":
            folder.mkdir()
            os.chown(folder, user, user)
        with DockerJupyterServer(docker_host=rootless.unix, work_dir=folder) as server:
            result = run(server, "open('f', 'w').write('there')\n!pip --version")
        # We run as root and have created the new folder. For this engine root is another user.
        assert ("cannot write" in caplog.text) == (name == "new")
        if name == "there":
            assert result.exit_code == 0
            assert (folder / "f").stat().st_uid == user


# From inside a container


@contextmanager
def container_with_us(remote: Engine, **options: Any) -> Iterator[DockerJupyterServer]:
    """A server whose kernels can use this package and the engine of the server."""
    packages = [Path(module.__file__ or "").parent for module in (jkg_client, docker)]
    shared = {
        **{str(path): {"bind": f"{LIBRARIES}/{path.name}", "mode": "ro"} for path in packages},
        str(remote.socket): {"bind": "/var/run/docker.sock", "mode": "rw"},
        **options.pop("volumes", {}),
    }
    with DockerJupyterServer(
        docker_host=remote.tcp,
        volumes=shared,
        group_add=[str(remote.socket.stat().st_gid)],
        docker_env={"PYTHONPATH": LIBRARIES},
        **options,
    ) as server:
        yield server


def inside(options: str, code: str) -> str:
    """A block that runs in a container, and there runs ``code`` in another container."""
    return f"""
from jkg_client import CodeBlock, DockerJupyterServer, JupyterCodeExecutor
with DockerJupyterServer({options}) as server, JupyterCodeExecutor(server) as executor:
    print(executor.execute_code_blocks([CodeBlock({code!r}, "python")]).output)
"""


@pytest.fixture
def network(remote: Engine) -> Iterator[str]:
    """A network on the other machine."""
    with client_of(remote.unix) as client:
        network = client.networks.create("jkg-test-own")
        yield "jkg-test-own"
        network.remove()


@pytest.mark.pitfall(43)
@pytest.mark.parametrize(
    ("by", "options"),
    [
        ("unix", {}),
        ("unix", {"network": "jkg-test-own"}),
        ("unix", {"network_mode": "host"}),
        ("unix", {"hostname": "other"}),
        ("tcp", {"network": "jkg-test-own"}),
    ],
)
def test_a_program_in_a_container_can_start_another_container(
    remote: Engine, network: str, by: str, options: dict[str, Any]
) -> None:
    there = "" if by == "unix" else f"docker_host={remote.tcp!r}"
    with container_with_us(remote, **options) as outer:
        output = run(outer, inside(there, "print('from the inner one')")).output
        assert output == "from the inner one\n\n"
        assert len(containers_of(remote)) == 1
    assert containers_of(remote) == []


def test_a_directory_that_is_mounted_in_both_is_the_same(remote: Engine, tmp_path: Path) -> None:
    os.chown(tmp_path, 1000, 100)
    volumes = {str(tmp_path): {"bind": "/data", "mode": "rw"}}
    with container_with_us(remote, volumes=volumes) as outer:
        code = inside("work_dir='/data/new/work'", "open('f', 'w').write('deep inside')")
        assert run(outer, code).exit_code == 0
        assert (tmp_path / "new/work/f").read_text("utf-8") == "deep inside"
        result = run(outer, inside("work_dir='/home/jovyan/work'", "1"))
        assert (
            "ServerStartError: /home/jovyan/work exists only in the container of this program"
            in result.output
        )
        assert len(containers_of(remote)) == 1


def test_a_container_started_by_a_removed_container_is_an_orphan(remote: Engine) -> None:
    code = """
from jkg_client import DockerJupyterServer
server = DockerJupyterServer()
print(server.container_name)
"""
    with container_with_us(remote) as outer, JupyterCodeExecutor(outer) as executor:
        name = executor.execute_code_blocks([CodeBlock(code, "python")]).output.strip()
        found = {c.name: c for c in DockerJupyterServer.containers(remote.tcp)}
        assert not found[name].is_orphan
        assert found[name].owner.endswith(f"in container {found[outer.container_name].id[:12]}")
        with client_of(remote.unix) as client:
            client.containers.get(outer.container_name).remove(force=True)
        assert DockerJupyterServer.remove_orphans(remote.tcp) == [name]
    assert containers_of(remote) == []


# From a registry


@pytest.fixture(scope="module")
def registry() -> Iterator[int]:
    """The port of a registry on this machine."""
    require("docker-registry")
    port = free_port("127.0.0.1")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "config.yml").write_text(
            f"version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {folder / 'storage'}}}}}\n"
            f"http: {{addr: '127.0.0.1:{port}'}}\n",
            encoding="utf-8",
        )
        log = stack.enter_context((folder / "log").open("wb"))
        command = ["docker-registry", "serve", str(folder / "config.yml")]
        process = stack.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
        stack.callback(process.kill)
        deadline = Deadline(LIMIT)
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (folder / "log").read_text("utf-8")
            assert not deadline.passed
            time.sleep(0.05)
        yield port


@pytest.fixture
def proxy(registry: int) -> Iterator[Proxy]:
    with Proxy(JupyterConnectionInfo("127.0.0.1", False, registry)) as proxy:
        yield proxy


@pytest.fixture
def pushed(
    engine: docker.DockerClient, registry: int, proxy: Proxy, dockerfiles: Dockerfiles
) -> Iterator[str]:
    """An image that only the registry has. The engine can pull it through the proxy."""
    lines = "RUN head --bytes=20M /dev/urandom >blob"
    local = DockerJupyterServer.build_image(dockerfiles(lines))
    repository = f"127.0.0.1:{registry}/jkg-test"
    engine.images.get(local).tag(repository, "1")
    for item in engine.images.push(repository, "1", stream=True, decode=True):
        assert "error" not in item, item
    engine.images.remove(f"{repository}:1")
    engine.images.remove(local)
    name = f"127.0.0.1:{proxy.port}/jkg-test:1"
    yield name
    with suppress(docker.errors.ImageNotFound):
        engine.images.remove(name)


def test_an_image_is_pulled_and_that_is_reported(pushed: str) -> None:
    said: list[ImageProgress] = []
    with DockerJupyterServer(custom_image_name=pushed, on_progress=said.append) as server:
        assert run(server, "import os; print(os.path.getsize('blob'))").output == f"{20 << 20}\n"
    bytes_done = [(p.current, p.total) for p in said if p.layer and p.text == "Downloading"]
    assert bytes_done
    assert all(total and total >= 20 << 20 and current for current, total in bytes_done)
    assert "Pull complete" in [progress.text for progress in said if progress.is_step]


def test_the_error_for_an_unknown_image_has_the_message_of_the_registry(pushed: str) -> None:
    unknown = pushed.removesuffix("1") + "2"
    with pytest.raises(ServerStartError, match=f"cannot pull image {re.escape(unknown)}.*unknown"):
        DockerJupyterServer(custom_image_name=unknown)


def test_a_registry_that_stalls_is_given_up(pushed: str, proxy: Proxy) -> None:
    proxy.cut_after(1 << 20, "silent")
    said: list[ImageProgress] = []
    with pytest.raises(ServerStartError, match="cannot pull image"):
        DockerJupyterServer(custom_image_name=pushed, image_timeout=5, on_progress=said.append)
    assert "Downloading" in {progress.text for progress in said}
