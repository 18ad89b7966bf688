"""A Docker engine: the part of its API that we use, each call with a time limit."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from docker.types import NetworkingConfig
from docker.utils import parse_repository_tag

from ...client.deadline import Deadline
from ...errors import EngineError
from .api import ALIASES, CREATE, Api, failing, found, look
from .endpoints import Endpoint
from .images import ImageLog, ImageProgress
from .tunnel import Tunnel

logger: logging.Logger = logging.getLogger("jkg_client")

Json = dict[str, Any]

_SECONDS = 60
_EXEC_SECONDS = 60.0
_CONFLICT = 409
_PAUSE = 0.05


class Engine:
    """A connection to a Docker engine.

    Args:
        endpoint: Address of the engine.

    Raises:
        EngineError: The engine does not answer or reports an error. All methods raise it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._closed = False
        self._reconnecting = threading.Lock()
        self._tunnel, self._connection = _connected(endpoint)

    def close(self) -> None:
        """Close the connection. A second call does nothing."""
        self._closed = True
        self._let_go()

    @property
    def _api(self) -> Api:
        with self._reconnecting:
            # A broken tunnel stays broken, even when the engine can be reached again.
            if self._tunnel and self._tunnel.has_ended and not self._closed:
                self._let_go()
                self._tunnel, self._connection = _connected(self.endpoint)
        return self._connection

    def _let_go(self) -> None:
        self._connection.close()
        if self._tunnel:
            self._tunnel.stop()

    def has_image(self, name: str) -> bool:
        """Whether the engine has an image with this name."""
        image = found(
            lambda: self._api.inspect_image(name),  # type: ignore[no-untyped-call]
            f"no answer about image {name}",
        )
        return image is not None

    def pull(
        self,
        name: str,
        report: Callable[[ImageProgress], object],
        deadline: Deadline,
        *,
        platform: str | None = None,
    ) -> None:
        """Fetch an image. If that fails, the ``EngineError`` has the message of the registry."""
        repository, tag = parse_repository_tag(name)
        with self._within(deadline), failing(f"cannot pull image {name}"):
            items = self._api.pull(
                repository, tag or "latest", stream=True, decode=True, platform=platform
            )
            _follow(items, report, deadline, f"cannot pull image {name}")

    def build(
        self,
        tag: str,
        dockerfile: str | Path,
        report: Callable[[ImageProgress], object],
        deadline: Deadline,
        *,
        label: str,
        platform: str | None = None,
    ) -> None:
        """Build an image. If that fails, the ``EngineError`` has the end of the log.

        Args:
            tag: Name of the image.
            dockerfile: The text of a Dockerfile, or the path of one. With a path, the Dockerfile
                may copy files of its folder.
            report: Function that is called with each progress message.
            deadline: Time limit for the whole build.
            label: Name of a label that the image gets.
            platform: As in ``docker build --platform``.
        """
        source: Json = {"fileobj": io.BytesIO(str(dockerfile).encode())}
        if isinstance(dockerfile, Path):
            source = {"path": str(dockerfile.parent), "dockerfile": dockerfile.name}
        with self._within(deadline), failing(f"cannot build image {tag}"):
            items = self._api.build(
                **source,
                tag=tag,
                rm=True,
                forcerm=True,
                decode=True,
                labels={label: tag},
                platform=platform,
            )
            _follow(items, report, deadline, f"cannot build image {tag}")

    def create(self, image: str, options: Mapping[str, Any]) -> str:
        """Create a container without starting it, and return its id."""
        own = {name: value for name, value in options.items() if name in CREATE}
        host = {ALIASES.get(k, k): v for k, v in options.items() if k not in own}
        if "networking_config" in own:
            own["networking_config"] = NetworkingConfig(own["networking_config"])
        with failing(f"cannot create a container of {image}"):
            config = self._api.create_host_config(**host)
            ports = [tuple(port.split("/", 1)) for port in config.get("PortBindings", ())]
            made: Json = self._api.create_container(image, host_config=config, ports=ports, **own)
        for warning in made.get("Warnings") or ():
            logger.warning("warning of the engine: %s", warning)
        if self._info().get("CgroupDriver") == "none":
            logger.warning("the engine cannot limit memory, processors or processes")
        return str(made["Id"])

    def start(self, container: str) -> None:
        """Start a container."""
        with failing(f"cannot start container {container[:12]}"):
            self._api.start(container)

    def inspect(self, container: str) -> Json | None:
        """The engine's description of a container. None if the container does not exist."""
        what = f"no answer about container {container[:64]}"
        told: Json | None = found(lambda: self._api.inspect_container(container), what)
        return told

    def containers(self, label: str) -> list[Json]:
        """All containers that have a label, also the stopped ones."""
        with failing("cannot list containers"):
            return list(self._api.containers(all=True, filters={"label": label}))

    def logs(self, container: str, lines: int) -> str:
        """The last lines that a container printed."""
        with failing(f"cannot read the log of container {container[:12]}"):
            log: bytes = self._api.logs(container, tail=lines)
        return log.decode("utf-8", "replace")

    def stop(self, container: str, seconds: float) -> None:
        """Stop a container; kill it after the time limit. Do nothing if it has ended."""
        what = f"cannot stop container {container[:12]}"
        found(lambda: self._api.stop(container, timeout=max(1, round(seconds))), what)

    def remove(self, container: str) -> None:
        """Remove a container and its anonymous volumes, even if the container is running."""
        what = f"cannot remove container {container[:12]}"
        deadline = Deadline(_SECONDS)
        while not self._removed(container, what):
            if deadline.passed:
                raise EngineError(f"{what}: not done within {deadline.seconds:g} s")
            time.sleep(_PAUSE)

    def put(self, container: str, folder: str, archive: BinaryIO) -> None:
        """Unpack a tar archive in a folder of a container."""
        with failing(f"cannot write to {folder} of container {container[:12]}"):
            self._api.put_archive(container, folder, archive)

    @contextlib.contextmanager
    def get(self, container: str, path: str) -> Iterator[tuple[Iterator[bytes], Json]]:
        """A file or folder of a container: a tar archive in pieces, and the engine's description.

        Raises:
            FileNotFoundError: There is no such file or folder.
        """
        what = f"cannot read {path} of container {container[:12]}"
        with self._api.closing_answers():
            answer = found(lambda: self._api.get_archive(container, path), what)
            if answer is None:
                raise FileNotFoundError(path)
            pieces, stat = answer
            yield _guarded(pieces, what), stat or {}

    def run(self, container: str, command: list[str]) -> tuple[int, bytes]:
        """Run a short command in a container, and return its exit code and output."""
        what = f"cannot run {command[0]} in container {container[:12]}"
        with failing(what), self._api.closing_answers():
            job = self._api.exec_create(container, command)["Id"]
            stream = self._api.exec_start(job, stream=True)
            # The library has no time limit for reading the output.
            guard = threading.Timer(_EXEC_SECONDS, stream.close)
            guard.name = "exec guard"
            guard.start()
            try:
                output = b"".join(stream)
            finally:
                guard.cancel()
                guard.join()
            code = self._api.exec_inspect(job)["ExitCode"]
        if code is None:
            raise EngineError(f"{command[0]} did not end within {_EXEC_SECONDS:g} s")
        return int(code), output

    def is_rootless(self) -> bool:
        """Whether the engine is rootless: root in a container is the user who runs the engine."""
        return any("rootless" in option for option in self._info().get("SecurityOptions") or ())

    def _info(self) -> Json:
        with failing("cannot read the engine's description of itself"):
            told: Json = self._api.info()
        return told

    def _removed(self, container: str, what: str) -> bool:
        try:
            found(lambda: self._api.remove_container(container, force=True, v=True), what)
        except EngineError as exc:
            # The engine is already removing the container.
            if exc.status != _CONFLICT:
                raise
            return self.inspect(container) is None
        return True

    @contextlib.contextmanager
    def _within(self, deadline: Deadline) -> Iterator[None]:
        # A step may take until the deadline and print nothing meanwhile.
        left = deadline.left()
        self._api.timeout = _SECONDS if left is None else math.ceil(left)
        try:
            with self._api.closing_answers():
                yield
        finally:
            self._api.timeout = _SECONDS


