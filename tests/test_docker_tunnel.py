"""Tunnels to another machine, with a program instead of ssh."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jkg_client.client.deadline import Deadline
from jkg_client.errors import EngineError
from jkg_client.servers.docker.tunnel import Tunnel

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ssh makes no Unix sockets there")

# Records its arguments, runs the command for the other machine, and answers connections with its
# own process id until the command ends.
SSH = """
import json, os, socket, subprocess, sys, threading, time

with open(os.environ["SEEN"], "w") as seen:
    json.dump(sys.argv[1:], seen)
how = os.environ.get("HOW", "")
if how == "refuses":
    sys.exit("me@far: Permission denied (publickey).")
if how == "hangs":
    print("still looking", flush=True)
    sys.stdin.read()
    sys.exit(0)
forward = sys.argv[sys.argv.index("-L") + 1]
listener = socket.socket(socket.AF_UNIX if forward.startswith("/") else socket.AF_INET)
host, _, port = forward.partition(":")
if forward.startswith("/"):
    listener.bind(host)
else:
    listener.bind((host, int(port.partition(":")[0])))
if how == "is slow":
    time.sleep(0.1)
listener.listen()

if how == "listens for a stranger":
    time.sleep(0.15)
    sys.exit("bind: Address already in use")

def answer():
    while True:
        with listener.accept()[0] as connection:
            try:
                connection.sendall(str(os.getpid()).encode())
            except OSError:
                pass

threading.Thread(target=answer, daemon=True).start()
subprocess.run(["sh", "-c", sys.argv[-1]])
"""
FAR = "ssh://me@far"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The place of private folders. It is short, because the path of a socket must be short."""
    assert tmp_path.is_dir()  # created before the place of temporary folders changes
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


