"""Finds the provider of kernels for a notebook: a server or this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, Union, runtime_checkable

from ..client.channels import KernelProvider
from ..gateway.connection import JupyterConnectable, JupyterConnectionInfo, info_of
from ..gateway.rest import JupyterClient
from ..gateway.started_servers import provider_of
from .kernel_choice import InstalledKernels


@runtime_checkable
class NotebookKernels(KernelProvider, Protocol):
    """A provider that can list its kernels, such as ``JupyterClient`` and ``LocalKernels``."""

    def list_kernel_specs(self) -> dict[str, Any]:
        """The kernels in the format ``{"default": name, "kernelspecs": {name: …}}``."""
        ...


NotebookServer = Union[JupyterConnectable, NotebookKernels, None]
"""A server, a ``JupyterConnectionInfo``, or a provider of kernels. None for the gateway of
JUPYTER_GATEWAY_URL or, if that is not set, for this machine."""


@contextlib.contextmanager
def kernels_of(server: object, cwd: Path | None) -> Iterator[NotebookKernels]:
    """The provider for ``server``. If it is created here, it is closed at the end of the block.

    Args:
        server: A ``NotebookServer``.
        cwd: Folder in which kernels on this machine start.

    Raises:
        ValueError: ``server`` is not a ``NotebookServer``.
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
    """Whether JUPYTER_GATEWAY_URL is set."""
    return bool(os.environ.get("JUPYTER_GATEWAY_URL", "").strip())


def installed(kernels: NotebookKernels) -> InstalledKernels:
    """The installed kernels."""
    return InstalledKernels.of(kernels.list_kernel_specs())


def name_of_running(kernels: NotebookKernels, kernel_id: str) -> str | None:
    """The name of a running kernel's spec. None if it is unknown."""
    if not isinstance(kernels, JupyterClient):
        return None
    name = kernels.get_kernel(kernel_id).get("name")
    return name if isinstance(name, str) else None


def _client(server: Any) -> JupyterClient:
    info_of(server)
    return provider_of(server)


def _local(cwd: Path | None) -> NotebookKernels:
    # Imported only here, because it needs the extra ``embedded``.
    from ..embedded.kernels import LocalKernels  # noqa: PLC0415

    return LocalKernels(cwd=cwd)
