"""Container engines that tests start: Docker on another machine, Podman, and rootless Docker.

They need root, Docker's programs, and Debian's packages ``openssh-server``; ``podman``, ``runc``,
``netavark``, ``catatonit``; ``rootlesskit``, ``slirp4netns``, ``uidmap``.
Each engine has its own namespaces for processes and mounts. However the engine ends, its
containers end as well, and nothing stays mounted.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import docker
import psutil  # type: ignore[import-untyped,import-not-found,unused-ignore]  # from ipykernel
import pytest
from attrs import define, field
from docker.errors import ImageNotFound
from filelock import FileLock
from machines import (
    firewall_without,
    inside,
    isolated,
    machine,
    make_keys,
    new_folder,
    remove_cgroups,
    require,
    search_path,
    sshd,
    user,
    which,
)

from jkg_client import DockerJupyterServer
from jkg_client.client.deadline import Deadline
from jkg_client.servers.ports import free_port

STARTING = 60.0
"""Seconds until an engine must answer."""

ENDING = 20.0
"""Seconds for an engine to end its containers and itself."""

LOADING = 300.0
REMOVING = 30
LOG_LINES = 40
ROOTLESS = "/usr/share/docker.io/contrib/dockerd-rootless.sh"


@define(kw_only=True)
class Engine:
    """An engine that was started for a test.

    Attributes:
        unix: Address of the engine on this machine, ``unix://…``.
        tcp: Address in the network without TLS, if the engine is on another machine.
        tcp6: ``tcp`` with an IPv6 address.
        ssh: Address for ssh. It works only if the environment variable ``PATH`` is ``path``.
        path: ``PATH`` with an ``ssh`` that has the key and knows the host.
    """

    unix: str
    tcp: str = ""
    tcp6: str = ""
    ssh: str = ""
    path: str = ""
    _command: Sequence[str]
    _log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def socket(self) -> Path:
        """Path of the socket."""
        return Path(self.unix.partition("://")[2])

    def load(self, image: str) -> None:
        """Copy ``image`` from the machine's own engine if it is missing. Remove other images."""
        with (
            closing(docker.from_env(timeout=int(LOADING))) as source,
            client_of(self.unix, LOADING) as target,
        ):
            original = source.images.get(image)
            with suppress(ImageNotFound):
                if target.images.get(image).id == original.id:
                    return
            # The function's annotation does not allow streams.
            target.images.load(original.save(named=image))  # type: ignore[arg-type,unused-ignore]
            for other in target.images.list():
                if other.id != original.id:
                    target.images.remove(str(other.id), force=True)

    def restart(self) -> None:
        """End the engine and its containers, and start it again with the same data.

        Not for Podman, whose containers do not belong to the service.
        """
        self.stop()
        self.start()

    def start(self) -> None:
        """Start the engine, and wait until it answers.

        Raises:
            RuntimeError: The engine does not answer. The message has the end of its log.
        """
        self.socket.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Podman's monitor of a container without free memory leaves a file here.
                cwd=self._log.parent,
                start_new_session=True,
            )
        deadline = Deadline(STARTING)
        while not _answers(self.socket):
            if self._process.poll() is not None or deadline.passed:
                self.stop()
                text = self._log.read_text(encoding="utf-8", errors="replace")
                raise RuntimeError("no engine:\n" + "\n".join(text.splitlines()[-LOG_LINES:]))
            time.sleep(0.1)

    def stop(self) -> None:
        """End the engine and its containers. May be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            # unshare itself ignores signals; its child passes them on to the engine.
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children():
                    child.send_signal(signal.SIGTERM)
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()  # ends all processes of the namespace
            process.wait(ENDING)


def client_of(unix: str, seconds: float = 60) -> closing[docker.DockerClient]:
    """A client of the engine at this address. The ``with`` block closes it."""
    return closing(docker.DockerClient(base_url=unix, version="1.40", timeout=int(seconds)))


@contextmanager
def remote_engine(data: Path | None = None) -> Iterator[Engine]:
    """Docker on another machine, reached over the network by tcp and ssh.

    Args:
        data: Folder that keeps images and containers. Only one engine at a time uses it, others
            wait. None for a temporary folder.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(new_folder())
        if data is not None:
            stack.enter_context(FileLock(f"{data}.lock", timeout=LOADING))
        there = stack.enter_context(machine())
        tcp, tcp6 = f"tcp://{there.address}:2375", f"tcp://[{there.address6}]:2375"
        # Without an explicit --tls=false the engine would wait 15 s when it starts.
        options = [
            f"--host={tcp}",
            f"--host={tcp6}",
            "--tls=false",
            f"--cgroup-parent=/{folder.name}",
        ]
        options += ["--exec-opt=native.cgroupdriver=cgroupfs"]
        stack.callback(remove_cgroups, folder.name)
        command = _dockerd("dockerd", folder, data or folder / "data", *options)
        port = free_port("127.0.0.1")
        engine = Engine(
            unix=f"unix://{folder}/socket",
            tcp=tcp,
            tcp6=tcp6,
            ssh=f"ssh://root@{there.address}:{port}{folder}/socket",
            path=f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            command=[*inside(there.namespace), *isolated(command)],
            log=folder / "log",
        )
        stack.callback(engine.stop)
        engine.start()
        make_keys(folder, there.address, port)
        stack.enter_context(sshd(there, folder, port))
        yield engine


