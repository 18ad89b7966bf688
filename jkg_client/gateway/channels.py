"""A kernel's channels through a server. A broken WebSocket is replaced by a new one."""

from __future__ import annotations

import logging
import random
import socket
from collections import deque
from collections.abc import Iterator
from typing import Callable, Protocol

from attrs import evolve

from ..client.channels import Incoming
from ..client.deadline import CLOCK, Clock, Deadline
from ..client.timeouts import Timeouts
from ..errors import (
    ClientClosed,
    GatewayError,
    GatewayStatus,
    GatewayUnauthorized,
    GatewayUnreachable,
    KernelNotFound,
    ServerNotRunning,
    WireError,
)
from ..protocol.message_gaps import Gap
from ..protocol.messages import Json, Message, new_session

_log = logging.getLogger("jkg_client")

_MOST_EARLY = 2**25
"""Largest number of bytes of messages that are kept for the next ``receive``."""

_LONGEST_PAUSE = 3.0
"""Seconds between two attempts to connect, at most."""

_SHORTEST_PAUSE = 0.01
"""Seconds that are still worth a pause, when the time is almost over."""

_NOW = Deadline(0.0)
"""A deadline for reading only what has already arrived."""


class Transport(Protocol):
    """One open WebSocket: a ``WebSocketTransport``, or a script in a test."""

    @property
    def bytes_received(self) -> int:
        """Number of received bytes. It grows with every sign of life."""
        ...

    @property
    def said_goodbye(self) -> bool:
        """Whether the server has sent a close frame. Then no message is lost."""
        ...

    def send(self, message: Message, deadline: Deadline) -> None:
        """Send ``message``. Raise GatewayUnreachable if it could not be sent completely."""
        ...

    def receive(self, deadline: Deadline, *, pong_will_do: bool = False) -> Message | None:
        """The next message.

        Raises GatewayUnreachable if the connection breaks, WireError for an invalid message.
        """
        ...

    def wait_for_input(self, wake: socket.socket, seconds: float) -> None:
        """Wait until something may have come, or until ``wake`` has something to read."""
        ...

    def ping(self, deadline: Deadline) -> None:
        """Ask for a sign of life."""
        ...

    def abort(self) -> None:
        """Break the connection. Any thread may call this."""
        ...

    def close(self) -> None:
        """Send a close frame, and close the connection."""
        ...


