"""Starts the processes of kernels: forked from a prepared process or, without fork, spawned.

One prepared process for each flavour serves all gateways of this process. It starts with the
first kernel and ends with this process. A kernel connects to a port of this machine.
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

from attrs import frozen

from ..protocol.messages import Json
from .kernel.shells import Flavour

STARTING = 60.0
"""Time limit for a process to start, including its imports, in seconds."""

GREETING = 5.0
"""Time limit for a process to send its id after it has connected, in seconds."""

FORKS = hasattr(os, "fork")

_PID = struct.Struct(">Q")

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop());"
    " from jkg_client.testing.kernel.starts import main; main(sys.argv[1:])"
)


@frozen
class Launched:
    """A process that has become a kernel.

    Attributes:
        pid: Id of the process, and of its process group if the system has groups.
        line: The connection to it.
    """

    pid: int
    line: socket.socket


class KernelNotStarted(RuntimeError):
    """The process of a kernel did not start."""


def flavour_for(ipython: bool | None) -> Flavour:
    """``ipython`` for True, ``python`` for False; None chooses IPython if it is installed.

    Raises:
        ValueError: IPython is wanted, but not installed.
    """
    if ipython is False:
        return "python"
    # If IPython is imported already, searching for it is not necessary.
    is_there = sys.modules.get("IPython") is not None or find_spec("IPython") is not None
    if ipython and not is_there:
        raise ValueError("ipython=True needs IPython where the tests run: pip install ipython")
    return "ipython" if is_there else "python"


def launch(flavour: Flavour, session: str, env: dict[str, str], *, forks: bool = FORKS) -> Launched:
    """Start a kernel in this process's current folder, with this process's ``sys.path``.

    Raises:
        KernelNotStarted: The process did not start. The message has its output.
    """
    order = {"session": session, "env": env, "cwd": str(Path.cwd()), "path": _path()}
    with _LOCK:
        launched = _starter(flavour, forks).launch(order)
        if launched is None:
            # Somebody has killed the prepared process. Start a new one.
            launched = _starter(flavour, forks).launch(order)
    if launched is None:
        raise KernelNotStarted("the process of the fake kernel was killed")
    return launched


class _Starter:
    """A process from which kernels are forked. Without fork, the process becomes a kernel."""

    def __init__(self, flavour: Flavour, *, forks: bool) -> None:
        self._forks = forks
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close
        # No coverage in kernels: it makes cells slow, and no code of the tests runs there.
        env = {name: text for name, text in os.environ.items() if not name.startswith("COV")}
        way = "forks" if forks else "spawned"
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, way, flavour, json.dumps(_path())],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            env=env,
            start_new_session=True,
        )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def launch(self, order: Json) -> Launched | None:
        """A new kernel. None if the process was killed."""
        token = secrets.token_hex(16)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            document = {**order, "port": listener.getsockname()[1], "token": token}
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                self._process.stdin.write(json.dumps(document).encode() + b"\n")
                self._process.stdin.flush()
            launched = self._accept(listener, token.encode())
        if launched is None:
            status = self._process.poll()
            self._log.seek(0)
            printed = self._log.read().decode(errors="replace")
            self.close()
            if status is None or status > 0:
                raise KernelNotStarted(f"the process of the fake kernel did not start:\n{printed}")
        return launched

    def _accept(self, listener: socket.socket, token: bytes) -> Launched | None:
        end = time.monotonic() + STARTING
        listener.settimeout(0.1)
        while time.monotonic() < end and not self.has_ended:
            with contextlib.suppress(socket.timeout):
                line, _ = listener.accept()
                size = len(token) + _PID.size
                said = _received(line, size)
                if said.startswith(token) and len(said) == size:
                    line.settimeout(None)
                    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    return Launched(_PID.unpack(said[len(token) :])[0], line)
                line.close()
        return None

    def close(self) -> None:
        """End the process, and with it the kernels that were forked from it."""
        if not self._forks:
            self._process.kill()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._log.close()


def _received(line: socket.socket, size: int) -> bytes:
    """The first bytes on a new connection. Fewer bytes if they do not arrive at once."""
    said = b""
    line.settimeout(GREETING)
    with contextlib.suppress(OSError):
        while len(said) < size and (part := line.recv(size - len(said))):
            said += part
    return said


_LOCK = threading.Lock()
# A forked child of this process needs its own prepared process.
_STARTERS: dict[tuple[int, Flavour, int], _Starter] = {}


def _starter(flavour: Flavour, forks: bool) -> _Starter:
    key = os.getpid(), flavour, 0 if forks else len(_STARTERS) + 1
    starter = _STARTERS.get(key)
    if starter is not None and starter.has_ended:
        starter.close()
        starter = None
    if starter is None:
        starter = _STARTERS[key] = _Starter(flavour, forks=forks)
    return starter


@atexit.register
def _close() -> None:
    for (pid, *_), starter in _STARTERS.items():
        if pid == os.getpid():
            starter.close()


def _path() -> list[str]:
    # Do not resolve symbolic links, because a package may be found only through a link.
    return [str(Path(entry).absolute()) for entry in sys.path if isinstance(entry, str)]
