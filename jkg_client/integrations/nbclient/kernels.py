"""The kernel of a kernel manager: started or attached, checked, and ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...client.kernel_ownership import KernelOwnership
from ...errors import ClientClosed
from ...gateway.connection import JupyterConnectable, JupyterConnectionInfo
from ...gateway.rest import JupyterClient
from ...gateway.started_servers import provider_of
from ...protocol.values import mapping_of
from ...servers.jupyterhub.server import JupyterHubServer

_CHANGE_FOLDER = (
    "__import__('os').path.isdir({0!r}) and __import__('os').chdir({0!r})"  # this defines no name
)


class ManagedKernel:
    """One kernel of a server.

    It has no reference to the manager, so that an unused manager can be garbage-collected.

    Args:
        server: The server.
        kernel_id: Id of a running kernel, which is kept. None for a kernel that ``start`` starts.
        stop_server: Whether the server was started for this kernel and ends with it.

    Attributes:
        provider: Client of the server's REST API.
        kernel_name: Name of the kernel.
        spec: The server's description of kernels of that name.
        first_code: Code to run before any other code. It may be empty.
    """

    def __init__(
        self,
        server: JupyterConnectable | JupyterConnectionInfo,
        kernel_id: str | None,
        *,
        stop_server: bool = False,
    ) -> None:
        self._server = server  # a reference, so that a started server does not end
        self._stop_server = stop_server
        self.provider: JupyterClient = provider_of(server)
        self._owned = KernelOwnership(self.provider, kernel_id, is_attached=kernel_id is not None)
        self._is_ended = False
        self.kernel_name: str = ""
        self.first_code: str = ""
        self.spec: Mapping[str, Any] = {}

    @property
    def kernel_id(self) -> str:
        """Id of the kernel. Empty before ``start``."""
        return self._owned.kernel_id or ""

    def start(
        self, name: str, env: Mapping[str, str] | None, folder: str | None, seconds: float
    ) -> None:
        """Start the kernel, or find the running kernel with the given id.

        Args:
            name: Name of the kernel. Empty for the server's default.
            env: Environment variables of the kernel.
            folder: Folder in which code runs, if the kernel's machine has it.
            seconds: Time limit for the start.
        """
        known = self.provider.list_kernel_specs()
        if self._owned.is_attached:
            self.kernel_name = str(self.provider.get_kernel(self.kernel_id).get("name", ""))
        else:
            self.kernel_name = name or str(known.get("default") or "python3")
            self._owned.start(self.kernel_name, env, seconds)
        if self._is_ended:
            self.end()  # a kernel that was started after the first ``end``
            raise ClientClosed("the kernel was stopped while it was starting")
        self.spec = mapping_of(mapping_of(known["kernelspecs"].get(self.kernel_name)).get("spec"))
        if folder and not self._owned.is_attached and self.spec.get("language") == "python":
            self.first_code = _CHANGE_FOLDER.format(folder)

    def look(self) -> None:
        """Check that the server still has the kernel. Raises ``KernelNotFound`` if it does not."""
        self.provider.get_kernel(self.kernel_id)

    def interrupt(self) -> None:
        """Interrupt the running cell."""
        self.provider.interrupt_kernel(self.kernel_id)

    def restart(self, seconds: float) -> None:
        """Restart the kernel."""
        self.provider.restart_kernel(self.kernel_id, timeout_seconds=seconds)

    def end(self) -> None:
        """Delete the kernel unless it was given by its id. A second call does nothing."""
        self._is_ended = True
        self._owned.end()
        if self._stop_server and isinstance(self._server, JupyterHubServer):
            self._server.stop()
