"""The Jupyter servers of our users, each in a child process with its own environment."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,import-not-found,unused-ignore]  # from ipykernel
import pytest
from attrs import evolve, frozen
from docker_engine import require_docker
from environments import environment

from jkg_client import (
    DockerJupyterServer,
    JupyterClient,
    JupyterConnectable,
    JupyterConnectionInfo,
    JupyterHubServer,
    LocalJupyterServer,
    ServerStartError,
)
from jkg_client.client.deadline import Deadline
from jkg_client.servers.ports import free_port
from jkg_client.servers.readiness import wait_until_ready

STARTING = 90.0
"""Seconds until a server must answer."""

ENDING = 8.0
"""Seconds for a server to end, and as many again for its kernels."""

PORT_TRIES = 3
LOG_LINES = 40
HOST = "127.0.0.1"
# Variables with these prefixes are not passed on: they would configure the server.
NOT_INHERITED = ("EG_", "JUPYTER", "KERNEL_", "KG_", "PYTHON", "SSH_")

Settings = Callable[[JupyterConnectionInfo], dict[str, Any]]


@frozen
class Kind:
    """One kind of server.

    Attributes:
        name: Name in ``--servers``, in the ids of tests and in the matrix.
        requirements: Packages of its environment. Empty if it has no environment of this kind.
        module: The module that ``python -m`` runs.
        settings: Returns the configuration for an address and a token.
        base_path: Path below which the server answers.
    """

    name: str
    requirements: tuple[str, ...] = ()
    module: str = ""
    settings: Settings = lambda _: {}
    base_path: str = ""


def kernel_gateway(info: JupyterConnectionInfo) -> dict[str, Any]:
    return {"KernelGatewayApp": {**_address(info), "auth_token": info.token, "answer_yes": True}}


def enterprise_gateway(info: JupyterConnectionInfo) -> dict[str, Any]:
    # By default it starts no kernels for root, and tests in a container run as root.
    app = {**_address(info), "auth_token": info.token, "unauthorized_users": ["nobody-here"]}
    return {"EnterpriseGatewayApp": app}


def jupyter_server_1(info: JupyterConnectionInfo) -> dict[str, Any]:
    app = {
        **_address(info),
        "allow_root": True,
        "open_browser": False,
        # Milliseconds. The server disconnects a client that does not answer pings, by default
        # after 30 s. On a busy machine it may read answers late, so the limit stays at that.
        "tornado_settings": {"ws_ping_interval": 500},
    }
    return {"ServerApp": {**app, "token": info.token}}


def jupyter_server_2(info: JupyterConnectionInfo) -> dict[str, Any]:
    app = jupyter_server_1(info)["ServerApp"]
    return {"IdentityProvider": {"token": app.pop("token")}, "ServerApp": app}


def _address(info: JupyterConnectionInfo) -> dict[str, Any]:
    base_url = f"{info.base_path}/"
    return {"ip": info.host, "port": info.port, "port_retries": 0, "base_url": base_url}


LOCAL = Kind("kg-3")
CONTAINER = Kind("container")
HUB = Kind("hub-6")
ENTERPRISE = Kind(
    "eg-3.3",
    (
        "jupyter_enterprise_gateway==3.3.0",
        "jupyter_server==1.24.0",
        "jupyter_client==6.1.12",
        "ipykernel==6.29.5",
        "pyzmq==24.0.1",
    ),
    "enterprise_gateway",
    enterprise_gateway,
)
KINDS = (
    LOCAL,
    CONTAINER,
    Kind(
        "kg-2.5",
        (
            "jupyter_kernel_gateway==2.5.2",
            "notebook==6.5.7",
            "jupyter_client==7.4.9",
            "ipykernel==6.29.5",
        ),
        "kernel_gateway",
        kernel_gateway,
    ),
    Kind(
        "js-2",
        ("jupyter_server==2.21.1", "ipykernel==7.4.0"),
        "jupyter_server",
        jupyter_server_2,
        "/user/me",
    ),
    Kind(
        "js-1.24",
        (
            "jupyter_server==1.24.0",
            "jupyter_client==7.4.9",
            "ipykernel==6.29.5",
            "pyzmq==24.0.1",
            "tornado==6.2",
            "traitlets==5.9.0",
        ),
        "jupyter_server",
        jupyter_server_1,
        "/user/me",
    ),
    ENTERPRISE,
    HUB,
)


@contextmanager
def running(config: pytest.Config, kind: Kind) -> Iterator[JupyterConnectable]:
    """A server of this kind with its default limits. Our own servers have none."""
    if kind is LOCAL:
        with LocalJupyterServer() as server:
            yield server
        return
    if kind is CONTAINER:
        require_docker(config)
        with DockerJupyterServer() as server:
            yield server
        return
    if kind is HUB:
        from hubs import running_hub

        with (
            running_hub(config, prefix="/hubs/one") as hub,
            JupyterHubServer(
                hub.url, token=hub.token("a.b@example.org"), server_name="x"
            ) as server,
        ):
            yield server
        return
    python = environment(config, kind.name, *kind.requirements) / "python"
    info = JupyterConnectionInfo(HOST, use_https=False, base_path=kind.base_path)
    with started(kind.module, kind.settings, info, python=python) as address:
        yield address


@contextmanager
def started(
    module: str, settings: Settings, info: JupyterConnectionInfo, *, python: Path | None = None
) -> Iterator[JupyterConnectionInfo]:
    """Start a server. Its address is ``info`` with a free port and a new token.

    Args:
        module: The module that ``python -m`` runs.
        settings: Returns the configuration.
        info: Host and path of the server, and how to connect to it.
        python: Interpreter that has the module; None for the one that runs the tests.

    Raises:
        ServerStartError: The server does not start. The message has the end of its log.
    """
    for tries_left in reversed(range(PORT_TRIES)):
        port = free_port(info.host)
        here = evolve(info, port=port, token=secrets.token_hex(16))
        with ExitStack() as stack:
            try:
                stack.enter_context(_process(module, settings(here), here, python))
            except ServerStartError:
                if tries_left and _is_taken(info.host, port):
                    continue
                raise
            yield here
            return


def _is_taken(host: str, port: int) -> bool:
    try:
        free_port(host, port)
    except OSError:
        return True
    return False


@contextmanager
def _process(
    module: str, settings: Mapping[str, Any], info: JupyterConnectionInfo, python: Path | None
) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="jkg-server-", ignore_cleanup_errors=True) as path:
        folder = Path(path)
        interpreter = str(python or sys.executable)
        command = configured(folder, interpreter, module, settings)
        with answering(command, info, folder, env=surroundings(folder, interpreter)):
            yield


def configured(
    folder: Path, interpreter: str, module: str, settings: Mapping[str, Any]
) -> list[str]:
    """Write ``settings`` to ``folder``, and return the command that runs ``module`` with them."""
    # In a file, because everybody can read the token on a command line.
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return [interpreter, "-m", module, f"--config={folder / 'config.json'}"]


def surroundings(folder: Path, interpreter: str) -> dict[str, str]:
    """The environment of a server that keeps its files in ``folder``."""
    env = {n: v for n, v in os.environ.items() if not n.startswith(NOT_INHERITED)}
    own = {f"JUPYTER_{n}_DIR": str(folder / n.lower()) for n in ("CONFIG", "DATA", "RUNTIME")}
    path = f"{Path(interpreter).parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    return {**env, **own, "IPYTHONDIR": str(folder / "ipython"), "PATH": path}


@contextmanager
def answering(
    command: Sequence[str],
    info: JupyterConnectionInfo,
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run ``command`` in ``folder``, and wait until the Jupyter server at ``info`` answers.

    Raises:
        ServerStartError: The server does not answer. The message has the end of the log.
    """
    log_file = folder / "log"
    with (
        log_file.open("wb") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=None if env is None else dict(env),
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait(process, info, log_file)
            yield
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], info: JupyterConnectionInfo, log_file: Path) -> None:
    def ended() -> str | None:
        code = process.poll()
        return None if code is None else f"exit code {code}"

    def log_tail() -> str:
        text = log_file.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.replace(info.token or "", "[token]").splitlines()[-LOG_LINES:])

    with JupyterClient(info) as client:
        wait_until_ready(
            lambda seconds: client.list_kernel_specs(timeout_seconds=seconds),
            ended=ended,
            log_tail=log_tail,
            name=f"the server at {info.url}",
            deadline=Deadline(STARTING),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and its kernels. The kernels are in other process groups."""
    with suppress(psutil.NoSuchProcess):
        kernels = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(ENDING)
        _, left = psutil.wait_procs(kernels, ENDING)
        for kernel in left:
            with suppress(psutil.NoSuchProcess):
                kernel.kill()
