"""A kernel gateway on this machine, as a child process."""

from __future__ import annotations

import logging
import os
import sys
import weakref
from collections.abc import Mapping
from pathlib import Path

from attrs import evolve

from ..client import arguments
from ..client.deadline import Deadline
from ..errors import GatewayError, KernelSpecNotFound, ServerStartError
from ..gateway.connection import JupyterConnectionInfo
from ..gateway.masking import masked
from ..gateway.prespawned_kernels import PrespawnedKernels
from ..gateway.rest import JupyterClient
from .child import Child, Place
from .files import LARGEST_FILE, LocalFiles, LocalPath
from .ports import free_port
from .readiness import ask, wait_until_ready
from .settings import GatewaySettings
from .token import GenerateToken, TokenChoice, token_for

_log = logging.getLogger("jkg_client")

_EXIT_NOT_INSTALLED = 90  # as in the launcher, which is not imported
_PORT_TRIES = 5
_UNDO_SECONDS = 2.0
_FORGOTTEN_SECONDS = 5.0
# The address at which clients reach a server that listens on all addresses.
_LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class LocalJupyterServer:
    """A kernel gateway on this machine, as a child process.

    The constructor returns when the server answers. The server and its kernels end with ``stop``,
    when this object or the interpreter ends, and when this process is killed. Jupyter's
    configuration files and ``KG_*`` variables apply, unless an argument says otherwise.

    Example::

        from jkg_client import JupyterCodeExecutor, LocalJupyterServer

        with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:
            print(server.connection_info.url, executor.kernel_id)

    Args:
        ip: Address to listen on. "0.0.0.0" or "::" for all addresses.
        port: None for a free port.
        token: ``GenerateToken`` for a random token, a ``str``, or None (or "") for no token.
            Without a token everybody on this machine can run code.
        log_file: Path of a log file that is kept. None for a temporary one.
        log_level: Name of a logging level.
        log_max_bytes: Size at which the log is rotated (not on Windows). 0 for never.
        log_backup_count: Number of rotated logs that are kept.
        startup_timeout: Time limit for the start of the server and its prespawned
            kernels, in seconds.
        python: Interpreter that has the kernel gateway. None for the current interpreter.
        cwd: Folder in which the server and its kernels start. None for the current folder.
        env: Environment variables that are added for the server and its kernels.
        prespawn_count: Number of Python kernels to start in advance. The first executors without
            ``env`` use these kernels, so that they start at once.

    Raises:
        ValueError: An argument is wrong.
        ServerStartError: The server does not start. Only ``log_file`` is kept.
    """

    GenerateToken = GenerateToken

    def __init__(
        self,
        ip: str = "127.0.0.1",
        port: int | None = None,
        token: TokenChoice = GenerateToken,
        log_file: str | os.PathLike[str] | None = None,
        log_level: str = "INFO",
        log_max_bytes: int = 1048576,
        log_backup_count: int = 3,
        *,
        startup_timeout: float = 60.0,
        python: str | os.PathLike[str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        prespawn_count: int = 0,
    ) -> None:
        _check_arguments(startup_timeout, prespawn_count)
        arguments.filled("ip", ip)
        arguments.variables("env", env)
        arguments.folder("python", "" if python is None else python)
        for name, path in (("cwd", cwd), ("log_file", log_file)):
            arguments.optional_path(name, path)
        address = JupyterConnectionInfo(ip, use_https=False, port=port, token=token_for(token))
        settings = GatewaySettings(
            python=sys.executable if python is None else os.fspath(python),
            cwd=None if cwd is None else str(arguments.existing_folder("cwd", cwd)),
            env=env or {},
            log_file=None if log_file is None else Path(log_file).absolute(),
            log_level=log_level,
            log_max_bytes=log_max_bytes,
            log_backup_count=log_backup_count,
        )
        self._files = LocalFiles(Path(settings.cwd or "").absolute())
        deadline = Deadline(startup_timeout)
        self._info, self._child = _started(address, settings, deadline)
        _log.info("server at %s: was started", self._info.url)
        # Without this, an exception elsewhere or a forgotten stop() would leave the server running.
        self._finalizer = weakref.finalize(self, self._child.stop, _FORGOTTEN_SECONDS)
        self._prespawned_kernels = self._started_kernels(prespawn_count, deadline)

    def __repr__(self) -> str:
        state = "running" if self._finalizer.alive else "stopped"
        return f"<LocalJupyterServer at {self._info.url}, {state}>"

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """The address of the server, with its token."""
        return self._info

    @property
    def log_file(self) -> Path:
        """Path of the log."""
        return self._child.place.log_file

    def log_summary(self) -> str:
        """The last warnings and errors in the log, and the last output of kernel processes.

        These lines often say why a kernel does not start. They do not contain the token.
        """
        return masked(self._info, self._child.place.log_summary())

    @property
    def prespawned_kernels(self) -> PrespawnedKernels:
        """The kernels that were started in advance and are not in use yet."""
        return self._prespawned_kernels

    def get_client(self) -> JupyterClient:
        """A new client for the REST API of the server."""
        return JupyterClient(self._info)

    def put_file(self, source: LocalPath, path: str | None = None) -> str:
        """Copy a file to the folder in which kernels start, and return its path there.

        Args:
            source: The file to copy.
            path: Destination, relative to the folder in which kernels start. A ``/`` at the end
                means a folder. None for that folder and the name of ``source``.

        Raises:
            OSError: The file cannot be read or written.
        """
        return self._files.put(source, path)

    def get_file(
        self,
        path: str,
        destination: LocalPath | None = None,
        *,
        max_bytes: int = LARGEST_FILE,
    ) -> Path:
        """Copy a file from the folder in which kernels start, and return the path of the copy.

        Args:
            path: The file, relative to the folder in which kernels start.
            destination: Path of the copy, or a folder. None for the current folder.
            max_bytes: Size of the largest file that is copied. Untrusted code could otherwise fill
                the disk.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: The file is not a regular file, is too large, or cannot be read or written.
        """
        return self._files.get(path, destination, max_bytes)

    def list_files(self, path: str = "") -> list[str]:
        """Names in a folder. Names of folders end with ``/``.

        Args:
            path: The folder, relative to the folder in which kernels start.

        Raises:
            OSError: There is no such folder, or it cannot be read.
        """
        return self._files.names(path)

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """End the server and its kernels. A second call does nothing.

        Args:
            timeout_seconds: Time after which the server is killed.
        """
        arguments.pause("timeout_seconds", timeout_seconds)
        if self._finalizer.detach():
            self._child.stop(timeout_seconds)

    def _started_kernels(self, count: int, deadline: Deadline) -> PrespawnedKernels:
        try:
            with self.get_client() as client:
                return PrespawnedKernels(client, count, deadline)
        except BaseException as exc:
            log = self.log_summary() if isinstance(exc, GatewayError) else ""
            self.stop(_UNDO_SECONDS)
            if isinstance(exc, (GatewayError, KernelSpecNotFound)):
                quoted = f"\nThe end of its log:\n{log}" if log else ""
                raise ServerStartError(
                    f"the server could not start a kernel in advance: {exc}{quoted}"
                ) from exc
            raise

    def __enter__(self) -> LocalJupyterServer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def _check_arguments(startup_timeout: float, prespawn_count: int) -> None:
    arguments.seconds("startup_timeout", startup_timeout)
    if type(prespawn_count) is not int or prespawn_count < 0:
        raise ValueError(f"prespawn_count must be a number of kernels, not {prespawn_count!r}")


def _started(
    wanted: JupyterConnectionInfo, settings: GatewaySettings, deadline: Deadline
) -> tuple[JupyterConnectionInfo, Child]:
    tries = 1 if wanted.port else _PORT_TRIES
    while True:
        tries -= 1
        port = _port(wanted)
        address = evolve(wanted, host=_LOOPBACK_OF.get(wanted.host, wanted.host), port=port)
        child = _child(settings)
        try:
            child.tell(settings.line(wanted.host, address, child.place))
            _wait(child, address, settings, deadline)
        except BaseException as exc:
            code = child.exit_code
            child.stop(_UNDO_SECONDS)
            lost = isinstance(exc, ServerStartError) and code == 1 and _is_taken(wanted.host, port)
            if not (lost and tries):
                raise
        else:
            return address, child


def _port(wanted: JupyterConnectionInfo) -> int:
    try:
        return free_port(wanted.host, wanted.port or 0)
    except OSError as exc:
        port = f"port {wanted.port} of " if wanted.port else ""
        raise ServerStartError(f"cannot listen on {port}{wanted.host}: {exc}") from exc


def _is_taken(ip: str, port: int) -> bool:
    try:
        free_port(ip, port)
    except OSError:
        return True
    return False


def _child(settings: GatewaySettings) -> Child:
    try:
        place = Place.new(settings.log_file)
    except OSError as exc:
        raise ServerStartError(f"cannot create the server's files: {exc}") from exc
    try:
        env = settings.environment(os.environ)
        return Child.start(settings.command(place), place, cwd=settings.cwd, env=env)
    except BaseException as exc:
        place.remove()
        if isinstance(exc, OSError):
            raise ServerStartError(f"cannot run {settings.python}: {exc}") from exc
        raise


def _wait(
    child: Child, address: JupyterConnectionInfo, settings: GatewaySettings, deadline: Deadline
) -> None:
    with JupyterClient(address) as client:
        try:
            wait_until_ready(
                lambda seconds: ask(client, seconds),
                ended=child.ended,
                log_tail=lambda: masked(address, child.place.log_tail()),
                name=f"the kernel gateway at {address.url}",
                deadline=deadline,
            )
        except ServerStartError as exc:
            if child.exit_code != _EXIT_NOT_INSTALLED:
                raise
            raise ServerStartError(
                f"there is no kernel gateway for {settings.python}: install it"
                ' (pip install "jkg-client[local]"), or name another interpreter by python='
            ) from exc
