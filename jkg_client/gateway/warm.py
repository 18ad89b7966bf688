"""Kernels that are started before anybody asks for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from ..client.deadline import Deadline
from ..errors import KernelNotFound
from .connection import JupyterConnectable, JupyterConnectionInfo, info_of
from .kernel_control import LAUNCH_SECONDS
from .rest import JupyterClient

WARM_KERNEL = "python3"
"""The kernel that an executor starts unless told otherwise."""


class WarmKernels:
    """Kernels that wait for whoever takes them.

    Args:
        client: Of the server, for now.
        count: How many to start.
        deadline: Until when they must be started; each may still be booting then.

    Raises:
        KernelSpecNotFound: If the server has no ``WARM_KERNEL``.
        GatewayError: If it does not start one.
    """

    def __init__(self, client: JupyterClient, count: int, deadline: Deadline) -> None:
        limit = deadline.within(LAUNCH_SECONDS)
        self._ids = deque(
            client.start_kernel(WARM_KERNEL, timeout_seconds=limit.left() or 0.0)
            for _ in range(count)
        )

    def take(self, client: JupyterClient, kernel_spec_name: str) -> str | None:
        """The id of a kernel of this name, which is the caller's now; None if none is left.

        Raises:
            GatewayError: The server is away.
        """
        while self._ids and kernel_spec_name == WARM_KERNEL:
            try:
                kernel_id = self._ids.popleft()
                client.get_kernel(kernel_id)
            except (IndexError, KernelNotFound):  # taken by another thread, or culled
                continue
            return kernel_id
        return None


class _WarmClient(JupyterClient):
    """Gives away the warm kernels of its server before it starts others."""

    def __init__(self, info: JupyterConnectionInfo, warm_kernels: WarmKernels) -> None:
        super().__init__(info)
        self._warm_kernels = warm_kernels

    def start_kernel(
        self,
        kernel_spec_name: str,
        *,
        env: Mapping[str, str] | None = None,
        path: str | None = None,
        timeout_seconds: float = LAUNCH_SECONDS,
    ) -> str:
        """Take a warm kernel if one fits; otherwise start one."""
        if env is None and path is None:
            kernel_id = self._warm_kernels.take(self, kernel_spec_name)
            if kernel_id is not None:
                return kernel_id
        return super().start_kernel(
            kernel_spec_name, env=env, path=path, timeout_seconds=timeout_seconds
        )


def provider_of(server: JupyterConnectable) -> JupyterClient:
    """A client of ``server``, which gives away its warm kernels if it has any."""
    info, warm_kernels = info_of(server), getattr(server, "warm_kernels", None)
    if isinstance(warm_kernels, WarmKernels):
        return _WarmClient(info, warm_kernels)
    return JupyterClient(info)
