"""Adds missing parts to the Docker library: time limits, closed sockets and plain errors."""

from __future__ import annotations

import contextlib
import inspect
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import docker
from docker.errors import DockerException
from docker.types import HostConfig
from urllib3.exceptions import HTTPError

from ...errors import EngineError
from ...gateway.responses import root_of

_CONNECT_SECONDS = 10.0
_NOT_FOUND = 404

ALIASES = {"ports": "port_bindings", "volumes": "binds", "network": "network_mode"}
"""Options of a container that have other names in the library's low-level API."""


class Api(docker.APIClient):
    """The library's client, with a time limit for every request, and with closed responses."""

    _here = threading.local()

    def send(self, request: Any, **kwargs: Any) -> Any:
        seconds = kwargs.get("timeout") or self.timeout
        kwargs["timeout"] = (_CONNECT_SECONDS, seconds)
        answer = super().send(request, **kwargs)
        getattr(self._here, "answers", []).append(answer)
        return answer

    @contextlib.contextmanager
    def closing_answers(self) -> Iterator[None]:
        """At the end of the ``with`` block, close all responses that this thread has received."""
        answers: list[Any] = []
        self._here.answers = answers
        try:
            yield
        finally:
            del self._here.answers
            for answer in answers:
                answer.close()


CREATE = frozenset(inspect.signature(docker.APIClient.create_container).parameters) - {
    *("self", "image", "host_config", "ports", "volumes", "runtime")
}
_HOST = frozenset(inspect.signature(HostConfig.__init__).parameters) - {"self", "version"}

OPTIONS = (CREATE | _HOST | set(ALIASES)) - {"binds", "port_bindings"}
"""Names of all options with which a container can be started."""


def look(url: str) -> None:
    """Check that a program listens at the address.

    Raises:
        EngineError: No program listens there.
    """
    # If no program listens, the library leaves a socket open and raises an unclear error.
    if url.startswith("unix://"):
        if sys.platform == "win32":
            raise EngineError(f"no Docker engine at {url}: Python has no Unix sockets on Windows")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_CONNECT_SECONDS)
            try:
                probe.connect(url[len("unix://") :])
            except OSError as exc:
                denied = isinstance(exc, PermissionError)
                hint = "are you allowed to use it?" if denied else "is it running?"
                raise EngineError(f"no Docker engine at {url} ({exc}); {hint}") from exc


@contextlib.contextmanager
def failing(what: str) -> Iterator[None]:
    """Turn errors of the library into an ``EngineError`` whose message begins with ``what``."""
    try:
        yield
    # Errors of requests are OSErrors.
    except (DockerException, HTTPError, OSError) as exc:
        reason = getattr(exc, "explanation", None) or root_of(exc)
        raise EngineError(f"{what}: {reason}", getattr(exc, "status_code", None)) from exc


def found(ask: Callable[[], Any], what: str) -> Any:
    """The result of ``ask``. None if the engine answers that there is no such object."""
    try:
        with failing(what):
            return ask()
    except EngineError as exc:
        if exc.status != _NOT_FOUND:
            raise
        return None
