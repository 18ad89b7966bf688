"""The channels of a kernel as jupyter_client's users take them: each with messages of its own."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from typing import Any

from .dictionaries import from_dictionary
from .relay import Relay


class GatewayChannel:
    """One channel: ``shell``, ``iopub``, ``stdin`` or ``control``.

    Args:
        name: Which.
        relay: Talks with the kernel.
    """

    def __init__(self, name: str, relay: Relay) -> None:
        self._name = name
        self._relay = relay
        self._queue = relay.queues[name]
        self._is_running = True

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """The next message; ``queue.Empty`` if none comes in time."""
        return await self._queue.get(timeout)

    async def get_msgs(self) -> list[dict[str, Any]]:
        """All messages that are here."""
        messages = []
        try:
            while True:
                messages.append(await self._queue.get(0))
        except queue.Empty:
            return messages

    async def msg_ready(self) -> bool:
        """Whether a message is here."""
        return not self._queue.is_empty()

    def send(self, msg: Mapping[str, Any]) -> None:
        """Send what the client's session has made."""
        self._relay.send(from_dictionary(self._name, msg))

    def start(self) -> None:
        """It runs from the beginning."""

    def stop(self) -> None:
        """End it; the relay runs on for the others."""
        self._is_running = False

    def is_alive(self) -> bool:
        """Whether it was not stopped."""
        return self._is_running


class GatewayHeartbeat:
    """Tells whether the kernel lives, as the heartbeat of a local kernel does.

    Args:
        relay: Talks with the kernel.
    """

    time_to_dead: float = 1.0

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._is_running = True

    def start(self) -> None:
        """It runs from the beginning."""

    def stop(self) -> None:
        """End it."""
        self._is_running = False

    def is_alive(self) -> bool:
        """Whether it was not stopped."""
        return self._is_running

    def is_beating(self) -> bool:
        """Whether the kernel lives."""
        return self._relay.is_alive

    def pause(self) -> None:
        """Nothing beats that could be paused."""

    def unpause(self) -> None:
        """Nothing beats that was paused."""
