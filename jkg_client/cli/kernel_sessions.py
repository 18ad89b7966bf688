"""The kernel of a command: a new one, which ends with the command, or a running one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping

from ..client.channels import KernelProvider
from ..client.kernel import JupyterKernelClient
from ..client.kernel_ownership import KernelOwnership
from ..client.timeouts import TIMEOUTS
from ..errors import KernelNotReady
from .attached import AttachedKernels
from .screen import Screen

_SLOW = 1.0
"""Seconds after which a command shows on a terminal what it is waiting for."""


@contextlib.contextmanager
def kernel_of(
    provider: KernelProvider,
    kernel_name: str,
    *,
    kernel_id: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[JupyterKernelClient]:
    """A kernel that is ready. If it was started here, it is deleted at the end of the block.

    Args:
        provider: Starts the kernel, or has the running one.
        kernel_name: Name of the kernel to start.
        kernel_id: Id of a running kernel to use instead.
        env: Environment variables of a kernel that is started.

    Raises:
        JkgError: The kernel cannot be started, or it does not exist.
    """
    is_attached = kernel_id is not None
    used = AttachedKernels(provider) if is_attached else provider
    owned = KernelOwnership(used, kernel_id, is_attached=is_attached)
    try:
        started = kernel_id or owned.start(kernel_name, env, TIMEOUTS.launch)
        owned.kernel = JupyterKernelClient(used, started)
        if not owned.kernel.wait_for_ready(TIMEOUTS.ready):
            raise KernelNotReady(f"kernel {started} does not answer")
        yield owned.kernel
    finally:
        owned.end()


@contextlib.contextmanager
def told_if_slow(screen: Screen, text: str) -> Iterator[None]:
    """If the block takes long, show ``text`` on a terminal. Remove it at the end."""
    if not screen.can_draw:
        yield
        return
    timer = threading.Timer(_SLOW, screen.draw, [text])
    timer.name = "jkg-slow-start"
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        screen.clear()
