"""Servers without a token, with a password, without answers, or with other kernel starts."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from environments import environment
from servers import HOST, KINDS, answering, jupyter_server_2, started, surroundings

from jkg_client import (
    CodeBlock,
    CodeResult,
    GatewayTimeout,
    GatewayUnauthorized,
    JupyterCodeExecutor,
    JupyterConnectionInfo,
)
from jkg_client.servers.ports import free_port

JUPYTER_SERVER = next(kind for kind in KINDS if kind.name == "js-2")
JUPYVERSE = ("jupyverse[auth]==0.14.18", "ipykernel==7.4.0")
# The hash of "secret" by jupyter_server.auth.passwd.
PASSWORD = "sha1:a1b2c3d4e5f6:2a25b4dd2ea3f3fc1b6a5dcd5a9a3d5d1fe4b5c1"


def run(info: JupyterConnectionInfo, code: str, folder: Path, **options: Any) -> CodeResult:
    with JupyterCodeExecutor(info, output_dir=folder, **options) as executor:
        return executor.execute_code_blocks([CodeBlock(code, "python")])


def without_token(info: JupyterConnectionInfo) -> dict[str, Any]:
    return {**jupyter_server_2(info), "IdentityProvider": {"token": ""}}


def with_password(info: JupyterConnectionInfo) -> dict[str, Any]:
    settings = jupyter_server_2(info)
    return {**settings, "PasswordIdentityProvider": {"hashed_password": PASSWORD}}


@pytest.mark.field("C7")
def test_a_server_without_a_token_runs_code(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    python = environment(pytestconfig, JUPYTER_SERVER.name, *JUPYTER_SERVER.requirements)
    info = JupyterConnectionInfo(HOST, use_https=False)
    with started("jupyter_server", without_token, info, python=python / "python") as address:
        assert run(evolve(address, token=None), "print(6 * 7)", tmp_path).output == "42\n"


@pytest.mark.field("C7")
def test_a_server_with_a_password_needs_a_token(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    python = environment(pytestconfig, JUPYTER_SERVER.name, *JUPYTER_SERVER.requirements)
    info = JupyterConnectionInfo(HOST, use_https=False)
    with started("jupyter_server", with_password, info, python=python / "python") as address:
        with pytest.raises(GatewayUnauthorized, match=r"needs a token of its own"):
            run(evolve(address, token=None), "print(6 * 7)", tmp_path)
        assert run(address, "print(6 * 7)", tmp_path).output == "42\n"


@pytest.mark.field("C9")
def test_a_port_that_never_answers_is_given_up_within_30_seconds(tmp_path: Path) -> None:
    begun = time.monotonic()
    with socket.create_server((HOST, 0)) as listener:
        info = JupyterConnectionInfo(HOST, False, listener.getsockname()[1])
        with pytest.raises(GatewayTimeout, match="does not answer, not even GET /api"):
            run(info, "print(6 * 7)", tmp_path)
    assert time.monotonic() - begun < 30


@pytest.mark.field("C13")
def test_jupyverse_runs_code(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    bin_folder = environment(pytestconfig, "jupyverse", *JUPYVERSE)
    info = JupyterConnectionInfo(HOST, use_https=False, port=free_port(HOST))
    command = [str(bin_folder / "jupyverse"), "--timeout", "60", "--port", str(info.port)]
    # Without its web pages, because these need JupyterLab.
    command += ["--disable", "lab", "--disable", "jupyterlab", "--set", "auth.mode=noauth"]
    env = surroundings(tmp_path, str(bin_folder / "python"))
    with answering(command, info, tmp_path, env=env):
        assert run(info, "print(6 * 7)", tmp_path).output == "42\n"
        timed_out = run(info, "while True: pass", tmp_path, timeout=2)
        assert (timed_out.exit_code, timed_out.kernel_restarted) == (124, False)
