"""Starts a container with a server. If the start fails, nothing is left behind."""

from __future__ import annotations

import io
import logging
import os
import platform
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...client.deadline import Deadline
from ...errors import EngineError, ServerStartError
from ...gateway.connection import JupyterConnectionInfo
from .. import launcher
from .addresses import networks_of, own_ids
from .api import OPTIONS
from .archives import packed
from .containers import Container, with_network
from .endpoints import find_endpoint
from .engine import Engine
from .images import DEFAULT_DOCKERFILE, LABEL, tag_of
from .inventory import inventory
from .inventory import remove_orphans as removed_orphans
from .options import CONFIG_FOLDERS, container_options, environment_of
from .owners import LAUNCH, Owner, ServerContainer, labels
from .settings import ContainerSettings, Report
from .work_dir import WorkDir

logger: logging.Logger = logging.getLogger("jkg_client")

_CONFIG = "jupyter_config.py"
_LOOPBACK = "127.0.0.1"


def connect(docker_host: str | None) -> Engine:
    """A connection to the engine at ``docker_host``. None for the default engine.

    Raises:
        EngineError: The engine does not answer.
    """
    return Engine(find_endpoint(docker_host, os.environ))


def launch(
    settings: ContainerSettings, docker_host: str | None
) -> tuple[Container, JupyterConnectionInfo]:
    """Start a container. When its server answers, return the container and the server's address.

    Raises:
        ServerStartError: The server does not start. The container is removed.
    """
    if unknown := set(settings.options) - OPTIONS:
        raise TypeError(f"unknown options of a container: {', '.join(sorted(unknown))}")
    mark = secrets.token_hex(8)
    with _starting():
        engine = connect(docker_host)
        container = None
        try:
            image = _image(engine, settings)
            own = own_container(engine)
            _mention_orphans(engine)
            path = settings.work_dir
            work_dir = WorkDir.prepared(path, engine, own) if path else None
            container = _made(engine, image, settings, own, work_dir, mark)
            return container, _started(container, settings, own, work_dir)
        except BaseException:
            _undo(engine, mark)
            (container or engine).close()
            raise


def attach(
    name: str,
    token: str | None,
    docker_host: str | None,
    deadline: Deadline,
    *,
    stops: bool,
    removes: bool,
) -> tuple[Container, JupyterConnectionInfo]:
    """A container that is already running, and the address of its server.

    Raises:
        ServerStartError: There is no such container, or its server does not answer.
    """
    with _starting():
        engine = connect(docker_host)
        found = None
        try:
            told = engine.inspect(name)
            if told is None:
                raise EngineError(f"there is no container {name}")  # noqa: TRY301
            if token is None:
                token = environment_of(told).get("TOKEN") or None
            own_name = told["Name"].lstrip("/")
            found = Container(engine, told["Id"], own_name, token, stops=False, removes=removes)
            info = found.reached(own_container(engine), deadline)
        except BaseException:
            (found or engine).close()
            raise
    found.stops = stops
    return found, info


def build_image(
    dockerfile: Path | None, docker_host: str | None, report: Report, deadline: Deadline
) -> str:
    """Build the image of ``dockerfile`` if it does not exist yet, and return its name.

    Raises:
        ServerStartError: The image cannot be built. The message has the end of the build's log.
    """
    with _starting(), closing(connect(docker_host)) as engine:
        return _built(engine, dockerfile, report, deadline, None)


def containers(docker_host: str | None) -> list[ServerContainer]:
    """The ``inventory`` of the engine at ``docker_host``."""
    with closing(connect(docker_host)) as engine:
        return inventory(engine)


def remove_orphans(docker_host: str | None) -> list[str]:
    """Remove the orphans of the engine at ``docker_host``, and return their names."""
    with closing(connect(docker_host)) as engine:
        return removed_orphans(engine)


@contextmanager
def _starting() -> Iterator[None]:
    """Turn errors of the engine into ``ServerStartError``."""
    try:
        yield
    except EngineError as exc:
        raise ServerStartError(str(exc)) from exc


def own_container(engine: Engine) -> dict[str, Any] | None:
    """The engine's description of the container of this program. None outside of containers."""
    for name in own_ids(platform.node()):
        told = engine.inspect(name)
        if told is not None:
            return with_network(engine, told)
    return None


def _mention_orphans(engine: Engine) -> None:
    orphans = ", ".join(container.name for container in inventory(engine) if container.is_orphan)
    if orphans:
        how = (
            "remove them by DockerJupyterServer.remove_orphans()"
            " or `jkg containers --remove-orphans`"
        )
        logger.warning("containers of programs that have ended: %s; %s", orphans, how)


