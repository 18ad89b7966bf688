"""Simulates other machines and users by namespaces, for engines and connections to them.

They need root, Docker's ``docker-init``, and Debian's packages ``iproute2``, ``iptables``,
``openssh-client`` and ``openssh-server``.
"""

from __future__ import annotations

import ipaddress
import json
import os
import pwd
import secrets
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from attrs import frozen

from jkg_client.client.deadline import Deadline

COMMAND = 30.0
ENDING = 10.0

# Programs keep files here. Each namespace gets its own, which disappear when it ends.
PRIVATE = (
    "/dev/shm",
    "/etc/docker",
    "/run/containerd",
    "/run/containers",
    "/run/libpod",
    "/run/netns",
)

SSHD = """
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/home/.ssh/id_ed25519.pub
PidFile none
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
# The folder for temporary files is everybody's.
StrictModes no
"""

SSH = """
Host {address}
    IdentityFile {folder}/home/.ssh/id_ed25519
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/home/.ssh/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout 10
"""


@frozen
class Machine:
    """A network namespace that this machine reaches.

    Attributes:
        namespace: Its name.
        address: Its IPv4 address.
        address6: Its IPv6 address.
        here: IPv4 address under which the other machine reaches this one.
        here6: IPv6 address under which the other machine reaches this one.
    """

    namespace: str
    address: str
    address6: str
    here: str
    here6: str


def require(*programs: str) -> None:
    """Skip the test if a program or root is missing. On CI this is an error."""
    lacks = [program for program in programs if not shutil.which(program, path=search_path())]
    if os.geteuid() != 0:
        lacks.append("root")
    if lacks and os.environ.get("CI"):
        raise RuntimeError(f"no {', '.join(lacks)}")
    if lacks:
        pytest.skip(f"NO {', '.join(lacks).upper()}: this test needs it")


@contextmanager
def machine() -> Iterator[Machine]:
    """A network namespace that this machine reaches."""
    name = f"jkg{secrets.token_hex(4)}"
    link = f"{name}h"
    output_of("ip", "netns", "add", name)
    try:
        peer = ["peer", "name", "eth0", "netns", name]
        output_of("ip", "link", "add", link, "type", "veth", *peer)
        here, there = _unused_network().hosts()
        # Without leading zeros, as the engine writes it.
        prefix = f"fd00::{secrets.randbelow(2**16 - 1) + 1:x}:{secrets.randbelow(2**16 - 1) + 1:x}"
        # nodad: use the address at once, without a check that no other machine has it.
        here6, there6 = [f"{prefix}:1/112", "nodad"], [f"{prefix}:2/112", "nodad"]
        for address in ([f"{here}/30"], here6):
            output_of("ip", "address", "add", *address, "dev", link)
        for address in ([f"{there}/30"], there6):
            output_of("ip", "-n", name, "address", "add", *address, "dev", "eth0")
        output_of("ip", "link", "set", link, "up")
        for interface in ("lo", "eth0"):
            output_of("ip", "-n", name, "link", "set", interface, "up")
        yield Machine(name, str(there), f"{prefix}:2", str(here), f"{prefix}:1")
    finally:
        output_of("ip", "netns", "delete", name)
        # The system deletes the link with the namespace, but only some time later.
        with suppress(RuntimeError):
            output_of("ip", "link", "delete", link)


def _unused_network() -> ipaddress.IPv4Network:
    used = [
        ipaddress.ip_network(route["dst"])
        for route in json.loads(output_of("ip", "-json", "-4", "route", "show"))
        if route["dst"] != "default"
    ]
    while True:
        start = secrets.choice(range(0, 2**22, 4))
        network = ipaddress.IPv4Network((0x0AC00000 + start, 30))  # in 10.192.0.0/10
        if not any(network.overlaps(other) for other in used):
            return network


