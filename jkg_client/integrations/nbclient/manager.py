"""A kernel manager with the interface of jupyter_client, for kernels of a Jupyter server."""

from __future__ import annotations

import asyncio
import os
import signal
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, TypeVar

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.managerabc import KernelManagerABC
from traitlets import Any as AnyTrait
from traitlets import Float, Unicode

from ...client.timeouts import TIMEOUTS, Timeouts
from ...errors import GatewayError, KernelNotFound
from ...servers.known import known_server
from .client import GatewayKernelClient
from .kernels import ManagedKernel

T = TypeVar("T")


class GatewayKernelManager(AsyncKernelManager):
    """Manages one kernel of a Jupyter server for nbclient and similar programs.

    The server is ``server``. If that is None, environment variables name it:
    ``JUPYTER_GATEWAY_URL``, or ``JUPYTERHUB_API_URL`` and ``JUPYTERHUB_API_TOKEN`` of a hub. The
    kernel is deleted by ``shutdown_kernel`` and ``cleanup_resources``, at the end of the program,
    and when no variable refers to the manager. A kernel that was given as ``kernel_id`` is kept.
    """

    # The methods are coroutines, as in AsyncKernelManager, but the annotations of its base class do
    # not say so.

    server = AnyTrait(None, allow_none=True, help="A server, or a JupyterConnectionInfo.")
    kernel_name = Unicode("", config=True, help="Name of the kernel; empty for the default.")
    kernel_id = Unicode(
        None, allow_none=True, config=True, help="Use this running kernel, and leave it running."
    )
    launch_timeout = Float(TIMEOUTS.launch, config=True, help="Seconds to start a kernel.")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._managed: ManagedKernel | None = None
        self._end: Callable[[], object] = lambda: None
        self._clients: weakref.WeakSet[GatewayKernelClient] = weakref.WeakSet()
        self._attached_id = self.kernel_id
        self._first_code = ""  # for the first client

    @property
    def has_kernel(self) -> bool:
        """Whether a kernel was started or attached, and not ended."""
        return self._managed is not None

    @property
    def ipykernel(self) -> bool:
        """False, because nothing can be added to the command line of a remote kernel."""
        return False

    @property
    def kernel_spec(self) -> KernelSpec | None:
        """The server's description of the kernel. None before the start."""
        return None if self._managed is None else KernelSpec(**self._managed.spec)

    async def start_kernel(  # type: ignore[override]
        self,
        *,
        kernel_id: str | None = None,
        kernel_name: str | None = None,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        extra_arguments: Sequence[str] = (),
        **ignored: Any,
    ) -> None:
        """Start a kernel.

        Args:
            kernel_id: Id of a running kernel to use instead. It is kept.
            kernel_name: Name of the kernel. None for the kernel name of the manager.
            cwd: Folder for the code, if the kernel's machine has it. Only for Python kernels.
            env: Environment variables. The variables that differ from this process, and all
                ``KERNEL_*``, are sent. Kernel gateways pass on ``KERNEL_*`` and the names in their
                allow-list.
            extra_arguments: Arguments for the command line of local kernels. Not used here.
            ignored: Further options of local kernels. Not used here.

        Raises:
            KernelSpecNotFound: The server has no such kernel. The message lists its kernels.
            GatewayError: The server cannot be reached, or it refuses the token.
            ValueError: The environment names no server.
        """
        if extra_arguments or ignored:
            self.log.debug("not used for remote kernels: %s %s", extra_arguments, sorted(ignored))
        await self._ended()
        is_known = self.server is None
        server = await _in_thread(known_server) if is_known else self.server
        managed = ManagedKernel(server, kernel_id or self._attached_id, stop_server=is_known)
        self._end = weakref.finalize(self, managed.end)
        name = kernel_name or self.kernel_name
        await self._started(managed, name, _kernel_environment(env), cwd)
        self.kernel_name, self.kernel_id = managed.kernel_name, managed.kernel_id
        self._managed, self._first_code = managed, managed.first_code

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:  # type: ignore[override]
        """Delete the kernel, unless it was given as ``kernel_id``. A second call does nothing."""
        await self._ended()

    async def cleanup_resources(self, restart: bool = False) -> None:  # type: ignore[override]
        """Release all resources, and delete the kernel if that was not done yet."""
        if not restart:
            await self._ended()

    async def restart_kernel(self, now: bool = False, newports: bool = False, **_: Any) -> None:  # type: ignore[override]
        """Restart the kernel. Its variables are gone. Clients have to wait until it answers."""
        await _in_thread(self._kernel.restart, self.launch_timeout)
        for client in self._clients:
            client.revive(self._kernel.first_code)

    async def interrupt_kernel(self) -> None:  # type: ignore[override]
        """Interrupt the running cell, as Ctrl-C would."""
        await _in_thread(self._kernel.interrupt)
        for client in self._clients:
            client.poke()

    async def signal_kernel(self, signum: int) -> None:  # type: ignore[override]
        """Interrupt the kernel. Servers do not send other signals."""
        if signum != signal.SIGINT:
            raise ValueError(f"cannot send signal {signum}: servers only send SIGINT to kernels")
        await self.interrupt_kernel()

    async def is_alive(self) -> bool:  # type: ignore[override]
        """Whether the server has the kernel. True while the server cannot be reached."""
        if self._managed is None:
            return False
        try:
            await _in_thread(self._managed.look)
        except KernelNotFound:
            return False
        except GatewayError as exc:
            self.log.warning("cannot ask the server about the kernel: %s", exc)
        return True

    def client(self, **options: Any) -> GatewayKernelClient:
        """A new client of the kernel. Call its ``start_channels`` before you use it."""
        kernel = self._kernel
        options = {"parent": self, "timeouts": Timeouts(launch=self.launch_timeout), **options}
        made = GatewayKernelClient(
            kernel.provider, kernel.kernel_id, first_code=self._first_code, **options
        )
        self._first_code = ""
        self._clients.add(made)
        return made

    @property
    def _kernel(self) -> ManagedKernel:
        if self._managed is None:
            raise RuntimeError("No kernel is running!")  # nbclient checks for this text
        return self._managed

    async def _started(
        self,
        managed: ManagedKernel,
        name: str,
        env: Mapping[str, str] | None,
        cwd: str | os.PathLike[str] | None,
    ) -> None:
        folder = None if cwd is None else str(Path(cwd).absolute())
        starting = asyncio.ensure_future(
            _in_thread(managed.start, name, env, folder, self.launch_timeout)
        )
        try:
            await asyncio.shield(starting)
        except BaseException:
            # If the server is still starting the kernel, it is deleted as soon as it has started.
            asyncio.get_running_loop().run_in_executor(None, self._end)
            raise

    async def _ended(self) -> None:
        end, self._managed = self._end, None
        await _in_thread(end)


async def _in_thread(do: Callable[..., T], *args: Any) -> T:
    try:
        doing = asyncio.get_running_loop().run_in_executor(None, do, *args)
    except RuntimeError:
        return do(*args)  # the program is ending: Python starts no new threads
    return await doing


def _kernel_environment(env: Mapping[str, str] | None) -> dict[str, str] | None:
    """The variables to send to a remote kernel.

    Programs pass a copy of their whole environment with additions. Only the additions and
    ``KERNEL_*`` are sent. None if there are no such variables: a server that receives ``env``
    replaces the kernel's environment by it.
    """
    given = {**os.environ, **(env or {})}
    return {
        name: value
        for name, value in given.items()
        if name.startswith("KERNEL_") or os.environ.get(name) != value
    } or None


KernelManagerABC.register(GatewayKernelManager)
