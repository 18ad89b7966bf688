"""The kernel that a command uses: a new one, which ends with the command, or one that runs."""

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
"""Seconds of silence after which a command says on a terminal what it waits for."""


@contextlib.contextmanager
def kernel_of(
    provider: KernelProvider,
    kernel_name: str,
    *,
    kernel_id: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[JupyterKernelClient]:
    """A kernel that answers.

    Args:
        provider: Has it, or starts it.
        kernel_name: Which kernel to start.
        kernel_id: Use this running kernel instead; it stays.
        env: Environment of the kernel that is started.

    Raises:
        JkgError: It cannot be started, or there is no such kernel.
    """
    is_attached = kernel_id is not None
    used = AttachedKernels(provider) if is_attached else provider
    owned = KernelOwnership(used, kernel_id, is_attached=is_attached)
    try:
        started = kernel_id or owned.start(kernel_name, env, TIMEOUTS.launch)
        owned.kernel = JupyterKernelClient(used, started)
        if not owned.kernel.wait_for_ready(TIMEOUTS.ready):
            raise KernelNotReady(f"kernel {started} gives no answer")
        yield owned.kernel
    finally:
        owned.end()


@contextlib.contextmanager
def told_if_slow(screen: Screen, text: str) -> Iterator[None]:
    """Say on a terminal what is waited for, if that takes long; it is gone before output comes."""
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
