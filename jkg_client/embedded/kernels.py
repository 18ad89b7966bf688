"""Starts kernels on this machine, without a server."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..client import arguments
from ..client.channels import KernelConnection
from ..client.deadline import Deadline
from ..client.timeouts import Timeouts
from ..errors import ClientClosed
from ..protocol.zmq_wire import SigningKey
from . import kernelspecs
from .channels import ZmqChannels
from .connection_file import Transport
from .kernel import LocalKernel, kernel_not_found
from .launch import Plan
from .process import EndTimes

_END_TIMES = EndTimes()


class LocalKernels:
    """Runs kernels as processes of this machine, without a server.

    The kernels end with ``close``, and when this process ends, even if it is killed.

    Args:
        cwd: Folder in which kernels start. None for the current folder.
        transport: ``ipc`` or ``tcp``. None for ``ipc`` if the system allows it.
        signature_scheme: Scheme of the signatures: ``hmac-`` and a digest of ``hashlib``.
        end_times: Time limits for the stages of a kernel's end.

    Raises:
        ValueError: An argument is wrong.
    """

    def __init__(
        self,
        *,
        cwd: Path | str | None = None,
        transport: Transport | None = None,
        signature_scheme: str = "hmac-sha256",
        end_times: EndTimes = _END_TIMES,
    ) -> None:
        SigningKey(b"-", signature_scheme)
        if transport not in (None, "ipc", "tcp"):
            raise ValueError(f"transport must be 'ipc', 'tcp' or None, not {transport!r}")
        self._cwd = None if cwd is None else arguments.existing_folder("cwd", cwd)
        self._transport = transport
        self._scheme = signature_scheme
        self._end_times = end_times
        self._lock = threading.Lock()
        self._kernels: dict[str, LocalKernel] = {}
        self._closed = False

    def __enter__(self) -> LocalKernels:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def kernel_ids(self) -> list[str]:
        """Ids of the running kernels."""
        with self._lock:
            return list(self._kernels)

    def list_kernel_specs(self) -> dict[str, Any]:
        """Kernels that can be started, in the format of ``JupyterClient.list_kernel_specs``."""
        return kernelspecs.listed()

    def start_kernel(
        self,
        kernel_spec_name: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float = 120.0,  # noqa: ARG002 - the process starts at once
    ) -> str:
        """Start a kernel, and return its id. The kernel does not answer yet.

        Args:
            kernel_spec_name: Name of an installed kernel.
            env: Environment variables that are added to the variables of this process. Secrets of
                this process are left out.
            timeout_seconds: Not used, because the process starts at once.

        Raises:
            KernelSpecNotFound: No such kernel is installed, or it needs a special provisioner.
            KernelStartError: The program of the kernel is missing.
            ValueError: An argument is wrong.
        """
        arguments.variables("env", env)
        plan = Plan(
            spec=kernelspecs.find(kernel_spec_name),
            env=dict(env or {}),
            cwd=self._cwd,
            transport=self._transport,
            scheme=self._scheme,
            times=self._end_times,
        )
        kernel = LocalKernel(plan)
        with self._lock:
            closed = self._closed
            if not closed:
                self._kernels[kernel.kernel_id] = kernel
        if closed:
            kernel.stop()
            raise ClientClosed("close() was called while a kernel was starting")
        return kernel.kernel_id

    def connect(self, kernel_id: str, deadline: Deadline, timeouts: Timeouts) -> KernelConnection:
        """Connect to a kernel as soon as it answers.

        Raises:
            KernelNotFound: The kernel does not exist (any more).
            KernelStartError: The kernel ended before it answered.
            KernelNotReady: The kernel does not answer in time.
        """
        kernel = self.kernel(kernel_id)
        return KernelConnection(ZmqChannels(kernel, deadline, timeouts), kernel)

    def kernel(self, kernel_id: str) -> LocalKernel:
        """The kernel with this id.

        Raises:
            KernelNotFound: The kernel does not exist (any more).
        """
        with self._lock:
            kernel = self._kernels.get(kernel_id)
        if kernel is None:
            raise kernel_not_found(kernel_id, "no kernel with this id is running here")
        return kernel

    def delete_kernel(self, kernel_id: str) -> None:
        """End the kernel, even if it is busy.

        Raises:
            KernelNotFound: The kernel does not exist (any more).
        """
        kernel = self.kernel(kernel_id)
        kernel.stop()
        with self._lock:
            self._kernels.pop(kernel_id, None)

    def close(self) -> None:
        """End all kernels. A second call does nothing."""
        self._closed = True
        while True:
            with self._lock:
                if not self._kernels:
                    return
                _, kernel = self._kernels.popitem()
            kernel.stop()
