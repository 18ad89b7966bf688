"""The kernel manager of jupyter_client, on a Jupyter server."""

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
    """One kernel of a Jupyter server, as nbclient and its kin want it.

    The server is ``server``, else the one that the environment names: ``JUPYTER_GATEWAY_URL`` with
    its kin, or a hub's ``JUPYTERHUB_API_URL`` and ``JUPYTERHUB_API_TOKEN``. The kernel is
    deleted by ``shutdown_kernel`` and ``cleanup_resources``, or when the manager is forgotten or
    the program ends. One that was there before, by ``kernel_id``, stays.
    """

    # Methods are coroutines, as those of AsyncKernelManager are; the types of its base class
    # say that they are not.

    server = AnyTrait(None, allow_none=True, help="A launched server, or where one is.")
    kernel_name = Unicode("", config=True, help="Which kernel; empty for the server's default.")
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
        """Whether a kernel was started, or attached to, and not ended."""
        return self._managed is not None

    @property
    def ipykernel(self) -> bool:
        """False: nothing can be added to the command line of a kernel elsewhere."""
        return False

    @property
    def kernel_spec(self) -> KernelSpec | None:
        """What the server says of the kernel; None before there is one."""
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
            kernel_id: Use this running kernel instead, and leave it running.
            kernel_name: Which; None for that of the manager.
            cwd: Folder for the code, if the kernel's machine has it; it is Python code that
                looks, so other kernels stay where they are.
            env: What of it differs from our own environment is sent, and ``KERNEL_*``. Kernel
                gateways pass on ``KERNEL_*`` and what their allow-list names.
            extra_arguments: For the command line of local kernels; they are not used here.
            ignored: Further ones of local kernels.

        Raises:
            KernelSpecNotFound: The server has no such kernel; the message says which it has.
            GatewayError: The server cannot be reached or does not let us in.
            ValueError: The environment names no server.
        """
        if extra_arguments or ignored:
            self.log.debug("not for kernels elsewhere: %s %s", extra_arguments, sorted(ignored))
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
        """Delete the kernel, unless it was there before us; may be called twice."""
        await self._ended()

    async def cleanup_resources(self, restart: bool = False) -> None:  # type: ignore[override]
        """Let go of everything, of the kernel too if it is still there."""
        if not restart:
            await self._ended()

    async def restart_kernel(self, now: bool = False, newports: bool = False, **_: Any) -> None:  # type: ignore[override]
        """Restart the kernel: variables are gone. Its clients have to wait until it answers."""
        await _in_thread(self._kernel.restart, self.launch_timeout)
        for client in self._clients:
            client.revive(self._kernel.first_code)

    async def interrupt_kernel(self) -> None:  # type: ignore[override]
        """Interrupt what the kernel runs, as Ctrl-C would."""
        await _in_thread(self._kernel.interrupt)
        for client in self._clients:
            client.poke()

    async def signal_kernel(self, signum: int) -> None:  # type: ignore[override]
        """Interrupt the kernel; servers take no other signals."""
        if signum != signal.SIGINT:
            raise ValueError(f"servers interrupt kernels and take no other signal than {signum}")
        await self.interrupt_kernel()

    async def is_alive(self) -> bool:  # type: ignore[override]
        """Whether the server has the kernel. It counts as alive while the server is away."""
        if self._managed is None:
            return False
        try:
            await _in_thread(self._managed.look)
        except KernelNotFound:
            return False
        except GatewayError as exc:
            self.log.warning("no word about the kernel: %s", exc)
        return True

    def client(self, **options: Any) -> GatewayKernelClient:
        """A new client of the kernel; its channels are to be started."""
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
            raise RuntimeError("No kernel is running!")  # nbclient looks for these words
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
            # The server may be about to start it: then it is ended as soon as it is there.
            asyncio.get_running_loop().run_in_executor(None, self._end)
            raise

    async def _ended(self) -> None:
        end, self._managed = self._end, None
        await _in_thread(end)


async def _in_thread(do: Callable[..., T], *args: Any) -> T:
    try:
        doing = asyncio.get_running_loop().run_in_executor(None, do, *args)
    except RuntimeError:
        return do(*args)  # the program ends: there are no more threads, and nobody else to wait
    return await doing


def _kernel_environment(env: Mapping[str, str] | None) -> dict[str, str] | None:
    """What a kernel elsewhere gets of an environment that was meant for a local one.

    Programs add to a copy of their own, which is nobody else's business. None rather than empty:
    servers that are sent an environment take the rest of it away.
    """
    given = {**os.environ, **(env or {})}
    return {
        name: value
        for name, value in given.items()
        if name.startswith("KERNEL_") or os.environ.get(name) != value
    } or None


KernelManagerABC.register(GatewayKernelManager)
