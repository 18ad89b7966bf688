"""A running kernel that the command did not start: it may be interrupted, but not restarted."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..client.channels import KernelConnection, KernelControl, KernelProvider
from ..client.deadline import Deadline
from ..client.timeouts import Timeouts
from ..errors import GatewayTimeout


@frozen
class AttachedKernels:
    """The kernels of ``provider``. They are never restarted or deleted."""

    _provider: KernelProvider

    def start_kernel(
        self,
        kernel_spec_name: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float = 120.0,
    ) -> str:
        """Start a kernel. This kernel is not deleted, either."""
        return self._provider.start_kernel(
            kernel_spec_name, env=env, timeout_seconds=timeout_seconds
        )

    def connect(self, kernel_id: str, deadline: Deadline, timeouts: Timeouts) -> KernelConnection:
        """Connect to a kernel."""
        connection = self._provider.connect(kernel_id, deadline, timeouts)
        return KernelConnection(connection.channels, _Interrupts(connection.control, kernel_id))

    def delete_kernel(self, kernel_id: str) -> None:
        """Do nothing: the kernel keeps running."""

    def close(self) -> None:
        """Close the provider."""
        self._provider.close()


@frozen
class _Interrupts:
    """A ``KernelControl`` that interrupts but does not restart."""

    _control: KernelControl
    _kernel_id: str

    def interrupt(self, deadline: Deadline) -> None:
        """Interrupt the running cell."""
        self._control.interrupt(deadline)

    def restart(self, deadline: Deadline) -> None:  # noqa: ARG002 - a restart is always refused
        """Refuse, because other clients may need the variables of the kernel."""
        raise GatewayTimeout(
            f"the code in kernel {self._kernel_id} does not end after an interrupt. The kernel was"
            " not started here, so it is not restarted, and the code may still be running"
        )

    def state(self, deadline: Deadline) -> str | None:
        """The state of the kernel, if it is known."""
        return self._control.state(deadline)
