"""Runs the drivers as child processes, with a gateway that they share."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from jkg_client import LocalJupyterServer

from .environments import ROOT, environment
from .participants import GATEWAY, Peer
from .peers.driver import TIMEOUT

ENDING = 30.0
"""Time limit for a driver and its kernels to end, in seconds."""


class DriverError(Exception):
    """A peer failed, or did not answer in time."""


@frozen
class Taken:
    """Time and memory that a peer took for some cells.

    Attributes:
        seconds: Duration of each cell.
        cpu: CPU time of the client's process for all cells, in seconds.
        rss: Largest growth of its resident set, in bytes.
        got: Bytes of output that its caller has received.
    """

    seconds: list[float]
    cpu: float
    rss: int
    got: int


@frozen(eq=False)
class Driver:
    """The running driver of a peer."""

    peer: Peer
    _process: subprocess.Popen[str]
    _log: Path

    def ask(self, do: str, **task: Any) -> dict[str, Any]:
        """Send a task to the driver, and return its answer.

        Raises:
            DriverError: The driver fails, ends, or takes too long.
        """
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        alarm = threading.Timer(TIMEOUT, self._process.kill)
        alarm.daemon = True
        alarm.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps({"do": do, **task}) + "\n")
                self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            alarm.cancel()
            alarm.join()
        if not line:
            raise DriverError(f"ended, or no answer in {TIMEOUT:g} s: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise DriverError(answer["error"])
        return answer

    def cell(self, code: str, times: int = 1) -> Taken:
        """Run a cell ``times`` times."""
        return Taken(**self.ask("cell", code=code, times=times))

    def start(self) -> Taken:
        """Measure one start up to the first result."""
        return Taken(**self.ask("start"))

    def _last_words(self) -> str:
        return " | ".join(self._log.read_text("utf-8", "replace").splitlines()[-3:])


@frozen
class Stage:
    """Folders and server of the measurements.

    Attributes:
        cache: Folder of the environments.
        folder: Folder for logs and for files of executors.
        server: The gateway that all peers share.
    """

    cache: Path
    folder: Path
    server: LocalJupyterServer

    @property
    def gateway_python(self) -> Path:
        """The interpreter of the gateway."""
        return environment(self.cache, "gateway", GATEWAY)

    @contextlib.contextmanager
    def driver(self, peer: Peer, **where: Any) -> Iterator[Driver]:
        """Run the driver of ``peer`` in the ``with`` block."""
        python = environment(self.cache, peer.environment, peer.requirements)
        log = self.folder / f"{peer.name.replace(' ', '-')}.log"
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [str(python), "-m", f"benchmarks.peers.{peer.driver}", peer.variant],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=self.folder,
                env=environ(),
            )
        try:
            _tell(process, {**self._where(), **where})
            yield Driver(peer, process, log)
        finally:
            _end(process)

    def _where(self) -> dict[str, Any]:
        info = self.server.connection_info
        return {
            "host": info.host,
            "port": info.port,
            "http": info.url,
            "ws": info.websocket_url,
            "folder": str(self.folder),
            "gateway_python": str(self.gateway_python),
        }


@contextlib.contextmanager
def stage(cache: Path, folder: Path) -> Iterator[Stage]:
    """Run a gateway without a token, because not every peer can send one."""
    python = environment(cache, "gateway", GATEWAY)
    with LocalJupyterServer(token=None, python=python, cwd=folder, log_level="WARNING") as server:
        yield Stage(cache, folder, server)


def complain(peer: Peer, exc: Exception) -> str:
    """Print the error of a peer to stderr, and return it for the table."""
    print(f"{peer.name}: {exc}", file=sys.stderr, flush=True)
    return str(exc).replace("|", "/").replace("\n", " ")[:80]


def environ() -> dict[str, str]:
    # Proxies and settings of Python and Jupyter must not influence the measurements.
    drop = ("JUPYTER", "PYTHON", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(drop)}
    return {**kept, "PYTHONPATH": str(ROOT)}


def _tell(process: subprocess.Popen[str], where: dict[str, Any]) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(where) + "\n")
        process.stdin.flush()


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired, BrokenPipeError):
        process.communicate(timeout=ENDING)
    if process.poll() is None:
        process.kill()
        process.communicate()