def _connected(endpoint: Endpoint) -> tuple[Tunnel | None, Api]:
    tunnel = Tunnel.to_socket(endpoint.url, Deadline(_SECONDS)) if endpoint.is_ssh else None
    url = f"unix://{tunnel.local}" if tunnel else endpoint.url
    try:
        look(url)
        with failing(f"no Docker engine at {endpoint.url}"):
            return tunnel, Api(base_url=url, tls=endpoint.tls, version="auto", timeout=_SECONDS)
    except BaseException as exc:
        said = tunnel.said if tunnel else ""
        if tunnel:
            tunnel.stop()
        if said and isinstance(exc, EngineError):
            raise EngineError(f"{exc}\n{said}") from exc
        raise


def _guarded(pieces: Iterator[bytes], what: str) -> Iterator[bytes]:
    with failing(what):
        yield from pieces


def _follow(
    items: Iterable[Json],
    report: Callable[[ImageProgress], object],
    deadline: Deadline,
    failure: str,
) -> None:
    log = ImageLog()
    for item in items:
        for progress in log.feed(item):
            report(progress)
        if deadline.passed:
            log.error = f"not done within {deadline.seconds:g} s"
            break
    if log.error is not None:
        raise EngineError(f"{failure}: {log.error}\nThe end of its log:\n{log.tail}")
