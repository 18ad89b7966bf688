"""Channels of a kernel that report every message to a listener."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from attrs import define, field

from ..client.channels import Incoming, KernelChannels, KernelConnection, KernelProvider
from ..client.deadline import Deadline
from ..client.timeouts import Timeouts
from ..protocol.message_gaps import Gap
from ..protocol.messages import Message


class Listener(Protocol):
    """Gets every message of the channels."""

    def will_send(self, message: Message) -> None:
        """A message is about to be sent. Raise a ``JkgError`` to prevent that."""

    def received(self, message: Message | None) -> None:
        """A message was received. None if no message arrived for a while."""


@define(eq=False)
class ObservedChannels:
    """``KernelChannels`` that pass each message to a listener, too."""

    _channels: KernelChannels
    _listener: Listener

    @property
    def session(self) -> str:
        """The session id."""
        return self._channels.session

    @property
    def closed(self) -> bool:
        """Whether ``abort`` or ``close`` was called."""
        return self._channels.closed

    def send(self, message: Message, deadline: Deadline) -> Gap | None:
        """Send ``message``, unless the listener prevents that."""
        self._listener.will_send(message)
        return self._channels.send(message, deadline)

    def receive(self, deadline: Deadline) -> Incoming | None:
        """The next message or gap."""
        return self._heard(self._channels.receive(deadline))

    def drain(self) -> Iterator[Incoming]:
        """All messages and gaps that have arrived already."""
        for incoming in self._channels.drain():
            self._heard(incoming)
            yield incoming

    def refresh(self) -> None:
        """Make the connection usable after a pause."""
        self._channels.refresh()

    def check(self, deadline: Deadline, *, is_new_kernel: bool = False) -> Gap | None:
        """After a time without messages, check whether the connection is alive."""
        return self._channels.check(deadline, is_new_kernel=is_new_kernel)

    def prove_alive(self, limit: Deadline) -> None:
        """Wait until the connection proves that it is alive."""
        self._channels.prove_alive(limit)

    def abort(self) -> None:
        """Abort all waits. Any thread may call this."""
        self._channels.abort()

    def close(self) -> None:
        """Close the connection."""
        self._channels.close()

    def _heard(self, incoming: Incoming | None) -> Incoming | None:
        if not isinstance(incoming, Gap):
            self._listener.received(incoming)
        return incoming


@define(eq=False)
class ObservedProvider:
    """A ``KernelProvider`` whose connections have a listener.

    Attributes:
        channels: The channels of the last connection.
    """

    _provider: KernelProvider
    _listener: Listener
    channels: ObservedChannels | None = field(default=None, init=False)

    def start_kernel(
        self,
        kernel_spec_name: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float = 120.0,
    ) -> str:
        """Start a kernel and return its id."""
        return self._provider.start_kernel(
            kernel_spec_name, env=env, timeout_seconds=timeout_seconds
        )

    def connect(self, kernel_id: str, deadline: Deadline, timeouts: Timeouts) -> KernelConnection:
        """Connect to a kernel."""
        connection = self._provider.connect(kernel_id, deadline, timeouts)
        self.channels = ObservedChannels(connection.channels, self._listener)
        return KernelConnection(self.channels, connection.control)

    def delete_kernel(self, kernel_id: str) -> None:
        """End the kernel."""
        self._provider.delete_kernel(kernel_id)

    def close(self) -> None:
        """Do nothing: the creator of the provider closes it."""
