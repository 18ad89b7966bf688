"""The channels of a kernel with the interface of jupyter_client."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from typing import Any

from .dictionaries import from_dictionary
from .relay import Relay


class GatewayChannel:
    """One channel: ``shell``, ``iopub``, ``stdin`` or ``control``.

    Args:
        name: Name of the channel.
        relay: Thread that talks with the kernel.
    """

    def __init__(self, name: str, relay: Relay) -> None:
        self._name = name
        self._relay = relay
        self._queue = relay.queues[name]
        self._is_running = True

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """The next message. Raises ``queue.Empty`` if nothing arrives in time."""
        return await self._queue.get(timeout)

    async def get_msgs(self) -> list[dict[str, Any]]:
        """All messages that have arrived."""
        messages = []
        try:
            while True:
                messages.append(await self._queue.get(0))
        except queue.Empty:
            return messages

    async def msg_ready(self) -> bool:
        """Whether a message has arrived."""
        return not self._queue.is_empty()

    def send(self, msg: Mapping[str, Any]) -> None:
        """Send a message of the client's session."""
        self._relay.send(from_dictionary(self._name, msg))

    def start(self) -> None:
        """Do nothing: the channel is started by its constructor."""

    def stop(self) -> None:
        """Stop this channel. The relay continues for the other channels."""
        self._is_running = False

    def is_alive(self) -> bool:
        """Whether the channel was not stopped."""
        return self._is_running


class GatewayHeartbeat:
    """The heartbeat channel, which says whether the kernel is alive.

    Args:
        relay: Thread that talks with the kernel.
    """

    time_to_dead: float = 1.0

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._is_running = True

    def start(self) -> None:
        """Do nothing: the channel is started by its constructor."""

    def stop(self) -> None:
        """Stop this channel."""
        self._is_running = False

    def is_alive(self) -> bool:
        """Whether the channel was not stopped."""
        return self._is_running

    def is_beating(self) -> bool:
        """Whether the kernel is alive."""
        return self._relay.is_alive

    def pause(self) -> None:
        """Do nothing: there is no thread to pause."""

    def unpause(self) -> None:
        """Do nothing: there is no thread to continue."""
