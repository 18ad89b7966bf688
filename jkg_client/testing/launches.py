"""Starts the processes of kernels: forked from a prepared one, or spawned where nothing forks.

One prepared process for each flavour serves all gateways of this process. It is started with
the first kernel, and ends with this process.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from attrs import frozen

from ..protocol.messages import Json
from .kernel.shells import Flavour

STARTING = 60.0
"""Seconds that a process has to start, with all that it imports."""

_SIZE = struct.Struct(">I")

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop());"
    " from jkg_client.testing.kernel.starts import main; main(sys.argv[1:])"
)


@frozen
class Launched:
    """A process that has become a kernel.

    Attributes:
        pid: Its id; it leads a process group of this id, where there are groups.
        line: To it.
    """

    pid: int
    line: socket.socket


class KernelNotStarted(RuntimeError):
    """The process of a kernel did not start."""


def flavour_for(ipython: bool | None) -> Flavour:
    """IPython if it is wanted or, for None, installed.

    Raises:
        ValueError: If it is wanted, and not installed.
    """
    if ipython is False:
        return "python"
    # Where it is imported already, nobody need look for it.
    is_there = sys.modules.get("IPython") is not None or find_spec("IPython") is not None
    if ipython and not is_there:
        raise ValueError("ipython=True needs IPython where the tests run: pip install ipython")
    return "ipython" if is_there else "python"


def launch(flavour: Flavour, session: str, env: dict[str, str]) -> Launched:
    """Start a kernel that works in this process's folder and imports from where this one does.

    Raises:
        KernelNotStarted: With what the process printed.
    """
    order = {"session": session, "env": env, "cwd": str(Path.cwd()), "path": _path()}
    if not hasattr(os, "fork"):
        return spawn(flavour, order)
    with _LOCK:
        try:
            return _prepared(flavour).fork(order)
        except (OSError, EOFError) as exc:
            failure = _prepared(flavour).failure()
            _forget(flavour)
            if failure:
                raise KernelNotStarted(failure) from exc
            return _prepared(flavour).fork(order)


def spawn(flavour: Flavour, order: Json) -> Launched:
    """Start a kernel in a process that has to import everything itself."""
    token = secrets.token_hex(16)
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryFile() as log:
        port = str(listener.getsockname()[1])
        process = _start(["spawned", flavour, port, token], log)
        _SPAWNED.append(process)
        line = _accepted(listener, process)
        if line is None or line.recv(len(token), socket.MSG_WAITALL) != token.encode():
            process.kill()
            raise KernelNotStarted(_told(log))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = json.dumps(order).encode()
        line.sendall(_SIZE.pack(len(data)) + data)
    return Launched(process.pid, line)


def _accepted(listener: socket.socket, process: subprocess.Popen[bytes]) -> socket.socket | None:
    end = time.monotonic() + STARTING
    listener.settimeout(0.1)
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(socket.timeout):
            line, _ = listener.accept()
            line.settimeout(None)
            return line
    return None


class _Prepared:
    def __init__(self, flavour: Flavour) -> None:
        self._orders, theirs = socket.socketpair()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close
        with theirs:
            fd = theirs.fileno()
            self._process = _start(["forks", flavour, str(fd)], self._log, pass_fds=(fd,))
        self._orders.settimeout(STARTING)

    def fork(self, order: Json) -> Launched:
        if sys.platform == "win32":
            raise NotImplementedError("nothing forks on Windows")
        ours, theirs = socket.socketpair()
        data = json.dumps(order).encode()
        try:
            with theirs:
                socket.send_fds(self._orders, [_SIZE.pack(len(data))], [theirs.fileno()])
                self._orders.sendall(data)
            answer = self._orders.recv(_SIZE.size, socket.MSG_WAITALL)
        except BaseException:
            ours.close()
            raise
        if not answer:
            ours.close()
            raise EOFError
        return Launched(_SIZE.unpack(answer)[0], ours)

    def failure(self) -> str:
        """What it said when it failed; nothing if somebody has killed it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return _told(self._log) if self._process.wait(5) > 0 else ""
        return ""

    def close(self) -> None:
        self._orders.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._log.close()


_LOCK = threading.Lock()
_PREPARED: dict[tuple[int, Flavour], _Prepared] = {}
_SPAWNED: list[subprocess.Popen[bytes]] = []


def _prepared(flavour: Flavour) -> _Prepared:
    # A child that this process forks has a prepared process of its own.
    key = os.getpid(), flavour
    if key not in _PREPARED:
        _PREPARED[key] = _Prepared(flavour)
    return _PREPARED[key]


def _forget(flavour: Flavour) -> None:
    prepared = _PREPARED.pop((os.getpid(), flavour), None)
    if prepared is not None:
        prepared.close()


@atexit.register
def _close() -> None:
    for pid, flavour in tuple(_PREPARED):
        if pid == os.getpid():
            _forget(flavour)
    for process in _SPAWNED:
        process.kill()
        process.wait(5)


def _start(arguments: list[str], log: IO[bytes], **options: Any) -> subprocess.Popen[bytes]:
    # Measuring coverage makes cells slow, and there is nothing of the tests in them.
    env = {name: text for name, text in os.environ.items() if not name.startswith("COV")}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments, json.dumps(_path())],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=env,
        start_new_session=True,
        **options,
    )


def _path() -> list[str]:
    # Not resolved: a link may say where a package lies.
    return [str(Path(entry).absolute()) for entry in sys.path if isinstance(entry, str)]


def _told(log: IO[bytes]) -> str:
    log.seek(0)
    return f"the process of the fake kernel did not start:\n{log.read().decode(errors='replace')}"