def _image(engine: Engine, settings: ContainerSettings) -> str:
    deadline, wanted = Deadline(settings.image_timeout), settings.options.get("platform")
    if settings.image is None:
        return _built(engine, settings.dockerfile, settings.report, deadline, wanted)
    if not engine.has_image(settings.image):
        logger.info("pulling image %s", settings.image)
        engine.pull(settings.image, settings.report, deadline, platform=wanted)
    return settings.image


def _built(
    engine: Engine, path: Path | None, report: Report, deadline: Deadline, wanted: str | None
) -> str:
    text = path.read_text(encoding="utf-8") if path else DEFAULT_DOCKERFILE
    tag = tag_of(f"{text}\n{wanted}" if wanted else text)
    # A Dockerfile of the user is always built again: the files that it copies may have changed.
    # If they have not changed, the engine's cache makes the build quick.
    if path or not engine.has_image(tag):
        logger.info("building image %s", tag)
        engine.build(tag, path or text, report, deadline, label=LABEL, platform=wanted)
    return tag


def _made(
    engine: Engine,
    image: str,
    settings: ContainerSettings,
    own: Mapping[str, Any] | None,
    work_dir: WorkDir | None,
    mark: str,
) -> Container:
    options = container_options(
        {"name": settings.name or f"jkg-client-{mark[:12]}", **settings.options},
        env={**settings.env, "TOKEN": settings.token or ""},
        labels=labels(Owner.here(own["Id"] if own else ""), settings.keeps, mark),
        publish=(settings.ip or _publishing_ip(engine), settings.port),
        work_dir=work_dir.source if work_dir else None,
        others={
            **(work_dir.options if work_dir else {}),
            **_neighbourhood(own, settings.options),
            # The engine has to remove a kept container: this program may have ended by then.
            "auto_remove": settings.keeps and settings.removes,
        },
    )
    token = options["environment"].get("TOKEN") or None
    made = engine.create(image, options)
    return Container(
        engine,
        made,
        options["name"],
        token,
        stops=not settings.keeps,
        removes=settings.removes,
    )


def _started(
    container: Container,
    settings: ContainerSettings,
    own: Mapping[str, Any] | None,
    work_dir: WorkDir | None,
) -> JupyterConnectionInfo:
    deadline = Deadline(settings.startup_timeout)
    _configure(container, bool(settings.options.get("read_only")))
    container.engine.start(container.id)
    info = container.reached(own, deadline)
    if work_dir:
        work_dir.hand_over(container.engine, container.id)
    return info


def _undo(engine: Engine, mark: str) -> None:
    # Find the container by its label, because after an interrupt during ``create`` its id is
    # unknown.
    try:
        for made in engine.containers(f"{LAUNCH}={mark}"):
            engine.remove(made["Id"])
    except EngineError as exc:
        logger.warning("a container may not have been removed: %s", exc)


def _configure(container: Container, read_only: bool) -> None:
    config = files(__package__).joinpath(_CONFIG).read_text("utf-8")
    content = (launcher.source("queue_limits.py") + config).encode()
    for folder in CONFIG_FOLDERS[:1] if read_only else CONFIG_FOLDERS:
        if not _has(container, f"{folder}/{_CONFIG}"):
            # The folder may be missing. It can be created only if the root is not read-only.
            root, name = (folder, "") if read_only else ("/", f"{folder[1:]}/")
            with packed(name + _CONFIG, io.BytesIO(content), len(content)) as archive:
                container.engine.put(container.id, root, archive)
            return
    logger.warning(
        "the image has its own %s, so kernels can read the token in their environment",
        _CONFIG,
    )


def _has(container: Container, path: str) -> bool:
    try:
        with container.engine.get(container.id, path):
            return True
    except FileNotFoundError:
        return False


def _neighbourhood(own: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, str]:
    """The network of this program's container: containers in different networks are separated."""
    if own is None or "network" in given or "network_mode" in given:
        return {}
    others = [name for name in networks_of(own) if name not in ("bridge", "host", "none")]
    return {"network": others[0]} if others else {}


def _publishing_ip(engine: Engine) -> str:
    host = engine.endpoint.host
    if host is None:
        return _LOOPBACK
    try:
        # Publish only on the address at which we reach the engine, not on all addresses of its
        # machine.
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as exc:
        raise EngineError(f"cannot find {host}: {exc}") from exc
