"""A kernel of somebody else: it is interrupted at most, never restarted or ended."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..client.channels import KernelConnection, KernelControl, KernelProvider
from ..client.deadline import Deadline
from ..client.timeouts import Timeouts
from ..errors import GatewayTimeout


@frozen
class AttachedKernels:
    """The kernels of ``provider``, which stay whatever happens."""

    _provider: KernelProvider

    def start_kernel(
        self,
        kernel_spec_name: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float = 120.0,
    ) -> str:
        """Start a kernel; it is not ended, either."""
        return self._provider.start_kernel(
            kernel_spec_name, env=env, timeout_seconds=timeout_seconds
        )

    def connect(self, kernel_id: str, deadline: Deadline, timeouts: Timeouts) -> KernelConnection:
        """Connect to a kernel."""
        connection = self._provider.connect(kernel_id, deadline, timeouts)
        return KernelConnection(connection.channels, _Interrupts(connection.control, kernel_id))

    def delete_kernel(self, kernel_id: str) -> None:
        """Leave it running."""

    def close(self) -> None:
        """Let go of all that it holds."""
        self._provider.close()


@frozen
class _Interrupts:
    """Power to interrupt a kernel, and no more."""

    _control: KernelControl
    _kernel_id: str

    def interrupt(self, deadline: Deadline) -> None:
        """Interrupt what it runs."""
        self._control.interrupt(deadline)

    def restart(self, deadline: Deadline) -> None:  # noqa: ARG002 - it is not done
        """Refuse: its variables are somebody else's."""
        raise GatewayTimeout(
            f"the code in kernel {self._kernel_id} does not end by an interrupt; the kernel belongs"
            " to somebody else, so it is not restarted, and the code may run on"
        )

    def state(self, deadline: Deadline) -> str | None:
        """What is known of its life."""
        return self._control.state(deadline)
