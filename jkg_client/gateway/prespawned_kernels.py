"""Kernels that a server starts in advance, before an executor asks for one."""

from __future__ import annotations

from collections import deque

from ..client.deadline import Deadline
from ..errors import KernelNotFound
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
