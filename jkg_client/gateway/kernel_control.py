"""One kernel on a Jupyter server, as REST shows it: its life, and power over it."""

from __future__ import annotations

import logging
import time
from typing import Any
from urllib.parse import quote

from ..client.deadline import Deadline
from ..errors import GatewayError, GatewayStatus, KernelNotFound, ServerNotRunning
from .answers import is_kernel_id, not_a_gateway
from .deadline_socket import ChannelsAddress
from .http_session import HttpSession

LAUNCH_SECONDS = 120.0
"""Time limit to start or restart a kernel: Enterprise Gateway may schedule a pod for it."""

_log = logging.getLogger("jkg_client")


class ServerKernel:
    """A kernel of a server; a ``KernelControl``.

    Args:
        http: The server.
        kernel_id: The kernel.

    Raises:
        ValueError: The id is no string, or empty.
    """

    def __init__(self, http: HttpSession, kernel_id: str) -> None:
        if not isinstance(kernel_id, str) or not kernel_id:
            raise ValueError(
                f"the id of a kernel must be a string that is not empty, not {kernel_id!r}"
            )
        self._http = http
        self._path = f"/api/kernels/{quote(kernel_id, safe='')}"
        self.kernel_id = kernel_id

    @property
    def name(self) -> str:
        """Id and server, for messages to people."""
        return f"{self.kernel_id} of {self._http.info.url}"

    def interrupt(self, deadline: Deadline) -> None:
        """Interrupt what the kernel runs, as Ctrl-C would."""
        _log.info("kernel %s: interrupt", self.kernel_id)
        self._http.request("POST", f"{self._path}/interrupt", {}, timeout_seconds=deadline.left())

    def restart(self, deadline: Deadline) -> None:
        """Restart the kernel; it has forgotten everything, its id stays."""
        _log.info("kernel %s: restart", self.kernel_id)
        left = deadline.left()
        seconds = LAUNCH_SECONDS if left is None else left
        try:
            self._http.request("POST", f"{self._path}/restart", {}, timeout_seconds=seconds)
        except KernelNotFound:
            raise
        except GatewayStatus:
            self.model(Deadline(None))  # 500 is how an unknown kernel is answered here
            raise

    def delete(self) -> None:
        """End the kernel."""
        try:
            self._http.request("DELETE", self._path)
        except GatewayStatus as exc:
            if exc.status != 500:
                raise
            # Just after a kernel's death servers answer so, for some tenths of a second.
            time.sleep(0.3)
            self._http.request("DELETE", self._path)

    def model(self, deadline: Deadline) -> dict[str, Any]:
        """What the server says of the kernel: ``execution_state``, ``connections`` ….

        Raises:
            KernelNotFound: There is no such kernel (any more).
        """
        answer = self._http.json("GET", self._path, timeout_seconds=deadline.left())
        if not (isinstance(answer, dict) and is_kernel_id(answer.get("id"))):
            raise not_a_gateway(self._http.info, self._path, answer)
        return answer

    def model_if_told(self, deadline: Deadline) -> dict[str, Any] | None:
        """The same; None if the server does not say it in time.

        REST has a line of its own, which may be as dead as that of the channels: that is no news
        of the kernel.
        """
        try:
            return self.model(deadline)
        except (KernelNotFound, ServerNotRunning):
            raise
        except GatewayError as exc:
            _log.info("the state of kernel %s is unknown: %s", self.kernel_id, exc)
            return None

    def state(self, deadline: Deadline) -> str | None:
        """The kernel's execution state, as the server has it; None if it does not say."""
        state = (self.model_if_told(deadline) or {}).get("execution_state")
        return state if isinstance(state, str) else None

    def channels_address(self, session: str) -> ChannelsAddress:
        """Where its WebSocket is and what the handshake needs."""
        return self._http.channels_address(f"{self._path}/channels", session)