@pytest.fixture(autouse=True)
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the arguments of ssh."""
    program, ssh = tmp_path / "ssh.py", tmp_path / "bin" / "ssh"
    program.write_text(SSH, encoding="utf-8")
    ssh.parent.mkdir()
    words = f'exec {shlex.quote(sys.executable)} -S {shlex.quote(str(program))} "$@"'
    ssh.write_text(f"#!/bin/sh\n{words}\n", encoding="utf-8")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    return tmp_path / "seen"


@contextmanager
def to_socket(url: str = FAR, seconds: float = 30.0) -> Iterator[Tunnel]:
    tunnel = Tunnel.to_socket(url, Deadline(seconds))
    try:
        yield tunnel
    finally:
        tunnel.stop()


@contextmanager
def to_port(url: str = FAR, host: str = "127.0.0.1", seconds: float = 30.0) -> Iterator[Tunnel]:
    tunnel = Tunnel.to_port(url, host, 8888, Deadline(seconds))
    try:
        yield tunnel
    finally:
        tunnel.stop()


def answer(tunnel: Tunnel) -> str:
    """The text that a tunnel delivers. Empty if it leads nowhere."""
    is_port = tunnel.local.isdigit()
    address: Any = ("127.0.0.1", int(tunnel.local)) if is_port else tunnel.local
    with socket.socket(socket.AF_INET if is_port else socket.AF_UNIX) as connection:
        connection.settimeout(10)
        try:
            connection.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return ""
        return connection.recv(100).decode()


def words(seen: Path) -> list[str]:
    found: list[str] = json.loads(seen.read_text(encoding="utf-8"))
    return found


def after(option: str, seen: Path) -> list[str]:
    """The word after each ``option``."""
    said = words(seen)
    return [there for word, there in zip(said, said[1:]) if word == option]


@pytest.mark.parametrize("way", [to_socket, to_port])
@pytest.mark.parametrize("how", ["", "is slow"])
def test_a_tunnel_works_as_soon_as_it_exists(
    way: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOW", how)
    with way() as tunnel:
        assert answer(tunnel).isdigit()
        assert answer(tunnel) == answer(tunnel)


@pytest.mark.parametrize("way", [to_socket, to_port])
def test_a_closed_tunnel_leaves_nothing_behind(way: Any, folder: Path) -> None:
    with way() as tunnel:
        process = int(answer(tunnel))
        tunnel.stop()
        assert answer(tunnel) == ""
        assert list(folder.iterdir()) == []
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_only_we_can_use_the_socket_of_a_tunnel() -> None:
    with to_socket() as tunnel:
        assert Path(tunnel.local).parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("url", "remote"),
    [
        ("ssh://far", "/var/run/docker.sock"),
        ("ssh://far/run/user/1000/docker.sock", "/run/user/1000/docker.sock"),
        ("ssh://far/with%20blank", "/with blank"),
    ],
)
def test_a_tunnel_leads_to_the_socket_of_the_engine(url: str, remote: str, seen: Path) -> None:
    with to_socket(url) as tunnel:
        assert after("-L", seen) == [f"{tunnel.local}:{remote}"]


@pytest.mark.parametrize(
    ("host", "there"), [("172.17.0.2", "172.17.0.2:8888"), ("fd00::2", "[fd00::2]:8888")]
)
def test_a_tunnel_leads_to_a_port(host: str, there: str, seen: Path) -> None:
    with to_port(host=host) as tunnel:
        assert after("-L", seen) == [f"127.0.0.1:{tunnel.local}:{there}"]


@pytest.mark.parametrize(
    ("url", "user", "port", "host"),
    [
        ("ssh://far.example", [], [], "far.example"),
        ("ssh://me@far.example:2222", ["me"], ["2222"], "far.example"),
        # Names in ssh's configuration have upper and lower case.
        ("ssh://me@MyServer:22", ["me"], ["22"], "MyServer"),
        ("ssh://a%40b@far", ["a@b"], [], "far"),
        ("ssh://[fd00::1]:22", [], ["22"], "fd00::1"),
        # Words that look like options must not be options.
        ("ssh://-oProxyCommand=id", [], [], "-oProxyCommand=id"),
        ("ssh://-oProxyCommand=id@far", ["-oProxyCommand=id"], [], "far"),
    ],
)
def test_ssh_gets_the_expected_arguments(
    url: str, user: list[str], port: list[str], host: str, seen: Path
) -> None:
    with to_socket(url):
        assert after("-l", seen) == user
        assert after("-p", seen) == port
        assert words(seen)[-3:-1] == ["--", host]


@pytest.mark.parametrize(
    "option", ["BatchMode=yes", "ExitOnForwardFailure=yes", "ControlPath=none"]
)
def test_ssh_asks_for_no_password_and_shares_no_connection(option: str, seen: Path) -> None:
    with to_port():
        assert option in after("-o", seen)


@pytest.mark.parametrize("way", [to_socket, to_port])
def test_a_refusal_is_reported_with_the_output_of_ssh(
    way: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOW", "refuses")
    with pytest.raises(EngineError) as caught, way():
        pass
    said = str(caught.value)
    assert "ssh://me@far" in said
    assert "exit code 1" in said
    assert "Permission denied (publickey)" in said
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("way", [to_socket, to_port])
def test_a_tunnel_that_does_not_open_is_given_up(
    way: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOW", "hangs")
    with pytest.raises(EngineError, match=r"did not connect within 0\.1 s"), way(seconds=0.1):
        pass
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("way", [to_socket, to_port])
def test_a_missing_ssh_is_reported(way: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(EngineError, match="cannot run ssh"), way():
        pass
    assert list(folder.iterdir()) == []


def test_tunnels_do_not_share_anything() -> None:
    with to_socket() as one, to_socket() as other:
        assert answer(one) != answer(other)
        one.stop()
        assert answer(other).isdigit()


@pytest.mark.parametrize("way", [to_socket, to_port])
def test_a_port_of_another_program_does_not_count_as_an_open_tunnel(
    way: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOW", "listens for a stranger")
    with pytest.raises(EngineError, match="Address already in use"), way():
        pass
    assert list(folder.iterdir()) == []


def test_a_path_that_is_too_long_for_a_socket_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(EngineError), to_socket():
        pass