class ServerChannels:
    """The channels of a kernel on a server, with one session id. Implements ``KernelChannels``.

    While no client is connected, the server keeps the kernel's messages. It sends them to a client
    that connects again with the same session id.

    Args:
        name: Name of the kernel for log and error messages.
        open_socket: Connects with a session id, before a deadline.
        ask: Returns the REST model of the kernel, or None if there is no answer in time. Raises
            KernelNotFound.
        deadline: Time limit for the first connection.
        timeouts: The other time limits.
        clock: The clock.

    Raises:
        KernelNotFound: The server has no such kernel.
        GatewayError: The server cannot be reached, or it refuses the connection.
    """

    def __init__(
        self,
        name: str,
        open_socket: Callable[[str, Deadline], Transport],
        ask: Callable[[Deadline], Json | None],
        deadline: Deadline,
        timeouts: Timeouts,
        clock: Clock = CLOCK,
    ) -> None:
        self._name = name
        self._open_socket = open_socket
        self._ask = ask
        self._timeouts = timeouts
        self._clock = clock
        self._session = new_session()
        self._closed = False
        self._early: deque[Incoming] = deque()
        self._fruitless = 0  # number of last connections that broke before a message came
        self._bytes_at_ping, self._pong_due = -1, deadline
        self._transport = self._connect_first(deadline)
        self._used = clock.now()

    @property
    def session(self) -> str:
        """The session id. It never changes."""
        return self._session

    @property
    def closed(self) -> bool:
        """Whether ``abort`` or ``close`` was called."""
        return self._closed

    def send(self, message: Message, deadline: Deadline) -> Gap | None:
        """Send ``message`` so that it arrives at most once. Return the gap after a reconnect.

        The server ignores a frame that was not sent completely, so such a frame is sent again on a
        new connection. A complete frame is never sent again.
        """
        gap = None
        try:
            self._transport.send(message, deadline)
        except GatewayUnreachable as exc:
            gap = self._mend(deadline, exc)
            self._transport.send(message, deadline)
        self._used = self._clock.now()
        return gap

    def receive(self, deadline: Deadline) -> Incoming | None:
        """The next message or gap. None if the deadline passes first."""
        if self._early:
            return self._early.popleft()
        try:
            message = self._received(deadline)
        except WireError as exc:
            return _unread(exc)
        except GatewayUnreachable as exc:
            return self._mend_in_time(deadline, exc)
        if message is not None:
            self._used = self._clock.now()
        return message

    def wait_for_input(self, wake: socket.socket, seconds: float) -> None:
        """Wait until a message may have arrived, or until ``wake`` has something to read.

        A thread uses this if it receives messages and also sends messages of other threads.
        """
        if not self._early:
            self._transport.wait_for_input(wake, seconds)

    def check(self, deadline: Deadline, *, is_new_kernel: bool = False) -> Gap | None:
        """After silence: send a ping. Reconnect if nothing has arrived since the last call."""
        if is_new_kernel:
            # Servers use the new ports of a restarted kernel for new connections only.
            cause = GatewayUnreachable("the new kernel does not answer")
            gap = self._mend_in_time(deadline, cause)
            # Only messages of the old process can be lost with the old connection.
            return gap and evolve(gap, may_lack=False)
        if self._transport.bytes_received == self._bytes_at_ping:
            if not self._pong_due.passed:
                return None
            return self._mend_in_time(deadline, GatewayUnreachable("no sign of life"))
        self._bytes_at_ping = self._transport.bytes_received
        self._pong_due = self._clock.deadline(self._timeouts.pong)
        self._ping()
        return None

    def refresh(self) -> None:
        """After a pause without reading: make sure that the connection works."""
        before, kept = self._transport.bytes_received, deque[Incoming]()
        for incoming in self.drain():
            kept.append(incoming)
            if self._transport.bytes_received - before > _MOST_EARLY:
                break  # the connection is alive; the rest can wait in the socket
        self._early.extendleft(reversed(kept))

    def drain(self) -> Iterator[Incoming]:
        """Yield the messages since the last read, and make sure that the connection works."""
        if self._clock.now() - self._used > self._timeouts.stale:
            self.prove_alive(self._clock.deadline(self._timeouts.reconnect))
        # Reading is limited, because the kernel may send faster than we read, and each new
        # connection may break.
        whole = self._clock.deadline(self._timeouts.reconnect)
        limit = whole.within(self._timeouts.pong)
        while not limit.passed:
            try:
                incoming = self._early.popleft() if self._early else self._received(_NOW)
            except WireError as exc:
                incoming = _unread(exc)
            except GatewayUnreachable as exc:
                incoming = self._mend(whole, exc)
                limit = whole.within(self._timeouts.pong)
            if incoming is None:
                return
            self._used = self._clock.now()  # this message proves that the connection is alive
            yield incoming

    def prove_alive(self, limit: Deadline) -> None:
        """Find out whether the kernel was culled or the connection is half-open."""
        # Ping first: the pong can arrive while the server answers or fails to answer.
        self._ping()
        before = self._transport.bytes_received
        pong = self._clock.deadline(self._timeouts.pong)
        self._ask(pong)
        try:
            early = self._received(pong, pong_will_do=True)
        except WireError as exc:
            self._early.append(_unread(exc))
            return
        except GatewayUnreachable as exc:
            # Do not leave this to the next receive: after a close frame the socket stays open for a
            # while.
            self._early.append(self._mend(limit, exc))
            return
        if early is not None:
            self._early.append(early)
        if self._transport.bytes_received == before:
            self._early.append(self._mend(limit, GatewayUnreachable("no sign of life")))

    def abort(self) -> None:
        """End all use of the channels. A thread that waits in ``receive`` gets ClientClosed."""
        self._closed = True
        self._transport.abort()

    def close(self) -> None:
        """Close the connection. A second call does nothing."""
        self._closed = True
        self._transport.close()

    def _received(self, deadline: Deadline, *, pong_will_do: bool = False) -> Message | None:
        message = self._transport.receive(deadline, pong_will_do=pong_will_do)
        if message is not None:
            self._fruitless = 0
        return message

    def _ping(self) -> None:
        try:
            self._transport.ping(self._clock.deadline(self._timeouts.pong))
        except GatewayUnreachable as exc:
            _log.info("ping failed: %s", exc)  # the next receive reports it

    def _connect_first(self, deadline: Deadline) -> Transport:
        for pause in (0.2, 0.5):
            try:
                return self._open_socket(self._session, deadline)
            except GatewayStatus as exc:
                # These come from a proxy whose timeout is shorter than the start of the kernel.
                if exc.status not in {502, 503, 504} or deadline.passed:
                    raise
            self._clock.sleep(pause)
        return self._open_socket(self._session, deadline)

    def _mend_in_time(self, deadline: Deadline, cause: GatewayUnreachable) -> Gap | None:
        try:
            return self._mend(deadline, cause)
        except GatewayUnreachable:
            if not deadline.passed:
                raise
            return None

    def _mend(self, deadline: Deadline, cause: GatewayUnreachable) -> Gap:
        self._check_open()
        _log.info("connection to kernel %s broke: %s", self._name, cause)
        self._transport.close()
        limit = deadline.within(self._timeouts.reconnect)
        self._fruitless += 1
        is_kept = self._transport.said_goodbye and self._is_kept_for_us(limit)
        self._transport, tries = self._connect_again(limit, cause)
        # A failed attempt may have received the messages that the server had kept.
        is_kept = is_kept and tries == 1
        self._check_open()  # abort() has broken the old connection only
        self._bytes_at_ping = -1
        _log.info("connection to kernel %s is restored", self._name)
        return Gap(may_lack=not is_kept, end_unseen=True)

    def _connect_again(self, limit: Deadline, cause: GatewayUnreachable) -> tuple[Transport, int]:
        """Make a new connection. Returns it, and the number of attempts."""
        pause, reason, tries = 0.1, GatewayError("the time limit has passed"), 0
        if self._fruitless > 1:
            # A server that ends each new connection must not get hundreds of them in a second.
            rest = min(pause * 2 ** min(self._fruitless - 2, 9), _LONGEST_PAUSE)
            half = (limit.left() or 0.0) / 2  # the other half is left to connect
            self._rest(rest, limit.within(half if half > _SHORTEST_PAUSE else 0.0))
        while not limit.passed:
            tries += 1
            try:
                handshake = limit.within(self._timeouts.handshake)
                return self._open_socket(self._session, handshake), tries
            except (KernelNotFound, GatewayUnauthorized, ServerNotRunning):
                raise
            except GatewayError as exc:
                reason = exc
            self._check_open()
            self._rest(pause, limit)
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise GatewayUnreachable(
            f"the connection to kernel {self._name} broke ({cause})"
            f" and could not be restored: {reason}; is the server still running?"
        ) from reason

    def _rest(self, pause: float, limit: Deadline) -> None:
        jittered = pause * (0.5 + random.random() / 2)  # noqa: S311
        self._clock.sleep(limit.within(jittered).left() or 0.0)

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("stopped while it was waiting for the kernel")

    def _is_kept_for_us(self, limit: Deadline) -> bool:
        """Whether the server has noticed the broken connection, so that it keeps messages."""
        for pause in (0.0, 0.2, 0.5):
            self._clock.sleep(pause)
            model = self._ask(limit.within(self._timeouts.pong))
            if model is None or model.get("connections") == 0:
                return model is not None
        return False


def _unread(exc: WireError) -> Gap:
    _log.warning("ignored a frame that is not a Jupyter message: %s", exc)
    return Gap(unread=1)
