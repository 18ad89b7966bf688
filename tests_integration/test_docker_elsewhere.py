"""DockerJupyterServer on an engine of another machine: over tcp, over ssh, by a context."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import psutil  # type: ignore[import-untyped,import-not-found,unused-ignore]  # from ipykernel
import pytest
from docker_engine import run
from engine_checks import assert_files_go_both_ways
from engines import Engine, client_of, remote_engine_with_image

import jkg_client
from jkg_client import (
    CodeBlock,
    DockerJupyterServer,
    EngineError,
    GatewayUnreachable,
    JupyterCodeExecutor,
    ServerStartError,
)
from jkg_client.client.deadline import Deadline
from jkg_client.client.timeouts import Timeouts
from jkg_client.servers.docker.owners import OWNER

LIMIT = 30
SHORT = Timeouts(reconnect=5)
"""The client gives up soon: a container that is gone does not return at its old address."""

COUNTS = """
import time
for i in range(60):
    print(i, flush=True)
    time.sleep(1)
"""
STARTS = """
import time
from jkg_client import DockerJupyterServer
server = DockerJupyterServer(docker_host={url!r})
print(server.container_name, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def remote(engine: docker.DockerClient, pytestconfig: pytest.Config) -> Iterator[Engine]:
    """An engine elsewhere that has the default image."""
    with remote_engine_with_image(pytestconfig) as remote:
        yield remote


@pytest.fixture
def there(remote: Engine) -> Iterator[docker.DockerClient]:
    """A client of the engine elsewhere that does not use our code."""
    with client_of(remote.unix) as client:
        yield client


@pytest.fixture(autouse=True)
def _nothing_is_left(
    remote: Engine,
    there: docker.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,  # created before tempfile.tempdir changes
) -> Iterator[None]:
    """Afterwards no container is left there, and here no process or folder of a tunnel."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    with tempfile.TemporaryDirectory(prefix="jkg-", dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield
        left = there.containers.list(all=True, filters={"label": OWNER})
        ways = tunnels(remote)
        for container in left:
            container.remove(force=True)
        for process in ways:
            process.kill()
        assert (left, ways, list(Path(folder).iterdir())) == ([], [], [])


@pytest.fixture
def ssh(remote: Engine, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of the engine for ssh. The environment makes ssh find its key."""
    monkeypatch.setenv("PATH", remote.path)
    return remote.ssh


def tunnels(remote: Engine) -> list[Any]:
    """Our ssh processes to the engine's machine, oldest first: the first leads to the engine."""
    host = urlsplit(remote.ssh).hostname
    found = (p for p in psutil.process_iter(["name", "cmdline"]) if p.info["name"] == "ssh")
    ours = [process for process in found if host in (process.info["cmdline"] or ())]
    return sorted(ours, key=lambda process: float(process.create_time()))


def bound_to(there: docker.DockerClient, server: DockerJupyterServer) -> list[str]:
    told = there.api.inspect_container(server.container_name)
    return [binding["HostIp"] for binding in told["NetworkSettings"]["Ports"]["8888/tcp"]]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = Deadline(LIMIT)
    while not is_so():
        assert not deadline.passed
        time.sleep(0.05)


# By tcp


@pytest.mark.pitfall(43)
@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_by_tcp_the_port_is_published_only_at_the_address_of_the_engine(
    remote: Engine, there: docker.DockerClient, tmp_path: Path, family: str
) -> None:
    url = remote.tcp if family == "IPv4" else remote.tcp6
    with DockerJupyterServer(docker_host=url) as server:
        assert server.connection_info.host == urlsplit(url).hostname
        assert bound_to(there, server) == [server.connection_info.host]
        assert run(server, "print('hello')").output == "hello\n"
        assert_files_go_both_ways(server, tmp_path)


def test_work_dir_is_refused_on_an_engine_of_another_machine(
    remote: Engine, tmp_path: Path
) -> None:
    with pytest.raises(ServerStartError, match="the engine is on another one: use put_file"):
        DockerJupyterServer(docker_host=remote.tcp, work_dir=tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("way", ["tcp", "ssh"])
def test_the_error_has_the_last_output_of_a_remote_container(
    remote: Engine, ssh: str, way: str
) -> None:
    url = ssh if way == "ssh" else remote.tcp
    with pytest.raises(ServerStartError, match=r"(?s)ended \(exit code 3\).*\noops"):
        DockerJupyterServer(docker_host=url, command=["sh", "-c", "echo oops; exit 3"])


# By ssh


@pytest.mark.pitfall(43)
@pytest.mark.parametrize("ip", [None, "::1"])
def test_by_ssh_the_port_is_published_on_remote_loopback_and_reached_by_a_tunnel(
    remote: Engine, ssh: str, there: docker.DockerClient, tmp_path: Path, ip: str | None
) -> None:
    with DockerJupyterServer(docker_host=ssh, ip=ip) as server:
        assert server.connection_info.host == "127.0.0.1"
        assert bound_to(there, server) == [ip or "127.0.0.1"]
        assert run(server, "print('hello')").output == "hello\n"
        assert_files_go_both_ways(server, tmp_path)
        to_engine, to_server = tunnels(remote)
    assert not to_engine.is_running()
    assert not to_server.is_running()


def test_a_container_that_is_kept_is_attached_by_ssh(ssh: str) -> None:
    with DockerJupyterServer(docker_host=ssh, stop_container=False) as first:
        name = first.container_name
    with DockerJupyterServer.attach(name, docker_host=ssh, stop_container=True) as second:
        assert run(second, "print('again')").output == "again\n"


def test_tunnels_end_with_a_program_that_is_killed(remote: Engine, ssh: str) -> None:
    package = str(Path(jkg_client.__file__).parent.parent)
    with (
        tempfile.TemporaryDirectory(prefix="jkg-", dir="/tmp") as folder,
        subprocess.Popen(
            [sys.executable, "-c", STARTS.format(url=ssh)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": package, "TMPDIR": folder},
        ) as process,
    ):
        try:
            assert process.stdout is not None
            name = process.stdout.readline().strip()
            assert len(tunnels(remote)) == 2
        finally:
            process.kill()
        wait_until(lambda: not tunnels(remote))
    assert DockerJupyterServer.remove_orphans(remote.tcp) == [name]


@pytest.mark.parametrize(
    ("changed", "option", "message"),
    [
        ({"port": "1"}, "", "Connection refused"),
        ({"path": "/no/engine.sock"}, "", "open failed|No such file"),
        ({"path": "/dev/null"}, "", "open failed|refused"),
        ({}, "PubkeyAuthentication=no", r"Permission denied \(publickey\)"),
        ({}, "UserKnownHostsFile=/dev/null", "Host key verification failed"),
        ({}, "HostName=nowhere.invalid", "Could not resolve hostname"),
    ],
)
def test_the_error_has_the_output_of_ssh(
    ssh: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str],
    option: str,
    message: str,
) -> None:
    parts = urlsplit(ssh)
    port = changed.get("port", parts.port)
    url = f"ssh://{parts.username}@{parts.hostname}:{port}{changed.get('path', parts.path)}"
    if option:
        script = f'#!/bin/sh\nPATH=${{PATH#*:}} exec ssh -o {option} "$@"\n'
        (tmp_path / "ssh").write_text(script, encoding="utf-8")
        (tmp_path / "ssh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    started = time.monotonic()
    with pytest.raises(ServerStartError, match=message):
        DockerJupyterServer(docker_host=url)
    assert time.monotonic() - started < LIMIT


def test_without_ssh_a_remote_engine_is_an_error(ssh: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ServerStartError, match="cannot run ssh"):
        DockerJupyterServer(docker_host=ssh)


@pytest.mark.parametrize("which", ["the server", "the engine", "both"])
def test_a_tunnel_that_breaks_during_a_block_is_reported_in_time(
    remote: Engine, ssh: str, which: str
) -> None:
    server = DockerJupyterServer(docker_host=ssh)
    broken = {"the engine": slice(1), "the server": slice(1, 2), "both": slice(2)}[which]

    def cut() -> None:
        for process in tunnels(remote)[broken]:
            process.send_signal(signal.SIGKILL)

    code = "import time\nfor i in range(4): print(i, flush=True); time.sleep(1)"
    timer = threading.Timer(1.5, cut)
    with server, JupyterCodeExecutor(server, timeouts=SHORT) as executor:
        timer.start()
        block = CodeBlock(code, "python")
        if which == "the engine":
            assert executor.execute_code_blocks([block]).output == "0\n1\n2\n3\n"
        else:
            with pytest.raises(GatewayUnreachable) as raised:
                executor.execute_code_blocks([block])
            assert raised.value.result.output.startswith("0\n")
        timer.join()


# An engine that restarts


def test_a_restart_of_the_engine_is_reported_and_can_be_survived(remote: Engine) -> None:
    with DockerJupyterServer(docker_host=remote.tcp) as server:
        timer = threading.Timer(2, remote.restart)
        with JupyterCodeExecutor(server, timeouts=SHORT) as executor:
            timer.start()
            try:
                with pytest.raises(GatewayUnreachable) as raised:
                    executor.execute_code_blocks([CodeBlock(COUNTS, "python")])
            finally:
                timer.join()
        assert raised.value.result.output.startswith("0\n")
        with pytest.raises(EngineError, match="not running"):
            server.list_files()
    with DockerJupyterServer(docker_host=remote.tcp) as server:
        assert run(server, "print('again')").output == "again\n"


# Many


def in_use(there: docker.DockerClient) -> Any:
    """Everything that uses disk space on the engine, and the networks."""
    used = there.df()
    kinds = ("Images", "Containers", "Volumes", "BuildCache")
    layers = {image.id: image.attrs["RootFS"] for image in there.images.list(all=True)}
    networks = {network.id for network in there.networks.list()}
    return [used["LayersSize"], *(used[kind] for kind in kinds), layers, networks]


def of_this_process() -> tuple[int, int, int]:
    """Numbers of open files and sockets, of threads, and of children of this process."""
    gc.collect()
    process = psutil.Process()
    return process.num_fds(), process.num_threads(), len(process.children())


def test_twenty_servers_leave_nothing(
    remote: Engine, there: docker.DockerClient, record_property: Callable[[str, object], None]
) -> None:
    def cycle() -> None:
        with DockerJupyterServer(docker_host=remote.tcp) as server:
            assert run(server, "print(1)").output == "1\n"

    cycle()  # the first one loads what stays loaded
    before = in_use(there), of_this_process()
    started = time.monotonic()
    for _ in range(20):
        cycle()
    record_property("seconds per server", (time.monotonic() - started) / 20)
    assert (in_use(there), of_this_process()) == before


# By name


def context(folder: Path, name: str, url: str) -> None:
    """Create a context as the ``docker`` command does."""
    subprocess.run(
        ["docker", "context", "create", name, "--docker", f"host={url}"],
        env={**os.environ, "DOCKER_CONFIG": str(folder)},
        stdout=subprocess.DEVNULL,
        timeout=LIMIT,
        check=True,
    )


@pytest.mark.parametrize("way", ["DOCKER_HOST", "DOCKER_CONTEXT", "current context"])
def test_the_engine_is_the_one_that_the_docker_command_uses(
    remote: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    context(tmp_path, "elsewhere", remote.tcp)
    context(tmp_path, "nowhere", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    current = "elsewhere" if way == "current context" else "nowhere"
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": current}), "utf-8")
    if way != "current context":
        monkeypatch.setenv(way, remote.tcp if way == "DOCKER_HOST" else "elsewhere")
    with DockerJupyterServer() as server:
        assert server.connection_info.host == urlsplit(remote.tcp).hostname
        assert run(server, "print('hello')").output == "hello\n"


@pytest.mark.parametrize("way", ["DOCKER_CONTEXT", "current context"])
def test_an_unknown_docker_context_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    if way == "DOCKER_CONTEXT":
        monkeypatch.setenv(way, "no-such-context")
    current = "" if way == "DOCKER_CONTEXT" else "no-such-context"
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": current}), "utf-8")
    with pytest.raises(ServerStartError, match="context"):
        DockerJupyterServer()
