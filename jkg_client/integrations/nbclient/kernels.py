"""A kernel that a manager has: started or attached to, looked at, ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...client.kernel_ownership import KernelOwnership
from ...errors import ClientClosed
from ...gateway.connection import JupyterConnectable, JupyterConnectionInfo
from ...gateway.prespawned_kernels import provider_of
from ...gateway.rest import JupyterClient
from ...protocol.values import mapping_of
from ...servers.jupyterhub.server import JupyterHubServer

_CHANGE_FOLDER = (
    "__import__('os').path.isdir({0!r}) and __import__('os').chdir({0!r})"  # leaves no name behind
)


class ManagedKernel:
    """One kernel of a server. It does not refer to the manager, which may therefore be collected.

    Args:
        server: The server.
        kernel_id: A kernel that runs, and stays; None for one that ``start`` starts.
        stop_server: The server was started for this kernel: it ends with the kernel.

    Attributes:
        provider: The server's REST API.
        kernel_name: Name of the kernel.
        spec: What the server says of kernels of that name.
        first_code: What to run in the kernel before anything else, may be empty.
    """

    def __init__(
        self,
        server: JupyterConnectable | JupyterConnectionInfo,
        kernel_id: str | None,
        *,
        stop_server: bool = False,
    ) -> None:
        self._server = server  # a launched one ends when nobody refers to it
        self._stop_server = stop_server
        self.provider: JupyterClient = provider_of(server)
        self._owned = KernelOwnership(self.provider, kernel_id, is_attached=kernel_id is not None)
        self._is_ended = False
        self.kernel_name: str = ""
        self.first_code: str = ""
        self.spec: Mapping[str, Any] = {}

    @property
    def kernel_id(self) -> str:
        """Id of the kernel; empty before ``start``."""
        return self._owned.kernel_id or ""

    def start(
        self, name: str, env: Mapping[str, str] | None, folder: str | None, seconds: float
    ) -> None:
        """Start the kernel, or find the one that was named.

        Args:
            name: Which kernel; empty for the server's default.
            env: Environment of the kernel.
            folder: Where code shall run, if the kernel's machine has it.
            seconds: For the launch.
        """
        known = self.provider.list_kernel_specs()
        if self._owned.is_attached:
            self.kernel_name = str(self.provider.get_kernel(self.kernel_id).get("name", ""))
        else:
            self.kernel_name = name or str(known.get("default") or "python3")
            self._owned.start(self.kernel_name, env, seconds)
        if self._is_ended:
            self.end()  # what was started since
            raise ClientClosed("the kernel was ended while it was started")
        self.spec = mapping_of(mapping_of(known["kernelspecs"].get(self.kernel_name)).get("spec"))
        if folder and not self._owned.is_attached and self.spec.get("language") == "python":
            self.first_code = _CHANGE_FOLDER.format(folder)

    def look(self) -> None:
        """See that the server has the kernel; raises KernelNotFound if it has not."""
        self.provider.get_kernel(self.kernel_id)

    def interrupt(self) -> None:
        """Interrupt what the kernel runs."""
        self.provider.interrupt_kernel(self.kernel_id)

    def restart(self, seconds: float) -> None:
        """Restart the kernel."""
        self.provider.restart_kernel(self.kernel_id, timeout_seconds=seconds)

    def end(self) -> None:
        """Delete the kernel unless it was there before, and close all; may be called twice."""
        self._is_ended = True
        self._owned.end()
        if self._stop_server and isinstance(self._server, JupyterHubServer):
            self._server.stop()
