"""The Docker library, with what it leaves out: time limits, closed sockets, plain errors."""

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
from ...gateway.answers import root_of

_CONNECT_SECONDS = 10.0
_NOT_FOUND = 404

ALIASES = {"ports": "port_bindings", "volumes": "binds", "network": "network_mode"}
"""Options of a container that the library's lower half has under other names."""


class Api(docker.APIClient):
    """The library, which leaves some requests without a time limit and some answers open."""

    _here = threading.local()

    def send(self, request: Any, **kwargs: Any) -> Any:
        seconds = kwargs.get("timeout") or self.timeout
        kwargs["timeout"] = (_CONNECT_SECONDS, seconds)
        answer = super().send(request, **kwargs)
        getattr(self._here, "answers", []).append(answer)
        return answer

    @contextlib.contextmanager
    def closing_answers(self) -> Iterator[None]:
        """Close what this thread is sent meanwhile, read to its end or not."""
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
"""Names of what a container can be started with."""


def look(url: str) -> None:
    """See whether anybody listens.

    Raises:
        EngineError: If not.
    """
    # The library leaves a socket open when nobody answers, and says so in other words.
    if url.startswith("unix://"):
        if sys.platform == "win32":
            raise EngineError(f"no Docker engine at {url}: Windows has no such sockets for Python")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_CONNECT_SECONDS)
            try:
                probe.connect(url[len("unix://") :])
            except OSError as exc:
                hint = "may you use it?" if isinstance(exc, PermissionError) else "does it run?"
                raise EngineError(f"no Docker engine at {url} ({exc}); {hint}") from exc


@contextlib.contextmanager
def failing(what: str) -> Iterator[None]:
    """Errors of the library are an ``EngineError`` that begins with ``what``."""
    try:
        yield
    # An error of requests is an OSError.
    except (DockerException, HTTPError, OSError) as exc:
        reason = getattr(exc, "explanation", None) or root_of(exc)
        raise EngineError(f"{what}: {reason}", getattr(exc, "status_code", None)) from exc


def found(ask: Callable[[], Any], what: str) -> Any:
    """What ``ask`` returns; None if the engine does not know what it asks about."""
    try:
        with failing(what):
            return ask()
    except EngineError as exc:
        if exc.status != _NOT_FOUND:
            raise
        return None