def make_keys(folder: Path, address: str, port: int) -> None:
    """Write settings and keys for ``sshd`` to ``folder``, and a ``bin/ssh`` that uses them."""
    home = folder / "home/.ssh"
    for key in (folder / "host_key", home / "id_ed25519"):
        output_of("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    host = (folder / "host_key.pub").read_text(encoding="utf-8")
    (home / "known_hosts").write_text(f"[{address}]:{port} {host}", encoding="utf-8")
    (home / "config").write_text(SSH.format(address=address, folder=folder), encoding="utf-8")
    settings = SSHD.format(address=address, port=port, folder=folder)
    (folder / "sshd_config").write_text(settings, encoding="utf-8")
    # ssh would look for its files in root's home directory, whatever HOME is.
    wrapper = folder / "bin/ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {which("ssh")} -F {home}/config "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)


@contextmanager
def sshd(there: Machine, folder: Path, port: int) -> Iterator[None]:
    """An ssh server that accepts the key that ``make_keys`` made."""
    # sshd requires this folder. Normally the system's service creates it.
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    command = [which("sshd"), "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "sshd.log").open("wb") as log:
        # In its own namespace, so that connections end with the process.
        process = subprocess.Popen(
            [*inside(there.namespace), *isolated(command)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = Deadline(COMMAND)
        while not _connects(there.address, port):
            if process.poll() is not None or deadline.passed:
                text = (folder / "sshd.log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"no sshd:\n{text}")
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait(ENDING)


def _connects(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


@contextmanager
def user(folder: Path) -> Iterator[str]:
    """A new normal user, whose home directory is in ``folder``."""
    name = folder.name.replace("_", "-")
    output_of("useradd", f"--home-dir={folder}/home", "--shell=/bin/sh", name)
    try:
        account = pwd.getpwnam(name)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)
        yield name
    finally:
        output_of("userdel", name)


def remove_cgroups(name: str) -> None:
    # A container that was killed leaves its cgroup behind.
    for top in [*Path("/sys/fs/cgroup").glob(f"*/{name}"), Path("/sys/fs/cgroup") / name]:
        for path in [*sorted(top.rglob("*/"), reverse=True), top]:
            with suppress(OSError):
                path.rmdir()


def inside(namespace: str) -> list[str]:
    return ["nsenter", f"--net=/run/netns/{namespace}"]


def isolated(command: Sequence[str]) -> list[str]:
    """A command that runs ``command`` in its own namespaces for processes and mounts."""
    folders = shlex.join(PRIVATE)
    script = (
        f"mkdir -p {folders} && for f in {folders}; do mount -t tmpfs -o mode=755 tmpfs $f; done &&"
        # A rootless engine opens /dev/net/tun, which not every system allows to normal users.
        " mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 &&"
        f" chmod 1777 /dev/shm && exec {which('docker-init')} -- {shlex.join(command)}"
    )
    unshare = ["unshare", "--mount", "--propagation=slave", "--pid", "--fork", "--kill-child"]
    return [*unshare, "--mount-proc", "sh", "-c", script]


def which(program: str) -> str:
    found = shutil.which(program, path=search_path())
    if found is None:
        raise RuntimeError(f"{program} is missing")
    return found


def output_of(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}: {done.stderr}")
    return done.stdout


def search_path() -> str:
    # Debian has some of these programs in folders that only root's PATH contains.
    return f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin{os.pathsep}/sbin"


@contextmanager
def new_folder() -> Iterator[Path]:
    # A short path, because it holds sockets. Not pytest's folder, which remains after the test.
    folder = Path(tempfile.mkdtemp(prefix="jkg-engine-", dir="/tmp"))
    try:
        (folder / "home/.ssh").mkdir(parents=True, mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def firewall_without(word: str) -> Iterator[None]:
    """Remove the empty chains with this name afterwards, unless there were some before."""
    if word in output_of("iptables-save"):
        yield
        return
    try:
        yield
    finally:
        tables: dict[str, list[str]] = {}
        table = ""
        for line in output_of("iptables-save").splitlines():
            table = line[1:] if line.startswith("*") else table
            tables.setdefault(table, []).append(line)
        for table, lines in tables.items():
            for line in lines:
                if line.startswith("-A") and word in line:
                    output_of(
                        "iptables", "-w", "-t", table, *shlex.split(line.replace("-A", "-D", 1))
                    )
            for line in lines:
                if line.startswith(":") and word in line:
                    output_of("iptables", "-w", "-t", table, "-X", line[1:].split()[0])
