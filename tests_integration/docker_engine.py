"""The Docker engine of this machine, for the tests that need one, and servers on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Callable

import docker
import pytest
from docker.errors import NotFound
from filelock import FileLock

from jkg_client import (
    CodeBlock,
    CodeResult,
    DockerJupyterServer,
    EngineError,
    JupyterCodeExecutor,
)

Servers = Callable[..., DockerJupyterServer]
Dockerfiles = Callable[[str], Path]

SEEDS_DOCKERFILE = """
FROM quay.io/jupyter/docker-stacks-foundation

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

USER ${NB_UID}
RUN mamba install --yes jupyter_kernel_gateway ipykernel matplotlib numpy && \\
    mamba clean --all -f -y && \\
    fix-permissions "${CONDA_DIR}" && \\
    fix-permissions "/home/${NB_USER}"

ENV TOKEN="UNSET"
CMD python -m jupyter kernelgateway \\
    --KernelGatewayApp.ip=0.0.0.0 \\
    --KernelGatewayApp.port=8888 \\
    --KernelGatewayApp.auth_token="${TOKEN}" \\
    --JupyterApp.answer_yes=true \\
    --JupyterWebsocketPersonality.list_kernels=true

EXPOSE 8888

WORKDIR "${HOME}"
"""
"""The custom image of the seed page, with the line ends that the page has lost."""


def require_docker(config: pytest.Config) -> docker.DockerClient:
    """A client of the engine. Builds the default image if it is missing.

    Skips the test if there is no engine. On CI this is an error.
    """
    assert config.cache is not None
    try:
        # Not docker.from_env(): without an engine it leaves a socket open.
        DockerJupyterServer.containers()
    except EngineError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"NO DOCKER ENGINE, nothing of DockerJupyterServer is tested: {exc}")
    with FileLock(Path(config.cache.mkdir("docker")) / "lock"):
        DockerJupyterServer.build_image()
    return docker.from_env()


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Iterator[docker.DockerClient]:
    """The engine of this machine."""
    client = require_docker(pytestconfig)
    yield client
    client.close()


@pytest.fixture
def servers(engine: docker.DockerClient) -> Iterator[Servers]:
    """Starts servers, and stops them after the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(DockerJupyterServer(**options))


@pytest.fixture(scope="module")
def one(engine: docker.DockerClient) -> Iterator[DockerJupyterServer]:
    """A server with default options that tests share. They leave nothing in it."""
    with DockerJupyterServer() as server:
        yield server


@pytest.fixture(scope="module")
def seeds_image(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The custom image of the seed page. It is kept, like the default image."""
    folder = tmp_path_factory.mktemp("seed")
    (folder / "Dockerfile").write_text(SEEDS_DOCKERFILE, encoding="utf-8")
    return DockerJupyterServer.build_image(folder / "Dockerfile")


@pytest.fixture
def dockerfiles(engine: docker.DockerClient, tmp_path: Path) -> Iterator[Dockerfiles]:
    """Writes Dockerfiles based on the default image. Images built from these are removed."""
    default = DockerJupyterServer.build_image()
    before = {tag for image in engine.images.list("jkg-client") for tag in image.tags}

    def write(lines: str) -> Path:
        path = tmp_path / "Dockerfile"
        path.write_text(f"FROM {default}\nENV TEST={tmp_path.name}\n{lines}\n", encoding="utf-8")
        return path

    yield write
    after = {tag for image in engine.images.list("jkg-client") for tag in image.tags}
    for tag in after - before:
        if tmp_path.name in str(engine.images.get(tag).attrs["Config"]["Env"]):
            with suppress(NotFound):
                engine.images.remove(tag, force=True)


def run(server: DockerJupyterServer, code: str, **options: Any) -> CodeResult:
    """Run ``code`` in a new kernel."""
    with JupyterCodeExecutor(server, timeout=30, **options) as executor:
        return executor.execute_code_blocks([CodeBlock(code, "python")])


def told(engine: docker.DockerClient, server: DockerJupyterServer) -> Any:
    """The engine's description of a server's container."""
    return engine.api.inspect_container(server.container_name)
