"""The kernel of a console."""

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
"""Time limit to find out whether a running kernel is busy, in seconds."""

_RESTART = 60.0


@define(eq=False)
class ConsoleKernel:
    """The kernel of a console, with its client and its description.

    Attributes:
        client: Runs cells.
        name: Name of its kernelspec. Empty if unknown.
        is_attached: Whether the kernel was running before. Then it is kept at the end.
        info: The kernel's answer to ``kernel_info_request``. Empty if the kernel is busy.
    """

    client: JupyterKernelClient
    name: str
    is_attached: bool
    info: Json
    _provider: ListeningProvider

    @property
    def channels(self) -> ListeningChannels:
        """The channels of the client."""
        channels = self._provider.channels
        if channels is None:
            raise RuntimeError("the kernel is not connected")
        return channels

    @property
    def short_id(self) -> str:
        """The beginning of the kernel's id."""
        return self.client.kernel_id[:8]

    @property
    def language(self) -> str:
        """Language of the kernel. Python while it is unknown."""
        language = self.info.get("language_info")
        name = language.get("name") if isinstance(language, dict) else None
        return name if isinstance(name, str) and name else "python"

    @property
    def banner(self) -> str:
        """The first line of the kernel's banner."""
        banner = self.info.get("banner")
        return banner.strip().partition("\n")[0] if isinstance(banner, str) else ""

    def restart(self) -> None:
        """Restart the kernel because the user wants it, and wait until it answers.

        Raises:
            JkgError: The kernel does not start again.
        """
        before, self._provider.may_restart = self._provider.may_restart, True
        try:
            self.client.stop_cell_by_restart(_RESTART)
        finally:
            self._provider.may_restart = before

    def next_number(self) -> int | None:
        """The number of the next cell. None if it is unknown."""
        if not self.info:
            return None
        count = self.client.execute("", _RESTART, silent=True).execution_count
        return count + 1 if count is not None else 1


@contextlib.contextmanager
def console_kernel(
    provider: KernelProvider, name: str, kernel_id: str | None, activity: KernelActivity
) -> Iterator[ConsoleKernel]:
    """A kernel that is ready, or a running kernel that is busy with another client.

    Args:
        provider: Starts the kernel, or has the running one.
        name: Name of the kernel to start.
        kernel_id: Id of a running kernel to use instead. It is kept.
        activity: Gets all messages of the kernel.

    Raises:
        JkgError: The kernel cannot be started, or it does not exist.
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
                raise KernelNotReady(f"kernel {started} does not answer")
            kernel.info = kernel.client.kernel_info()
        yield kernel
    finally:
        owned.end()


def _is_busy(listening: ListeningProvider) -> bool:
    control = listening.control
    return control is not None and control.state(Deadline(_FIRST_LOOK)) == "busy"
