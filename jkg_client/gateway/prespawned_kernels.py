"""Kernels that a server starts in advance, before an executor asks for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from ..client.deadline import Deadline
from ..errors import KernelNotFound
from .connection import JupyterConnectable, JupyterConnectionInfo, info_of
from .kernel_control import LAUNCH_SECONDS
from .rest import JupyterClient

PRESPAWNED_KERNEL = "python3"
"""The default kernel of executors."""


class PrespawnedKernels:
    """Running kernels that no executor uses yet.

    Args:
        client: Client of the server. Only the constructor uses it.
        count: Number of kernels to start.
        deadline: Time limit for the start requests. A kernel may need longer until it answers.

    Raises:
        KernelSpecNotFound: The server has no ``PRESPAWNED_KERNEL``.
        GatewayError: The server cannot start a kernel.
    """

    def __init__(self, client: JupyterClient, count: int, deadline: Deadline) -> None:
        limit = deadline.within(LAUNCH_SECONDS)
        self._ids = deque(
            client.start_kernel(PRESPAWNED_KERNEL, timeout_seconds=limit.left() or 0.0)
            for _ in range(count)
        )

    def take(self, client: JupyterClient, kernel_spec_name: str) -> str | None:
        """Hand over a kernel of this name and return its id; None if no such kernel is left.

        Raises:
            GatewayError: The server cannot be reached.
        """
        while self._ids and kernel_spec_name == PRESPAWNED_KERNEL:
            try:
                kernel_id = self._ids.popleft()
                client.get_kernel(kernel_id)
            except (IndexError, KernelNotFound):  # taken by another thread, or culled
                continue
            return kernel_id
        return None


class _PrespawningClient(JupyterClient):
    """Hands over the prespawned kernels of its server before it starts new ones."""

    def __init__(self, info: JupyterConnectionInfo, prespawned_kernels: PrespawnedKernels) -> None:
        super().__init__(info)
        self._prespawned_kernels = prespawned_kernels

    def start_kernel(
        self,
        kernel_spec_name: str,
        *,
        env: Mapping[str, str] | None = None,
        path: str | None = None,
        timeout_seconds: float = LAUNCH_SECONDS,
    ) -> str:
        """Take a prespawned kernel if one fits; otherwise start one."""
        if env is None and path is None:
            kernel_id = self._prespawned_kernels.take(self, kernel_spec_name)
            if kernel_id is not None:
                return kernel_id
        return super().start_kernel(
            kernel_spec_name, env=env, path=path, timeout_seconds=timeout_seconds
        )


def provider_of(server: JupyterConnectable) -> JupyterClient:
    """A client of ``server`` that uses the prespawned kernels of the server first."""
    info, prespawned_kernels = info_of(server), getattr(server, "prespawned_kernels", None)
    if isinstance(prespawned_kernels, PrespawnedKernels):
        return _PrespawningClient(info, prespawned_kernels)
    return JupyterClient(info)
