"""One kernel on a Jupyter server: state, interrupt, restart and deletion through REST."""

from __future__ import annotations

import logging
import time
from typing import Any
from urllib.parse import quote

from attrs import evolve

from ..client import arguments
from ..client.deadline import Deadline
from ..errors import GatewayError, GatewayStatus, KernelNotFound, ServerNotRunning
from .deadline_socket import ChannelsAddress
from .http_session import HttpSession
from .responses import is_kernel_id, not_a_gateway

LAUNCH_SECONDS = 120.0
"""Time limit to start or restart a kernel: Enterprise Gateway may schedule a pod for it."""

_log = logging.getLogger("jkg_client")


class ServerKernel:
    """A kernel of a server. Implements ``KernelControl``.

    Args:
        http: HTTP session with the server.
        kernel_id: Id of the kernel.

    Raises:
        ValueError: The id is empty or not a string.
    """

    def __init__(self, http: HttpSession, kernel_id: str) -> None:
        name = arguments.filled("kernel_id", kernel_id)
        self._http = http
        self._path = f"/api/kernels/{quote(name, safe='')}"
        self.kernel_id = kernel_id

    @property
    def name(self) -> str:
        """Id and server, for log and error messages."""
        return f"{self.kernel_id} of {self._http.info.url}"

    def interrupt(self, deadline: Deadline) -> None:
        """Interrupt the running cell, as Ctrl-C does."""
        _log.info("kernel %s: interrupt", self.kernel_id)
        self._http.request("POST", f"{self._path}/interrupt", {}, timeout_seconds=deadline.left())

    def restart(self, deadline: Deadline) -> None:
        """Restart the kernel. Its variables are lost, its id stays."""
        _log.info("kernel %s: restart", self.kernel_id)
        left = deadline.left()
        seconds = LAUNCH_SECONDS if left is None else left
        try:
            self._http.request("POST", f"{self._path}/restart", {}, timeout_seconds=seconds)
        except KernelNotFound:
            raise
        except GatewayStatus:
            self.model(Deadline(None))  # servers answer 500 for an unknown kernel, too
            raise

    def delete(self) -> None:
        """End the kernel."""
        try:
            self._http.request("DELETE", self._path)
        except GatewayStatus as exc:
            if exc.status != 500:
                raise
            # For some tenths of a second after a kernel's death, servers answer with 500.
            time.sleep(0.3)
            self._http.request("DELETE", self._path)

    def model(self, deadline: Deadline) -> dict[str, Any]:
        """The server's data about the kernel: ``execution_state``, ``connections`` and more.

        Raises:
            KernelNotFound: There is no such kernel (any more).
        """
        answer = self._http.json("GET", self._path, timeout_seconds=deadline.left())
        if not (isinstance(answer, dict) and is_kernel_id(answer.get("id"))):
            raise not_a_gateway(self._http.info, self._path, answer)
        return answer

    def model_if_told(self, deadline: Deadline) -> dict[str, Any] | None:
        """The result of ``model``. None if the server does not answer in time.

        A failure of the REST connection says nothing about the kernel.
        """
        try:
            return self.model(deadline)
        except (KernelNotFound, ServerNotRunning):
            raise
        except GatewayError as exc:
            _log.info("the state of kernel %s is unknown: %s", self.kernel_id, exc)
            return None

    def state(self, deadline: Deadline) -> str | None:
        """The kernel's execution state. None if the server does not answer in time."""
        state = (self.model_if_told(deadline) or {}).get("execution_state")
        return state if isinstance(state, str) else None

    def channels_address(self, session: str) -> ChannelsAddress:
        """The address of the kernel's WebSocket, and the data for the handshake."""
        address = self._http.channels_address(f"{self._path}/channels", session)
        return evolve(address, check=self.model_if_told)
