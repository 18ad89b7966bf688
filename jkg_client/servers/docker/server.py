"""A kernel gateway in a container."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...client import arguments
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
    """A kernel gateway in a container, for code that should not run on this machine itself.

    The constructor returns when the server answers. The server and its kernels end with ``stop``,
    or when this object or the interpreter ends. If this process is killed, the container stays:
    ``containers`` lists such containers, and ``remove_orphans`` removes them.

    This class uses the same engine as the ``docker`` command: the engine of ``DOCKER_HOST`` or
    ``DOCKER_CONTEXT``, or the default engine. The server listens on the loopback of the engine's
    machine, at a random port. The container has no capabilities, cannot gain capabilities, and has
    at most 1024 processes.

    Example::

        from jkg_client import CodeBlock, DockerJupyterServer, JupyterCodeExecutor

        with DockerJupyterServer(mem_limit="2g") as server, JupyterCodeExecutor(server) as executor:
            print(executor.execute_code_blocks([CodeBlock("6 * 7", "python")]).output)

    Args:
        custom_image_name: Image of the container. It is pulled if it is missing. It must run a
            kernel gateway on port 8888 that takes its token from ``TOKEN``. None for the image
            of ``dockerfile``.
        container_name: Name of the container. None for a new name.
        auto_remove: Whether the container is removed when it has ended.
        stop_container: Whether ``stop`` ends the container. If not, ``attach`` finds it again.
        docker_env: Environment variables that are added for the server and its kernels.
        token: ``GenerateToken`` for a random token, a ``str``, or None for no token. ``TOKEN`` in
            ``docker_env`` sets the token, too.
        dockerfile: Path of a Dockerfile, from which the image is built with the files in its
            folder. None for ``DEFAULT_DOCKERFILE``. A changed Dockerfile is built again.
        work_dir: Folder of this machine in which kernels work. It is mounted at ``/work``, and
            created if it is missing.
        ip: Address of the engine's machine at which the server is published. None for the loopback
            address of that machine or, if the engine is reached by tcp, for the address of the
            engine.
        port: Port at which the server is published. None for a free one.
        docker_host: Address of the engine, as in ``DOCKER_HOST``: unix, tcp, ssh or npipe.
        startup_timeout: Time limit for the server to start, in seconds, without the time to build
            or pull the image.
        image_timeout: Time limit to build or pull the image, in seconds.
        on_progress: Function that is called with each ``ImageProgress``. None logs the steps.
        docker_kwargs: Further options of the container, such as ``mem_limit="2g"``, with the names
            of ``docker.DockerClient.containers.run``. They override the other arguments.

    Raises:
        ValueError: An argument is wrong.
        TypeError: The Docker library does not know an option.
        ServerStartError: The server does not start: no engine, no image, or no answer. The
            container is removed.
        ImportError: The Docker library is not installed.
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
        _check(docker_host, on_progress, auto_remove=auto_remove, stop_container=stop_container)
        arguments.each(arguments.optional_text, container_name=container_name, ip=ip)
        arguments.each(arguments.optional_path, dockerfile=dockerfile, work_dir=work_dir)
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
        """The server in a container that is running already.

        Args:
            name: Name or id of the container.
            token: Token of the server. None for the value of ``TOKEN`` in the container's
                environment.
            stop_container: Whether ``stop`` ends the container.
            auto_remove: Whether the container is removed when ``stop`` has ended it.
            docker_host: As in the constructor.
            startup_timeout: Time limit for an answer of the server, in seconds.

        Raises:
            ServerStartError: There is no such container, or no server answers in it.
        """
        arguments.filled("name", name)
        check_seconds("startup_timeout", startup_timeout)
        check_token(token)
        _check(docker_host, auto_remove=auto_remove, stop_container=stop_container)
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
        """Build the image before the first server needs it. Returns its name.

        Args:
            dockerfile: Path of a Dockerfile. None for ``DEFAULT_DOCKERFILE``.
            docker_host: As in the constructor.
            image_timeout: Time limit, in seconds.
            on_progress: Function that is called with each ``ImageProgress``. None logs the steps.

        Raises:
            ValueError: There is no such Dockerfile.
            ServerStartError: The image cannot be built. The message has the end of the build's log.
        """
        arguments.optional_path("dockerfile", dockerfile)
        check_seconds("image_timeout", image_timeout)
        _check(docker_host, on_progress)
        path = dockerfile_at(dockerfile)
        deadline = Deadline(image_timeout)
        report = on_progress or log_progress
        return str(_launcher().build_image(path, docker_host, report, deadline))

    @staticmethod
    def containers(docker_host: str | None = None) -> list[ServerContainer]:
        """All containers that this class has started in any program, also the stopped ones.

        Args:
            docker_host: As in the constructor.

        Raises:
            EngineError: The engine does not answer.
        """
        _check(docker_host)
        return list(_launcher().containers(docker_host))

    @staticmethod
    def remove_orphans(docker_host: str | None = None) -> list[str]:
        """Remove the containers whose program has ended without removing them. Returns their names.

        Containers of programs on other machines, and with ``stop_container=False``, are kept.

        Args:
            docker_host: As in the constructor.

        Raises:
            EngineError: The engine does not answer.
        """
        _check(docker_host)
        return list(_launcher().remove_orphans(docker_host))

    def __repr__(self) -> str:
        state = "running" if self._finalizer.alive else "stopped"
        return f"<DockerJupyterServer {self._container.name} at {self._info.url}, {state}>"

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """The address of the server, with its token."""
        return self._info

    @property
    def container_name(self) -> str:
        """Name of the container."""
        return self._container.name

    def get_client(self) -> JupyterClient:
        """A new client for the REST API of the server."""
        return JupyterClient(self._info)

    def put_file(self, source: LocalPath, path: str | None = None) -> str:
        """Copy a file into the container, and return its path there.

        Args:
            source: The file to copy.
            path: Destination, relative to the folder in which kernels start. A ``/`` at the end
                means a folder. None for that folder and the name of ``source``.

        Raises:
            OSError: The file cannot be read.
            EngineError: The copy cannot be written.
            ClientClosed: The server was stopped. The other methods for files raise this, too.
        """
        return self._files().put(source, path)

    def get_file(
        self,
        path: str,
        destination: LocalPath | None = None,
        *,
        max_bytes: int = LARGEST_FILE,
    ) -> Path:
        """Copy a file out of the container, and return the path of the copy.

        Args:
            path: The file in the container.
            destination: Path of the copy, or a folder. None for the current folder.
            max_bytes: Size of the largest file that is copied. Untrusted code could otherwise fill
                the disk.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: The file is not regular, or is too large, or the copy cannot be written.
            EngineError: The file cannot be read.
        """
        return self._files().get(path, destination, max_bytes)

    def list_files(self, path: str = "") -> list[str]:
        """Names in a folder of the container. Names of folders end with ``/``.

        Args:
            path: The folder, relative to the folder in which kernels start.

        Raises:
            FileNotFoundError: There is no such folder.
            EngineError: The folder cannot be read.
        """
        return self._files().names(path)

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """End server and container, unless the container is kept. A second call does nothing.

        Args:
            timeout_seconds: Time after which the server is killed.

        Raises:
            EngineError: The engine does not stop the container. Call ``stop`` again.
        """
        arguments.pause("timeout_seconds", timeout_seconds)
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
        # Without this, an exception elsewhere or a forgotten stop() would leave the container
        # running.
        self._finalizer = weakref.finalize(self, container.abandon, _FORGOTTEN_SECONDS)


def _launcher() -> ModuleType:
    try:
        from . import launch  # noqa: PLC0415 - the Docker library is optional
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] != "docker":
            raise
        raise ImportError(
            'DockerJupyterServer needs the Docker library: pip install "jkg-client[docker]"'
        ) from exc
    return launch


def _check(docker_host: object, on_progress: object = None, **flags: object) -> None:
    # An empty address stands for the default, as an empty DOCKER_HOST does.
    arguments.optional_text("docker_host", docker_host or None)
    arguments.callback("on_progress", on_progress)
    arguments.each(arguments.flag, **flags)
