from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from tables import rows

from jkg_client import (
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectionInfo,
    LocalJupyterServer,
)
from jkg_client.servers import launcher
from jkg_client.servers.child import Place
from jkg_client.servers.settings import GatewaySettings
from jkg_client.testing import FakeGateway

BIN = str(Path(os.sep, "env", "bin"))
SETTINGS = GatewaySettings(
    python=str(Path(BIN, "python")),
    cwd=None,
    env={},
    log_file=None,
    log_level="WARNING",
    log_max_bytes=1000,
    log_backup_count=2,
)
PLACE = Place(folder=Path("folder"), log_file=Path("there.log"))


def told(token: str | None) -> Any:
    address = JupyterConnectionInfo("::1", use_https=False, port=1234, token=token)
    return json.loads(SETTINGS.line("::", address, PLACE))


def test_no_file_beside_the_launcher_can_hide_a_library(
    tmp_path: Path,
) -> None:
    python, script = SETTINGS.command(evolve(PLACE, folder=tmp_path))
    assert python == SETTINGS.python
    assert {path.name for path in Path(script).parent.iterdir()} == {
        "__main__.py",
        "queue_limits.py",
    }


@pytest.mark.parametrize("name", ["__main__.py", "queue_limits.py"])
def test_the_launcher_needs_nothing_of_this_package(name: str) -> None:
    assert "import jkg_client" not in launcher.source(name)
    assert "from jkg_client" not in launcher.source(name)
    assert "from ." not in launcher.source(name)


# One row for each rule: our environment, the variables of the user, the gateway's environment.
@rows(
    ("environ", "added", "expected"),
    [
        ({"PATH": "/usr/bin"}, {}, {"PATH": f"{BIN}{os.pathsep}/usr/bin"}),
        ({}, {}, {"PATH": f"{BIN}{os.pathsep}{os.defpath}"}),
        ({"PATH": "a"}, {"PATH": "b"}, {"PATH": f"{BIN}{os.pathsep}b"}),
        ({"PATH": "a", "X": "1"}, {"X": "2"}, {"PATH": f"{BIN}{os.pathsep}a", "X": "2"}),
        (
            {"PATH": "a", "KG_AUTH_TOKEN": "s", "JKG_TOKEN": "s"},
            {},
            {"PATH": f"{BIN}{os.pathsep}a"},
        ),
        (
            {"PATH": "a", "JUPYTER_GATEWAY_HTTP_PWD": "s", "JUPYTER_GATEWAY_HEADERS": "{}"},
            {"JUPYTERHUB_API_TOKEN": "meant for the code"},
            {"PATH": f"{BIN}{os.pathsep}a", "JUPYTERHUB_API_TOKEN": "meant for the code"},
        ),
        ({"PATH": "a"}, {"KG_AUTH_TOKEN": "s"}, {"PATH": f"{BIN}{os.pathsep}a"}),
    ],
)
def test_the_environment_of_the_gateway_keeps_these_rules(
    environ: dict[str, str], added: dict[str, str], expected: dict[str, str]
) -> None:
    assert evolve(SETTINGS, env=added).environment(environ) == expected


def test_an_interpreter_is_found_from_the_current_directory_not_from_cwd() -> None:
    relative = str(Path("env", "python"))
    assert evolve(SETTINGS, python=relative, cwd="elsewhere").python == str(
        Path(relative).absolute()
    )
    assert evolve(SETTINGS, python="python3").python == "python3"


@pytest.mark.parametrize(("token", "sent"), [("secret", "secret"), (None, "")])
def test_the_launcher_receives_the_token(token: str | None, sent: str) -> None:
    assert told(token)["token"] == sent


# From the kernel gateway's documentation of its options.
def test_the_launcher_receives_all_settings_of_the_address() -> None:
    gateway = told("secret")["config"]["KernelGatewayApp"]
    assert (gateway["ip"], gateway["port"], gateway["port_retries"]) == ("::", 1234, 0)
    assert (gateway["base_url"], gateway["certfile"], gateway["log_level"]) == ("/", None, 30)


def test_the_settings_for_the_launcher_are_one_line() -> None:
    address = JupyterConnectionInfo("127.0.0.1", use_https=False, port=1, token="x")
    place = evolve(PLACE, log_file=Path("a\nb.log"))
    assert "\n" not in SETTINGS.line("127.0.0.1", address, place)


@pytest.mark.skipif(os.name != "posix", reason="no unix sockets for ZeroMQ")
def test_kernels_use_unix_sockets_if_the_path_is_short() -> None:
    def transport(folder: str) -> object:
        place = evolve(PLACE, folder=Path(folder))
        address = JupyterConnectionInfo("127.0.0.1", use_https=False, port=1, token="x")
        line = SETTINGS.line("127.0.0.1", address, place)
        return json.loads(line)["config"].get("KernelManager")

    assert transport("/tmp/jkg-12345678") == {"transport": "ipc"}
    # A folder of macOS, too long for paths of ZeroMQ's sockets.
    assert transport("/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/jkg-12345678") is None


WRONG: list[Any] = [3.5, object(), b"x", [1], {1: 2}]


@pytest.mark.field("E10")
def test_errors_name_arguments_of_wrong_types_before_a_server_starts() -> None:
    for name in ("ip", "python", "cwd", "log_file", "env", "startup_timeout", "prespawn_count"):
        for value in WRONG:
            if (name, value) != ("startup_timeout", 3.5):
                with pytest.raises(ValueError, match=name):
                    LocalJupyterServer(**{name: value})


@pytest.mark.field("E10")
def test_errors_name_wrong_arguments_of_executors(server: FakeGateway) -> None:
    for value in WRONG:
        with pytest.raises(ValueError, match="jupyter_server"):
            JupyterCodeExecutor(value)
        with pytest.raises(ValueError, match="connection_info"):
            JupyterClient(value)
        if value != {1: 2}:
            with pytest.raises(ValueError, match="page_scripts"):
                JupyterCodeExecutor(server, page_scripts=value)
