"""Clients of servers that this program has started. They use prespawned kernels and the log."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from ..client.deadline import Deadline
from ..errors import GatewayStatus, KernelNotFound
from .connection import JupyterConnectable, JupyterConnectionInfo, info_of
from .kernel_control import LAUNCH_SECONDS, ServerKernel
from .prespawned_kernels import PrespawnedKernels
from .rest import JupyterClient
from .websocket import WebSocketTransport


class _StartedServerClient(JupyterClient):
    """Client of a server that this program has started, so that its log can be read.

    It hands over the prespawned kernels before it starts new ones. If a kernel of this client does
    not start, the error has the end of the server's log.
    """

    def __init__(
        self,
        info: JupyterConnectionInfo,
        prespawned_kernels: PrespawnedKernels,
        log_summary: Callable[[], str],
    ) -> None:
        super().__init__(info)
        self._prespawned_kernels = prespawned_kernels
        self._log_summary = log_summary
        self._started: set[str] = set()

    def start_kernel(
        self,
        kernel_spec_name: str,
        *,
        env: Mapping[str, str] | None = None,
        path: str | None = None,
        timeout_seconds: float = LAUNCH_SECONDS,
    ) -> str:
        """Take a prespawned kernel if one fits; otherwise start one."""
        kernel_id = None
        if env is None and path is None:
            kernel_id = self._prespawned_kernels.take(self, kernel_spec_name)
        if kernel_id is None:
            with self._log_quoted():
                kernel_id = super().start_kernel(
                    kernel_spec_name, env=env, path=path, timeout_seconds=timeout_seconds
                )
        self._started.add(kernel_id)
        return kernel_id

    def _socket(
        self, kernel: ServerKernel, session: str, deadline: Deadline, overtime: float
    ) -> WebSocketTransport:
        # The log has nothing about a wrong kernel_id of the caller.
        is_ours = kernel.kernel_id in self._started
        with self._log_quoted() if is_ours else contextlib.nullcontext():
            return super()._socket(kernel, session, deadline, overtime)

    @contextlib.contextmanager
    def _log_quoted(self) -> Iterator[None]:
        """Add the end of the log to an error that may be the fault of a kernel."""
        try:
            yield
        except GatewayStatus as exc:
            log = self._log_summary() if type(exc) in (GatewayStatus, KernelNotFound) else ""
            if not log:
                raise
            hint = f"{exc.hint}; " if exc.hint else ""
            hint += f"the end of the server's log:\n{log}"
            raise type(exc)(exc.status, exc.request, exc.body, hint) from exc


def provider_of(server: JupyterConnectable) -> JupyterClient:
    """A client of ``server``. It uses the server's prespawned kernels first."""
    info, prespawned_kernels = info_of(server), getattr(server, "prespawned_kernels", None)
    if isinstance(prespawned_kernels, PrespawnedKernels):
        return _StartedServerClient(info, prespawned_kernels, getattr(server, "log_summary", str))
    return JupyterClient(info)
