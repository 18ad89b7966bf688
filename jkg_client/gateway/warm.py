"""Kernels that are started before anybody asks for one."""

from __future__ import annotations

from collections import deque
from typing import Protocol, runtime_checkable

from ..client.deadline import Deadline
from ..errors import KernelNotFound
from .rest import LAUNCH_SECONDS, JupyterClient

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


@runtime_checkable
class HasWarmKernels(Protocol):
    """A server that may have started kernels already."""

    @property
    def warm_kernels(self) -> WarmKernels:
        """Those that nobody has taken yet."""
        ...
