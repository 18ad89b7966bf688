"""Notebooks of programs that offer no choice of the kernel manager."""

from __future__ import annotations

import functools
from typing import Any

from .manager import GatewayKernelManager


def use_gateway() -> None:
    """From now on, ``nbclient`` runs notebooks on the server that the environment names.

    For programs that make ``NotebookClient`` themselves and let nobody choose its kernel manager:
    nbmake (in ``conftest.py``), jupyter-cache, MyST-NB (in ``conf.py``). A manager that is named
    nevertheless is used.

    Raises:
        ImportError: nbclient is not installed.
    """
    from nbclient import NotebookClient  # noqa: PLC0415 - others need only jupyter_client

    begin = NotebookClient.__init__
    if getattr(begin, "is_of_gateway", False):
        return

    @functools.wraps(begin)
    def begin_with_gateway(self: NotebookClient, *args: Any, **options: Any) -> None:
        options.setdefault("kernel_manager_class", GatewayKernelManager)
        begin(self, *args, **options)

    begin_with_gateway.is_of_gateway = True  # type: ignore[attr-defined]  # a mark of our own
    NotebookClient.__init__ = begin_with_gateway  # type: ignore[method-assign]  # on purpose
