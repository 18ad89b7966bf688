"""DockerJupyterServer on the Docker engine of this machine."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any

import docker
import pytest
from docker_engine import Dockerfiles, Servers, run, told

import jkg_client
from jkg_client import (
    AsyncJupyterCodeExecutor,
    CodeBlock,
    DockerJupyterServer,
    ImageProgress,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectionInfo,
    ServerStartError,
)

NO_TOKEN = """
import os
found = [name for name, value in os.environ.items() if name == "TOKEN" or len(value) == 64]
print(found, os.environ.get("HOME"), os.environ.get("ASKED"))
"""
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()"


# Images


def test_the_default_image_is_named_by_its_dockerfile(engine: docker.DockerClient) -> None:
    name = DockerJupyterServer.build_image()
    (image,) = (image for image in engine.images.list() if name in image.tags)
    assert re.fullmatch(r"jkg-client:[0-9a-f]{12}", name)
    assert "8888/tcp" in image.attrs["Config"]["ExposedPorts"]


@pytest.mark.pitfall(45)
def test_a_changed_dockerfile_or_copied_file_is_built_again(
    servers: Servers, dockerfiles: Dockerfiles, tmp_path: Path
) -> None:
    tags: list[str] = []
    for line in ("ENV VERSION=1", "ENV VERSION=2", "COPY version.txt .", "COPY version.txt ."):
        (tmp_path / "version.txt").write_text(str(len(tags)), encoding="utf-8")
        tags.append(DockerJupyterServer.build_image(dockerfiles(line)))
    assert len(set(tags)) == 3
    place = servers(custom_image_name=tags[-1]).get_file("version.txt", tmp_path / "copy")
    assert place.read_text(encoding="utf-8") == "3"


def test_the_custom_image_of_the_seed_draws_plots(
    servers: Servers, seeds_image: str, tmp_path: Path
) -> None:
    result = run(servers(custom_image_name=seeds_image), PLOT, output_dir=tmp_path)
    (path,) = result.output_files
    assert result.exit_code == 0
    assert Path(path).read_bytes().startswith(b"\x89PNG")


@pytest.mark.pitfall(44)
def test_a_build_reports_its_steps_and_a_failed_one_its_log(dockerfiles: Dockerfiles) -> None:
    said: list[ImageProgress] = []
    dockerfile = dockerfiles("RUN echo so far && exit 7")
    with pytest.raises(ServerStartError, match=r"(?s)non-zero code: 7.*so far"):
        DockerJupyterServer(dockerfile=dockerfile, on_progress=said.append)
    steps = [(progress.current, progress.total) for progress in said if progress.is_step]
    assert steps == [(1, 4), (2, 4), (3, 4)]
    assert "so far" in [progress.text for progress in said]


@pytest.mark.pitfall(44)
def test_a_build_is_logged_by_default(
    dockerfiles: Dockerfiles, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "jkg_client"):
        name = DockerJupyterServer.build_image(dockerfiles("ENV A=1"))
    assert caplog.messages[0] == f"building image {name}"
    assert caplog.messages[1].startswith("Step 1/4 : FROM")


def test_a_build_that_takes_too_long_is_given_up(dockerfiles: Dockerfiles) -> None:
    with pytest.raises(ServerStartError, match="cannot build image"):
        DockerJupyterServer(dockerfile=dockerfiles("RUN sleep 60"), image_timeout=2)


def test_an_event_loop_goes_on_while_an_image_is_built(
    dockerfiles: Dockerfiles, tmp_path: Path
) -> None:
    dockerfile = dockerfiles("RUN sleep 2")

    async def main() -> tuple[int, str]:
        start = asyncio.create_task(asyncio.to_thread(DockerJupyterServer, dockerfile=dockerfile))
        turns = 0
        while not start.done():
            await asyncio.sleep(0.1)
            turns += 1
        server = await start
        try:
            async with AsyncJupyterCodeExecutor(server, output_dir=tmp_path) as executor:
                result = await executor.execute_code_blocks([CodeBlock("6 * 7", "python")])
        finally:
            await asyncio.to_thread(server.stop)
        return turns, result.output

    turns, output = asyncio.run(main())
    assert turns > 5
    assert output == "42"


@pytest.mark.usefixtures("engine")
def test_the_error_for_an_unavailable_image_names_it() -> None:
    with pytest.raises(ServerStartError, match=r"cannot pull image 127\.0\.0\.1:1/nobody:1: "):
        DockerJupyterServer(custom_image_name="127.0.0.1:1/nobody:1")


# Safety


@pytest.mark.pitfall(41)
def test_only_this_machine_can_reach_a_container(
    engine: docker.DockerClient, servers: Servers
) -> None:
    server = servers()
    shown = subprocess.run(
        ["docker", "ps", "--filter", f"name={server.container_name}", "--format", "{{.Ports}}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout
    port = server.connection_info.port
    assert shown == f"127.0.0.1:{port}->8888/tcp\n"
    assert server.connection_info.host == "127.0.0.1"


def test_a_request_without_the_token_is_refused(one: DockerJupyterServer) -> None:
    info = JupyterConnectionInfo("127.0.0.1", False, one.connection_info.port)
    with JupyterClient(info) as client, pytest.raises(jkg_client.GatewayUnauthorized):
        client.list_kernel_specs()


def test_code_has_no_capability_can_gain_none_and_few_processes(one: DockerJupyterServer) -> None:
    output = run(one, "print(open('/proc/self/status').read())").output
    assert re.search(r"^CapBnd:\t0+$", output, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", output, re.MULTILINE)


def test_code_cannot_fill_the_machine_with_processes(servers: Servers) -> None:
    forks = "import os, signal\nfor _ in range(200):\n    if not os.fork(): signal.pause()"
    assert "BlockingIOError" in run(servers(pids_limit=60), forks).output


@pytest.mark.parametrize("image", ["default", "seed"])
@pytest.mark.parametrize(
    "options", [{}, {"read_only": True, "tmpfs": {"/home/jovyan": "uid=1000"}}]
)
def test_no_kernel_has_the_token_and_each_keeps_its_environment(
    servers: Servers, request: pytest.FixtureRequest, image: str, options: dict[str, Any]
) -> None:
    name = request.getfixturevalue("seeds_image") if image == "seed" else None
    server = servers(custom_image_name=name, **options)
    assert run(server, NO_TOKEN).output == "[] /home/jovyan None\n"
    assert run(server, NO_TOKEN, env={"ASKED": "for"}).output == "[] /home/jovyan for\n"
    with JupyterCodeExecutor(server) as executor:
        executor.restart()
        block = CodeBlock(NO_TOKEN, "python")
        assert executor.execute_code_blocks([block]).output == "[] /home/jovyan None\n"


@pytest.mark.pitfall(21)
def test_no_image_drops_output(servers: Servers, seeds_image: str) -> None:
    server = servers(custom_image_name=seeds_image)
    result = run(server, "for i in range(200_000): print(i)")
    assert result.output == "".join(f"{i}\n" for i in range(200_000))
    assert result.truncated is None
    room = "get_ipython().kernel.iopub_thread.socket.sndhwm"
    assert run(server, room).output == "0"


def test_an_image_that_ignores_the_token_causes_a_warning(
    servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    command = ["sh", "-c", "KG_AUTH_TOKEN= exec jupyter kernelgateway --ip=0.0.0.0 --port=8888"]
    servers(command=command)
    assert "asks for no token" in caplog.text


@pytest.mark.pitfall(47)
def test_options_of_the_user_override_the_defaults(
    engine: docker.DockerClient, servers: Servers
) -> None:
    server = servers(
        name="jkg-test-options",
        environment=["ANSWER=42"],
        docker_env={"ANSWER": "41", "QUESTION": "?"},
        labels={"team": "blue"},
        mem_limit="512m",
        nano_cpus=500_000_000,
        cap_drop=["NET_RAW"],
        pids_limit=99,
        init=False,
        hostname="box",
        ports={"8888/tcp": ("127.0.0.2", None), "9999/tcp": ("127.0.0.1", None)},
        user="1000:100",
        volumes={"jkg-test-volume": {"bind": "/data", "mode": "rw"}},
    )
    try:
        inspected = told(engine, server)
        host = inspected["HostConfig"]
        assert server.container_name == "jkg-test-options"
        assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (2**29, 500_000_000, 99)
        assert (host["CapDrop"], host["Init"]) == (["NET_RAW"], False)
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert inspected["Config"]["Labels"]["team"] == "blue"
        assert server.connection_info.host == "127.0.0.2"
        code = "import os; print(os.environ['ANSWER'], os.environ['QUESTION'], os.uname().nodename)"
        assert run(server, code).output == "42 ? box\n"
    finally:
        server.stop()
        engine.volumes.get("jkg-test-volume").remove()


def test_a_token_can_be_set_in_each_documented_way(servers: Servers) -> None:
    assert servers(token="mine").connection_info.token == "mine"
    assert servers(docker_env={"TOKEN": "theirs"}).connection_info.token == "theirs"
    server = servers(token=None)
    assert server.connection_info.token is None
    assert run(server, "print(1)").output == "1\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ip": "everywhere"}, ValueError),
        ({"port": 0}, ValueError),
        ({"startup_timeout": 0}, ValueError),
        ({"docker_env": {"A": 1}}, ValueError),
        ({"dockerfile": "no/such/Dockerfile"}, ValueError),
        ({"dockerfile": __file__, "custom_image_name": "x"}, ValueError),
        ({"work_dir": __file__}, ValueError),
        ({"docker_host": "gopher://there"}, ValueError),
        ({"docker_host": "tcp://there"}, ValueError),
        ({"memory_limit": "1g"}, TypeError),
    ],
)
def test_bad_arguments_are_refused_before_any_action(
    options: dict[str, Any], error: type[Exception]
) -> None:
    nowhere = {"docker_host": "unix:///no/engine.sock"}
    with pytest.raises(error):
        DockerJupyterServer(**{**nowhere, **options})


def test_a_container_in_an_internal_network_reaches_no_other_machine(
    engine: docker.DockerClient, servers: Servers
) -> None:
    network = engine.networks.create("jkg-test-internal", internal=True)
    code = "import socket\nsocket.create_connection((%r, 53), 3)"
    try:
        network.reload()
        here = network.attrs["IPAM"]["Config"][0]["Gateway"]
        server = servers(network="jkg-test-internal")
        assert "TimeoutError" in run(server, code % "192.0.2.1").output
        assert "Timeout" not in run(server, code % here).output
    finally:
        server.stop()
        network.remove()


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "[::1]", "localhost"])
def test_a_server_is_reached_by_the_address_family_of_its_port(servers: Servers, ip: str) -> None:
    server = servers(ip=ip)
    host = server.connection_info.host
    assert host == {"[::1]": "::1", "localhost": "127.0.0.1"}.get(ip, ip)
    assert run(server, "print(1)").output == "1\n"
