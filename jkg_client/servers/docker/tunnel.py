"""Port forwarding by ssh to an engine on another machine."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from attrs import frozen

from ...client.deadline import Deadline
from ...errors import EngineError
from ..child import Child, Place
from ..ports import free_port

ENGINE_SOCKET = "/var/run/docker.sock"

_READY = "jkg-client-tunnel-is-open"
_PAUSE = 0.02
_PORT_TRIES = 3
_END_SECONDS = 2.0
_CONNECT_SECONDS = 1.0
_OPTIONS = {
    # ssh must not ask for a password.
    "BatchMode": "yes",
    "ExitOnForwardFailure": "yes",
    # A shared connection would keep the forwarding after the end of this process.
    "ControlMaster": "no",
    "ControlPath": "none",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "4",
}


@frozen
class Tunnel:
    """An ssh process that forwards connections to another machine.

    Attributes:
        local: The local end: path of a Unix socket, or a port of 127.0.0.1.
    """

    local: str
    _child: Child

    @classmethod
    def to_socket(cls, url: str, deadline: Deadline) -> Tunnel:
        """Open a tunnel to the engine's socket. Its local end is a socket in a private folder.

        Args:
            url: ``ssh://[user@]host[:port][/path/of/socket]``.
            deadline: Time limit for opening the tunnel.

        Raises:
            EngineError: The tunnel cannot be opened. The message has the output of ssh.
        """
        if os.name != "posix":
            raise EngineError(
                "an engine at an ssh:// address needs Unix sockets, which this system does not have"
            )
        place = Place.new(None)
        path = place.folder / "engine.sock"
        remote = unquote(urlsplit(url).path) or ENGINE_SOCKET
        child = _started(url, f"{path}:{remote}", place)
        return cls(str(path), _opened(child, lambda: _socket_is_open(path), url, deadline))

    @classmethod
    def to_port(cls, url: str, host: str, port: int, deadline: Deadline) -> Tunnel:
        """Open a tunnel to a port that the other machine reaches at ``host``.

        Raises:
            EngineError: The tunnel cannot be opened. The message has the output of ssh.
        """
        for tries_left in reversed(range(_PORT_TRIES)):
            local = free_port("127.0.0.1")
            there = f"[{host}]" if ":" in host else host
            child = _started(url, f"127.0.0.1:{local}:{there}:{port}", Place.new(None))
            try:
                _opened(child, lambda port=local: _port_is_open(port), url, deadline)  # type: ignore[misc]
            except EngineError:
                # Another program may have taken the free port before ssh could use it.
                if not tries_left or not _port_is_open(local):
                    raise
            else:
                break
        return cls(str(local), child)

    @property
    def has_ended(self) -> bool:
        """Whether the tunnel is broken or stopped."""
        return self._child.exit_code is not None

    @property
    def said(self) -> str:
        """The last lines that ssh printed."""
        lines = self._child.place.log_tail().splitlines()
        return "\n".join(line for line in lines if line != _READY)

    def stop(self) -> None:
        """Close the tunnel. A second call does nothing."""
        self._child.stop(_END_SECONDS)


def _started(url: str, forward: str, place: Place) -> Child:
    parts = urlsplit(url)
    command = ["ssh", "-T"]
    for name, value in _OPTIONS.items():
        command += ["-o", f"{name}={value}"]
    command += ["-l", unquote(parts.username)] if parts.username else []
    command += ["-p", str(parts.port)] if parts.port else []
    # ``cat`` ends with its stdin, so ssh ends with this process, even if this process is killed.
    command += ["-L", forward, "--", _host(parts.netloc), f"echo {_READY} && exec cat"]
    try:
        return Child.start(command, place, cwd=None, env=os.environ)
    except OSError as exc:
        place.remove()
        raise EngineError(f"cannot run ssh: {exc}") from exc


def _host(netloc: str) -> str:
    # ``hostname`` of urlsplit is in lower case, but ssh's configuration has names in mixed case.
    place = netloc.rpartition("@")[2]
    return place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]


def _opened(child: Child, is_open: Callable[[], bool], url: str, deadline: Deadline) -> Child:
    try:
        # ssh prints _READY when ssh itself listens on the port. Before that, another program could
        # listen there, and would receive the token.
        while not (_READY in child.place.log_tail().splitlines() and is_open()):
            how = child.ended()
            if how or deadline.passed:
                what = f"ended ({how})" if how else f"did not connect within {deadline.seconds:g} s"
                said = child.place.log_tail().strip() or "(ssh printed nothing)"
                raise EngineError(f"cannot reach {url}: ssh {what}\n{said}")  # noqa: TRY301
            time.sleep(_PAUSE)
    except BaseException:
        child.stop(_END_SECONDS)
        raise
    return child


def _socket_is_open(path: Path) -> bool:
    if sys.platform == "win32":
        return False  # Python has no Unix sockets on Windows
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        # connect_ex raises OSError if the path is too long.
        with suppress(OSError):
            return probe.connect_ex(str(path)) == 0
    return False


def _port_is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(_CONNECT_SECONDS)
        return probe.connect_ex(("127.0.0.1", port)) == 0
