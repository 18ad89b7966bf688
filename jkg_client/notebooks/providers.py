"""Where a notebook runs: a server, a provider of kernels, or this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, Union, runtime_checkable

from ..client.channels import KernelProvider
from ..gateway.connection import JupyterConnectable, JupyterConnectionInfo, info_of
from ..gateway.prespawned_kernels import provider_of
from ..gateway.rest import JupyterClient
from .kernel_choice import InstalledKernels


@runtime_checkable
class NotebookKernels(KernelProvider, Protocol):
    """A provider that tells which kernels it has: ``JupyterClient``, ``LocalKernels``."""

    def list_kernel_specs(self) -> dict[str, Any]:
        """As Jupyter servers tell it: ``{"default": name, "kernelspecs": {name: …}}``."""
        ...


NotebookServer = Union[JupyterConnectable, NotebookKernels, None]
"""A server or what says where it is, a provider of kernels, or None: the gateway that
JUPYTER_GATEWAY_URL names, or this machine if it names none."""


@contextlib.contextmanager
def kernels_of(server: object, cwd: Path | None) -> Iterator[NotebookKernels]:
    """The provider for ``server``; one that was made here is closed in the end.

    Args:
        server: A ``NotebookServer``.
        cwd: Where kernels on this machine start.

    Raises:
        ValueError: ``server`` is no server.
    """
    if isinstance(server, NotebookKernels):
        yield server
        return
    if server is None and gateway_is_named():
        server = JupyterConnectionInfo.from_env()
    made: NotebookKernels = _local(cwd) if server is None else _client(server)
    try:
        yield made
    finally:
        made.close()


def gateway_is_named() -> bool:
    """Whether the environment names a gateway."""
    return bool(os.environ.get("JUPYTER_GATEWAY_URL", "").strip())


def installed(kernels: NotebookKernels) -> InstalledKernels:
    """The kernels that there are."""
    return InstalledKernels.of(kernels.list_kernel_specs())


def name_of_running(kernels: NotebookKernels, kernel_id: str) -> str | None:
    """The name by which a kernel was started; None if nobody knows."""
    if not isinstance(kernels, JupyterClient):
        return None
    name = kernels.get_kernel(kernel_id).get("name")
    return name if isinstance(name, str) else None


def _client(server: Any) -> JupyterClient:
    info_of(server)
    return provider_of(server)


def _local(cwd: Path | None) -> NotebookKernels:
    # It needs an extra.
    from ..embedded.kernels import LocalKernels  # noqa: PLC0415

    return LocalKernels(cwd=cwd)
