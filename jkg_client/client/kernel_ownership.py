"""Deletes the kernel of an executor, also if the executor was not stopped."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping

from attrs import define, field

from ..errors import GatewayError, KernelNotFound, ServerNotRunning
from .channels import KernelProvider
from .ctrl_c import CtrlCHeldBack
from .forks import check_owner
from .kernel import JupyterKernelClient

_log = logging.getLogger("jkg_client")


@define(eq=False)
class KernelOwnership:
    """A kernel, its connection and its provider, which are ended together.

    It has no reference to the executor, so that the executor can be garbage-collected.

    Attributes:
        provider: Starts and deletes the kernel. The provider is closed at the end.
        kernel_id: Id of the kernel. None while there is no kernel.
        is_attached: The kernel existed before the executor, and is not deleted.
        kernel: The connection. None while there is no connection.
    """

    provider: KernelProvider
    kernel_id: str | None
    is_attached: bool
    kernel: JupyterKernelClient | None = field(default=None, init=False)
    _process: int = field(factory=os.getpid, init=False)

    def check_process(self) -> None:
        """Raise ClientClosed in a forked child, which does not own the kernel of its parent."""
        check_owner(self._process, "the executor")

    @property
    def is_of_this_process(self) -> bool:
        """False in a forked child."""
        return self._process == os.getpid()

    def start(self, kernel_name: str, env: Mapping[str, str] | None, seconds: float) -> str:
        """Start a kernel and own it."""
        with CtrlCHeldBack():
            kernel_id = self.provider.start_kernel(kernel_name, env=env, timeout_seconds=seconds)
            self.kernel_id = kernel_id
        _log.info("kernel %s: %r was started", kernel_id, kernel_name)
        return kernel_id

    def forget(self) -> None:
        """The kernel does not exist any more: close the connection."""
        kernel, self.kernel, self.kernel_id = self.kernel, None, None
        if kernel is not None:
            kernel.stop()

    def end(self) -> None:
        """Delete the kernel unless it is attached, and close everything.

        A second call does nothing. A call in a forked child does nothing, either.
        """
        if self._process != os.getpid():
            return
        with CtrlCHeldBack():
            if self.kernel is not None:
                self.kernel.stop()
            if self.kernel_id is not None and not self.is_attached:
                self._delete(self.kernel_id)
            self.kernel_id = None
            self.provider.close()

    def end_forgotten(self) -> None:
        """Do the same as ``end``, for an executor that was not stopped."""
        if self._process == os.getpid() and self.kernel_id is not None:
            message = f"an executor with kernel {self.kernel_id} was not stopped"
            warnings.warn(message, ResourceWarning, stacklevel=2)
        self.end()

    def _delete(self, kernel_id: str) -> None:
        try:
            self.provider.delete_kernel(kernel_id)
            _log.info("kernel %s: was deleted", kernel_id)
        except (KernelNotFound, ServerNotRunning):
            pass
        except GatewayError as exc:
            _log.warning("kernel %s could not be deleted: %s", kernel_id, exc)
