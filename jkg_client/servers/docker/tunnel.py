"""A way to another machine by ssh, for as long as we want it."""

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
_PAUSE = 0.05
_PORT_TRIES = 3
_END_SECONDS = 2.0
_CONNECT_SECONDS = 1.0
_OPTIONS = {
    # Nobody is there to be asked for a password.
    "BatchMode": "yes",
    "ExitOnForwardFailure": "yes",
    # A shared connection would keep the forwarding after we have gone.
    "ControlMaster": "no",
    "ControlPath": "none",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "4",
}


@frozen
class Tunnel:
    """An ssh process that carries connections from here to there.

    Attributes:
        local: Where it listens: path of a Unix socket, or port of 127.0.0.1.
    """

    local: str
    _child: Child

    @classmethod
    def to_socket(cls, url: str, deadline: Deadline) -> Tunnel:
        """To the engine's socket, by a socket that only we can use.

        Args:
            url: ``ssh://[user@]host[:port][/path/of/socket]``.
            deadline: Until it must be open.

        Raises:
            EngineError: If it does not open; with what ssh says.
        """
        if os.name != "posix":
            raise EngineError(
                "an engine by ssh needs Unix sockets, which this system does not have"
            )
        place = Place.new(None)
        path = place.folder / "engine.sock"
        remote = unquote(urlsplit(url).path) or ENGINE_SOCKET
        child = _started(url, f"{path}:{remote}", place)
        return cls(str(path), _opened(child, lambda: _socket_is_open(path), url, deadline))

    @classmethod
    def to_port(cls, url: str, host: str, port: int, deadline: Deadline) -> Tunnel:
        """To a port that the other machine reaches at ``host``.

        Raises:
            EngineError: If it does not open; with what ssh says.
        """
        for tries_left in reversed(range(_PORT_TRIES)):
            local = free_port("127.0.0.1")
            there = f"[{host}]" if ":" in host else host
            child = _started(url, f"127.0.0.1:{local}:{there}:{port}", Place.new(None))
            try:
                _opened(child, lambda port=local: _port_is_open(port), url, deadline)  # type: ignore[misc]
            except EngineError:
                # Somebody else may have taken the port since.
                if not tries_left or not _port_is_open(local):
                    raise
            else:
                break
        return cls(str(local), child)

    @property
    def has_ended(self) -> bool:
        """Whether it is broken or stopped."""
        return self._child.exit_code is not None

    @property
    def said(self) -> str:
        """The last lines that ssh printed."""
        lines = self._child.place.log_tail().splitlines()
        return "\n".join(line for line in lines if line != _READY)

    def stop(self) -> None:
        """End it; may be called twice."""
        self._child.stop(_END_SECONDS)


def _started(url: str, forward: str, place: Place) -> Child:
    parts = urlsplit(url)
    command = ["ssh", "-T"]
    for name, value in _OPTIONS.items():
        command += ["-o", f"{name}={value}"]
    command += ["-l", unquote(parts.username)] if parts.username else []
    command += ["-p", str(parts.port)] if parts.port else []
    # It ends with its input, which ends with us, in whatever way that happens.
    command += ["-L", forward, "--", _host(parts.netloc), f"echo {_READY} && exec cat"]
    try:
        return Child.start(command, place, cwd=None, env=os.environ)
    except OSError as exc:
        place.remove()
        raise EngineError(f"cannot run ssh: {exc}") from exc


def _host(netloc: str) -> str:
    # Not ``hostname``, which is in lower case, while names in ssh's configuration are not.
    place = netloc.rpartition("@")[2]
    return place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]


def _opened(child: Child, is_open: Callable[[], bool], url: str, deadline: Deadline) -> Child:
    try:
        # Said when ssh itself listens: before that, anybody may, and would be told the token.
        while not (_READY in child.place.log_tail().splitlines() and is_open()):
            how = child.ended()
            if how or deadline.passed:
                what = f"ended ({how})" if how else f"did not connect within {deadline.seconds:g} s"
                said = child.place.log_tail().strip() or "(it says nothing)"
                raise EngineError(f"cannot reach {url}: ssh {what}\n{said}")  # noqa: TRY301
            time.sleep(_PAUSE)
    except BaseException:
        child.stop(_END_SECONDS)
        raise
    return child


def _socket_is_open(path: Path) -> bool:
    if sys.platform == "win32":
        return False  # Python cannot use one there
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        # A path that is too long is not even tried.
        with suppress(OSError):
            return probe.connect_ex(str(path)) == 0
    return False


def _port_is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(_CONNECT_SECONDS)
        return probe.connect_ex(("127.0.0.1", port)) == 0