@contextmanager
def remote_engine_with_image(config: pytest.Config) -> Iterator[Engine]:
    """``remote_engine`` with the default image. Each worker has its own, in pytest's cache."""
    require("dockerd", "ip", "iptables", "nsenter", "ssh", "sshd")
    assert config.cache is not None
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    with remote_engine(Path(config.cache.mkdir("engines")) / f"remote-{worker}") as remote:
        # Containers of an earlier run that was cut short.
        _remove_containers(remote)
        remote.load(DockerJupyterServer.build_image())
        yield remote


@contextmanager
def podman_engine() -> Iterator[Engine]:
    """Podman's service, as root.

    Podman publishes ports at its own 127.0.0.1, so it has to share this machine's network.
    Only one such engine runs at a time. Other tests wait.
    """
    with (
        FileLock(f"{tempfile.gettempdir()}/jkg-podman.lock", timeout=LOADING),
        new_folder() as folder,
        firewall_without("NETAVARK"),
        ExitStack() as stack,
    ):
        stack.callback(remove_cgroups, "libpod_parent")
        options = {n: str(folder / n) for n in ("root", "runroot", "tmpdir", "network-config-dir")}
        command = ["podman", *itertools.chain(*((f"--{n}", v) for n, v in options.items()))]
        # Debian's crun does not support machines that use both versions of cgroups.
        command += [f"--runtime={which('runc')}", "--cgroup-manager=cgroupfs"]
        command += ["system", "service", "--time=0"]
        unix = f"unix://{folder}/socket"
        with _running(
            Engine(unix=unix, command=isolated([*command, unix]), log=folder / "log")
        ) as engine:
            try:
                yield engine
            finally:
                # Otherwise the network of the containers remains on this machine.
                _remove_containers(engine)


@contextmanager
def rootless_engine() -> Iterator[Engine]:
    """Docker that runs as a normal user, who is created for it."""
    with new_folder() as folder, user(folder) as name:
        env = [f"HOME={folder}/home", f"XDG_RUNTIME_DIR={folder}", f"PATH={search_path()}"]
        account = ["runuser", "-u", name, "--", "env", "-u", "DOCKER_HOST", *env]
        command = [*account, *_dockerd(ROOTLESS, folder, folder / "data")]
        with _running(
            Engine(unix=f"unix://{folder}/socket", command=isolated(command), log=folder / "log")
        ) as engine:
            yield engine


def _answers(path: Path) -> bool:
    # Docker's client leaks a socket when it cannot connect.
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b" 200 " in connection.recv(100)
    return False


def _dockerd(program: str, folder: Path, data: Path, *options: str) -> list[str]:
    (folder / "daemon.json").write_text("{}", encoding="utf-8")
    places = {"config-file": "daemon.json", "exec-root": "exec", "pidfile": "pid"}
    command = [program, *(f"--{name}={folder / place}" for name, place in places.items())]
    return [*command, f"--data-root={data}", f"--host=unix://{folder}/socket", *options]


@contextmanager
def _running(engine: Engine) -> Iterator[Engine]:
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


def _remove_containers(engine: Engine) -> None:
    with client_of(engine.unix, REMOVING) as client:
        for container in client.containers.list(all=True):
            container.remove(force=True)
