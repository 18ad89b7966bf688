"""A kernel gateway in a container."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...client.deadline import Deadline
from ...errors import ClientClosed
from ...gateway.connection import JupyterConnectionInfo
from ...gateway.rest import JupyterClient
from ..files import LARGEST_FILE, LocalPath
from ..token import GenerateToken, TokenChoice
from .images import DEFAULT_DOCKERFILE
from .settings import (
    ContainerSettings,
    Report,
    check_seconds,
    check_token,
    chosen_token,
    dockerfile_at,
    log_progress,
)

if TYPE_CHECKING:
    from .containers import Container
    from .files import ContainerFiles
    from .owners import ServerContainer

_FORGOTTEN_SECONDS = 5.0


class DockerJupyterServer:
    """A kernel gateway in a container, for code that shall not run on this machine itself.

    It answers when the constructor returns. It ends, and its kernels with it, by ``stop``, or
    when this object or the interpreter ends. If this process is killed its container stays;
    ``containers`` shows and ``remove_orphans`` removes such.

    The engine is that of the ``docker`` command, found by ``DOCKER_HOST``, ``DOCKER_CONTEXT``
    or where it is by default. The server is published on the engine's loopback, at a random
    port; the container has no capabilities, can gain none, and has at most 1024 processes.

    Args:
        custom_image_name: Its image, pulled if it is not there: has a kernel gateway on port
            8888 that takes its token from ``TOKEN``. None: the one of ``dockerfile``.
        container_name: None for a new one.
        auto_remove: Whether the container is removed when it has ended.
        stop_container: Whether ``stop`` ends it; if not, ``attach`` finds it again.
        docker_env: Added to the environment of the server and its kernels.
        token: ``GenerateToken`` for a new one, a ``str``, or None for a server that asks for
            none. ``TOKEN`` in ``docker_env`` counts as well.
        dockerfile: Path of a Dockerfile to build the image from, with its folder; None for
            ``DEFAULT_DOCKERFILE``. A changed one is built anew.
        work_dir: Directory of this machine in which kernels work, mounted at ``/work``; made
            if it is missing.
        ip: Address of the engine's machine to publish on; None for its loopback, or if it is
            reached by tcp the address at which it is.
        port: To publish on; None for a free one.
        docker_host: Address of the engine, as in ``DOCKER_HOST``: unix, tcp, ssh or npipe.
        startup_timeout: Seconds until it must answer, the image being there.
        image_timeout: Seconds for building or pulling the image.
        on_progress: Called with each ``ImageProgress`` meanwhile; None: steps are logged.
        docker_kwargs: Further options of the container, as ``mem_limit="2g"``, with the names
            of ``docker.DockerClient.containers.run``. They win over those said above.

    Raises:
        ValueError: If an argument makes no sense.
        TypeError: If the Docker library does not know an option.
        ServerStartError: If the server does not come up: no engine, no image, no answer. No
            container is left of it.
        ImportError: If the Docker library is not installed.
    """

    DEFAULT_DOCKERFILE = DEFAULT_DOCKERFILE
    GenerateToken = GenerateToken

    def __init__(
        self,
        *,
        custom_image_name: str | None = None,
        container_name: str | None = None,
        auto_remove: bool = True,
        stop_container: bool = True,
        docker_env: Mapping[str, str] | None = None,
        token: TokenChoice = GenerateToken,
        dockerfile: str | os.PathLike[str] | None = None,
        work_dir: str | os.PathLike[str] | None = None,
        ip: str | None = None,
        port: int | None = None,
        docker_host: str | None = None,
        startup_timeout: float = 60.0,
        image_timeout: float = 1800.0,
        on_progress: Report | None = None,
        **docker_kwargs: Any,
    ) -> None:
        settings = ContainerSettings(
            image=custom_image_name,
            dockerfile=dockerfile,
            name=container_name,
            token=chosen_token(token, docker_env or {}),
            env=docker_env or {},
            work_dir=work_dir,
            ip=ip,
            port=port,
            keeps=not stop_container,
            removes=auto_remove,
            startup_timeout=startup_timeout,
            image_timeout=image_timeout,
            report=on_progress or log_progress,
            options=docker_kwargs,
        )
        self._own(*_launcher().launch(settings, docker_host))

    @classmethod
    def attach(
        cls,
        name: str,
        token: str | None = None,
        *,
        stop_container: bool = False,
        auto_remove: bool = True,
        docker_host: str | None = None,
        startup_timeout: float = 60.0,
    ) -> DockerJupyterServer:
        """The server in a container that runs already.

        Args:
            name: Name or id of the container.
            token: Of the server; None: the container's own ``TOKEN``.
            stop_container: Whether ``stop`` ends it.
            auto_remove: Whether it is removed then.
            docker_host: As above.
            startup_timeout: Seconds until it must answer.

        Raises:
            ServerStartError: If there is no such container, or no server answers in it.
        """
        check_seconds("startup_timeout", startup_timeout)
        check_token(token)
        server = cls.__new__(cls)
        server._own(  # noqa: SLF001 - of this class
            *_launcher().attach(
                name,
                token,
                docker_host,
                Deadline(startup_timeout),
                stops=stop_container,
                removes=auto_remove,
            )
        )
        return server

    @staticmethod
    def build_image(
        dockerfile: str | os.PathLike[str] | None = None,
        *,
        docker_host: str | None = None,
        image_timeout: float = 1800.0,
        on_progress: Report | None = None,
    ) -> str:
        """Build the image ahead of the first server; its name, for ``custom_image_name``.

        Args:
            dockerfile: Path of a Dockerfile; None for ``DEFAULT_DOCKERFILE``.
            docker_host: Address of the engine, as above.
            image_timeout: Seconds for it.
            on_progress: Called with each ``ImageProgress``; None: steps are logged.

        Raises:
            ValueError: If there is no such Dockerfile.
            ServerStartError: If it cannot be built; with the end of its log.
        """
        check_seconds("image_timeout", image_timeout)
        path = dockerfile_at(dockerfile)
        deadline = Deadline(image_timeout)
        report = on_progress or log_progress
        return str(_launcher().build_image(path, docker_host, report, deadline))

    @staticmethod
    def containers(docker_host: str | None = None) -> list[ServerContainer]:
        """Containers that any program has started by this class, the stopped ones too.

        Raises:
            EngineError: If there is no engine.
        """
        return list(_launcher().containers(docker_host))

    @staticmethod
    def remove_orphans(docker_host: str | None = None) -> list[str]:
        """Remove containers whose program is gone, killed for example; their names.

        Containers of programs on other machines, and those that were started with
        ``stop_container=False``, are left alone.

        Raises:
            EngineError: If there is no engine.
        """
        return list(_launcher().remove_orphans(docker_host))

    def __repr__(self) -> str:
        state = "running" if self._finalizer.alive else "stopped"
        return f"<DockerJupyterServer {self._container.name} at {self._info.url}, {state}>"

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Where the server is, with its token."""
        return self._info

    @property
    def container_name(self) -> str:
        """Name of the container."""
        return self._container.name

    def get_client(self) -> JupyterClient:
        """A new client of its REST API."""
        return JupyterClient(self._info)

    def put_file(self, source: LocalPath, path: str | None = None) -> str:
        """Copy a file into the container; its path there.

        Args:
            source: The file here.
            path: Where it shall be, seen from the directory in which kernels start; with a
                ``/`` at the end, the directory. None: there, with the same name.

        Raises:
            OSError: If it cannot be read.
            EngineError: If it cannot be written.
            ClientClosed: After ``stop``; likewise the others.
        """
        return self._files().put(source, path)

    def get_file(
        self,
        path: str,
        destination: LocalPath | None = None,
        *,
        max_bytes: int = LARGEST_FILE,
    ) -> Path:
        """Copy a file out of the container; where it is now.

        Args:
            path: The file there.
            destination: The file here, or a directory; None for the current directory.
            max_bytes: The largest file that is copied; code that nobody trusts could fill
                this machine's disk.

        Raises:
            FileNotFoundError: If there is none.
            OSError: If it is not a regular file, is too large, or cannot be written here.
            EngineError: If it cannot be read.
        """
        return self._files().get(path, destination, max_bytes)

    def list_files(self, path: str = "") -> list[str]:
        """Names in a directory of the container, those of directories with a ``/`` behind.

        Raises:
            FileNotFoundError: If there is no such directory.
            EngineError: If it cannot be read.
        """
        return self._files().names(path)

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """End the server and its container, unless it shall be kept; may be called twice.

        Args:
            timeout_seconds: After so long it is killed.

        Raises:
            EngineError: If the engine does not do it; call it again.
        """
        if self._finalizer.alive:
            self._container.stop(timeout_seconds)
            self._finalizer.detach()

    def __enter__(self) -> DockerJupyterServer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _files(self) -> ContainerFiles:
        if not self._finalizer.alive:
            raise ClientClosed("the server was stopped")
        return self._container.files()

    def _own(self, container: Container, info: JupyterConnectionInfo) -> None:
        self._container, self._info = container, info
        # Neither an exception elsewhere nor a forgotten stop() leaves it running.
        self._finalizer = weakref.finalize(self, container.abandon, _FORGOTTEN_SECONDS)


def _launcher() -> ModuleType:
    try:
        from . import launch  # noqa: PLC0415 - only who starts one needs the Docker library
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] != "docker":
            raise
        raise ImportError(
            'DockerJupyterServer needs the Docker library: pip install "jkg-client[docker]"'
        ) from exc
    return launch
