"""Sets the default kernel manager of nbclient."""

from __future__ import annotations

import functools
from typing import Any

from .manager import GatewayKernelManager


def use_gateway() -> None:
    """Make ``nbclient`` run notebooks on the server that environment variables name.

    Call this in programs that create ``NotebookClient`` themselves and have no option for its
    kernel manager, such as nbmake (in ``conftest.py``), jupyter-cache and MyST-NB (in ``conf.py``).
    If a program passes a kernel manager, that manager is used.

    Raises:
        ImportError: nbclient is not installed.
    """
    from nbclient import NotebookClient  # noqa: PLC0415 - only this function needs nbclient

    begin = NotebookClient.__init__
    if getattr(begin, "is_of_gateway", False):
        return

    @functools.wraps(begin)
    def begin_with_gateway(self: NotebookClient, *args: Any, **options: Any) -> None:
        options.setdefault("kernel_manager_class", GatewayKernelManager)
        begin(self, *args, **options)

    begin_with_gateway.is_of_gateway = True  # type: ignore[attr-defined]  # a mark of this module
    NotebookClient.__init__ = begin_with_gateway  # type: ignore[method-assign]  # on purpose
