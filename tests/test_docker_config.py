"""The configuration file in containers, run in a separate interpreter as Jupyter does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tables import rows, table

from jkg_client.servers import docker, launcher

ROOM = os.path.join(os.path.dirname(launcher.__file__), "queue_limits.py")  # noqa: PTH118,PTH120
CONFIG = os.path.join(os.path.dirname(docker.__file__), "jupyter_config.py")  # noqa: PTH118,PTH120

# Executes the configuration, then code. It prints only one line of JSON.
PROGRAM = f"""
import json, os, subprocess, sys
from types import MappingProxyType, SimpleNamespace

names = ("ZMQChannelsWebsocketConnection", "KernelGatewayApp", "JupyterWebsocketPersonality")
config = SimpleNamespace(**{{name: SimpleNamespace() for name in names}})
with open({ROOM!r}, encoding="utf-8") as room, open({CONFIG!r}, encoding="utf-8") as file:
    whole = room.read() + file.read()
exec(compile(whole, {CONFIG!r}, "exec"), {{"get_config": lambda: config}})

def seen(env):
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    words = [sys.executable, "-S", "-c", code]
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE) as child:
        return json.load(child.stdout)
"""
SECRET = "the-secret-token"


def run(code: str, **added: str) -> Any:
    env = {name: value for name, value in os.environ.items() if name != "TOKEN"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM + code],  # nothing of site-packages is needed
        env={**env, **added},
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


# Ways to start kernels and other programs.
ENVIRONMENTS = [
    "None",
    "os.environ",
    "os.environ.copy()",
    "dict(os.environ)",
    "{**os.environ, 'MORE': '1'}",
    "MappingProxyType(dict(os.environ))",
]


def test_child_processes_of_a_server_do_not_have_the_token() -> None:
    names = ("TOKEN", "KG_AUTH_TOKEN", "JUPYTER_TOKEN", "a name of theirs")
    children = ", ".join(f"seen({env})" for env in ENVIRONMENTS)
    seen = run(f"print(json.dumps([{children}]))", **dict.fromkeys(names, SECRET))
    with table() as row:
        for env, child in zip(ENVIRONMENTS, seen):
            with row(env):
                assert SECRET not in child.values()
                assert not set(names) & set(child)


def test_a_copy_of_the_token_in_another_variable_is_removed_too() -> None:
    code = "os.environ['LATER'] = os.environ['TOKEN']; print(json.dumps(seen(dict(os.environ))))"
    assert SECRET not in run(code, TOKEN=SECRET).values()


def test_child_processes_of_a_server_have_all_other_variables() -> None:
    added = {"EMPTY": "", "OTHER": f"{SECRET} and more", "PORT": "8888"}
    code = "print(json.dumps([seen(None), seen(dict(os.environ))]))"
    for child in run(code, TOKEN=SECRET, **added):
        assert {name: child.get(name) for name in added} == added
        assert child["PATH"] == os.environ["PATH"]


def test_a_server_itself_keeps_the_token() -> None:
    code = "for i in range(2): seen(dict(os.environ))\nprint(json.dumps(dict(os.environ)))"
    own = run(code, TOKEN=SECRET, KG_AUTH_TOKEN=SECRET)
    assert (own["TOKEN"], own["KG_AUTH_TOKEN"]) == (SECRET, SECRET)


def test_every_child_process_starts_without_the_token() -> None:
    code = "print(json.dumps([seen(dict(os.environ)) for i in range(3)]))"
    assert [child.get("TOKEN") for child in run(code, TOKEN=SECRET)] == [None] * 3


# An empty token means no token, so empty variables must not be removed.
@rows("added", [{}, {"TOKEN": ""}], ids=["unset", "empty"])
def test_without_a_token_no_variable_is_removed(added: dict[str, str]) -> None:
    code = "print(json.dumps([seen(None), seen(dict(os.environ))]))"
    for child in run(code, EMPTY="", KG_AUTH_TOKEN="other", **added):
        assert (child["EMPTY"], child["KG_AUTH_TOKEN"]) == ("", "other")
        assert child.get("TOKEN") == added.get("TOKEN")


@pytest.mark.parametrize("added", [{}, {"TOKEN": SECRET}], ids=["unset", "set"])
def test_a_server_neither_limits_output_nor_the_environment_of_kernels(
    added: dict[str, str],
) -> None:
    code = """
allowed = (config.KernelGatewayApp.env_process_whitelist,
           config.JupyterWebsocketPersonality.env_whitelist)
print(json.dumps([config.ZMQChannelsWebsocketConnection.limit_rate,
                  ["HOME" in names for names in allowed],
                  [isinstance(names, list) for names in allowed]]))
"""
    assert run(code, **added) == [False, [True, True], [True, True]]


@pytest.mark.parametrize("env", ["None", "given"])
def test_a_start_changes_neither_the_environment_nor_the_passed_copy(env: str) -> None:
    code = f"given = dict(os.environ); seen({env})\nprint(json.dumps([dict(os.environ), given]))"
    assert [kept["TOKEN"] for kept in run(code, TOKEN=SECRET)] == [SECRET, SECRET]


@pytest.mark.skipif(os.name != "posix", reason="environments are text alone there")
def test_an_environment_of_bytes_does_not_contain_the_token() -> None:
    assert SECRET not in run("print(json.dumps(seen(dict(os.environb))))", TOKEN=SECRET).values()
