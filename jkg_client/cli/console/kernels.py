"""The kernel that a console talks to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from attrs import define

from ...client.channels import KernelProvider
from ...client.deadline import Deadline
from ...client.kernel import JupyterKernelClient
from ...client.kernel_ownership import KernelOwnership
from ...client.timeouts import TIMEOUTS
from ...errors import KernelNotReady
from ...protocol.messages import Json
from .kernel_activity import KernelActivity
from .listening import ListeningChannels, ListeningProvider

_FIRST_LOOK = 0.5
"""Seconds to find out whether a kernel of others is busy: within one the user knows."""

_RESTART = 60.0


@define(eq=False)
class ConsoleKernel:
    """A kernel, what is known of it, and power over it.

    Attributes:
        client: What runs cells.
        name: Of its kernelspec; empty if that is not known.
        is_attached: It is somebody else's, and stays.
        info: The kernel's answer to what it is; empty if it is busy.
    """

    client: JupyterKernelClient
    name: str
    is_attached: bool
    info: Json
    _provider: ListeningProvider

    @property
    def channels(self) -> ListeningChannels:
        """Those that the client uses."""
        channels = self._provider.channels
        if channels is None:
            raise RuntimeError("the kernel is not connected")
        return channels

    @property
    def short_id(self) -> str:
        """Enough of its id to know it by."""
        return self.client.kernel_id[:8]

    @property
    def language(self) -> str:
        """What it speaks; Python until it has said otherwise."""
        language = self.info.get("language_info")
        name = language.get("name") if isinstance(language, dict) else None
        return name if isinstance(name, str) and name else "python"

    @property
    def banner(self) -> str:
        """The first line of what it says of itself."""
        banner = self.info.get("banner")
        return banner.strip().partition("\n")[0] if isinstance(banner, str) else ""

    def restart(self) -> None:
        """Restart it because the user wants it, and wait until it answers.

        Raises:
            JkgError: It does not start again.
        """
        before, self._provider.may_restart = self._provider.may_restart, True
        try:
            self.client.stop_cell_by_restart(_RESTART)
        finally:
            self._provider.may_restart = before

    def next_number(self) -> int | None:
        """The number of the next cell; None if that is not known."""
        if not self.info:
            return None
        count = self.client.execute("", _RESTART, silent=True).execution_count
        return count + 1 if count is not None else 1


@contextlib.contextmanager
def console_kernel(
    provider: KernelProvider, name: str, kernel_id: str | None, activity: KernelActivity
) -> Iterator[ConsoleKernel]:
    """A kernel that answers, or one of others that is busy.

    Args:
        provider: Has it, or starts it.
        name: Which kernel to start.
        kernel_id: Use this running kernel instead; it stays.
        activity: Hears all that the kernel says.

    Raises:
        JkgError: It cannot be started, or there is no such kernel.
    """
    listening = ListeningProvider(provider, activity.hear)
    listening.may_restart = is_ours = kernel_id is None
    owned = KernelOwnership(listening, kernel_id, is_attached=not is_ours)
    try:
        started = kernel_id or owned.start(name, None, TIMEOUTS.launch)
        owned.kernel = JupyterKernelClient(listening, started)
        kernel = ConsoleKernel(
            client=owned.kernel,
            name=name if is_ours else "",
            is_attached=not is_ours,
            info={},
            provider=listening,
        )
        activity.session = kernel.channels.session
        activity.is_busy = not is_ours and _is_busy(listening)
        if not activity.is_busy:
            if not kernel.client.wait_for_ready(TIMEOUTS.ready):
                raise KernelNotReady(f"kernel {started} gives no answer")
            kernel.info = kernel.client.kernel_info()
        yield kernel
    finally:
        owned.end()


def _is_busy(listening: ListeningProvider) -> bool:
    control = listening.control
    return control is not None and control.state(Deadline(_FIRST_LOOK)) == "busy"
