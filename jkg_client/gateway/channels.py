"""A kernel's channels through a server: one WebSocket after another, mended when it breaks."""

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
"""Bytes of messages that are kept until somebody wants them."""

_NOW = Deadline(0.0)
"""What has come already, and nothing else."""


class Transport(Protocol):
    """One open WebSocket; see ``WebSocketTransport``, or a test's script."""

    @property
    def bytes_received(self) -> int:
        """Grows with every sign of life."""
        ...

    @property
    def said_goodbye(self) -> bool:
        """The server closed in good order: all that it sent has come."""
        ...

    def send(self, message: Message, deadline: Deadline) -> None:
        """Send ``message``; GatewayUnreachable if it could not be handed over as a whole."""
        ...

    def receive(self, deadline: Deadline, *, pong_will_do: bool = False) -> Message | None:
        """The next message; GatewayUnreachable when it breaks, WireError for what is no message."""
        ...

    def wait_for_input(self, wake: socket.socket, seconds: float) -> None:
        """Wait until something may have come, or until ``wake`` has something to read."""
        ...

    def ping(self, deadline: Deadline) -> None:
        """Ask for a sign of life."""
        ...

    def abort(self) -> None:
        """Break the connection; from any thread."""
        ...

    def close(self) -> None:
        """Say goodbye and close."""
        ...


class ServerChannels:
    """The way to a kernel and back, under one session id; a ``KernelChannels``.

    The server keeps what the kernel says while nobody is connected, and replays it to
    a client that comes back with the same session id.

    Args:
        name: The kernel's, for messages to people.
        open_socket: Connects, for a session id and before a deadline.
        ask: What REST says of the kernel; None if it says nothing in time. Raises KernelNotFound.
        deadline: For the first connection.
        timeouts: How long to wait for what else.
        clock: What time it is.

    Raises:
        KernelNotFound: The server has no such kernel.
        GatewayError: It cannot be reached, or does not let us in.
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
        self._bytes_at_ping, self._pong_due = -1, deadline
        self._transport = self._connect_first(deadline)
        self._used = clock.now()

    @property
    def session(self) -> str:
        """The session id, the same for ever."""
        return self._session

    @property
    def closed(self) -> bool:
        """Whether ``abort`` or ``close`` was called."""
        return self._closed

    def send(self, message: Message, deadline: Deadline) -> Gap | None:
        """Send ``message``, so that it arrives once at most; the gap, if a mend was needed.

        A frame that could not be handed over as a whole is none to the server: it is
        sent again on a new connection. One that was, never is, whatever becomes of it.
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
        """The next message or gap; None when the deadline passes first."""
        if self._early:
            return self._early.popleft()
        try:
            message = self._transport.receive(deadline)
        except WireError as exc:
            return _unread(exc)
        except GatewayUnreachable as exc:
            return self._mend_in_time(deadline, exc)
        if message is not None:
            self._used = self._clock.now()
        return message

    def wait_for_input(self, wake: socket.socket, seconds: float) -> None:
        """Wait until something may have come, or until ``wake`` has something to read.

        For a thread that listens and also sends what other threads hand it.
        """
        if not self._early:
            self._transport.wait_for_input(wake, seconds)

    def check(self, deadline: Deadline, *, is_new_kernel: bool = False) -> Gap | None:
        """After silence: ask for a sign of life, or mend if none came since the last call."""
        if is_new_kernel:
            # Servers use the kernel's new ports for new connections only.
            cause = GatewayUnreachable("the new kernel gives no answer")
            gap = self._mend_in_time(deadline, cause)
            # What was lost with the line was said by the kernel that is no more.
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
        """After a pause in which nobody listened: make the connection good for use."""
        before, kept = self._transport.bytes_received, deque[Incoming]()
        for incoming in self.drain():
            kept.append(incoming)
            if self._transport.bytes_received - before > _MOST_EARLY:
                break  # it is alive, and the rest can wait on the line
        self._early.extendleft(reversed(kept))

    def drain(self) -> Iterator[Incoming]:
        """What came while nobody listened. Afterwards the connection is good for use."""
        if self._clock.now() - self._used > self._timeouts.stale:
            self.prove_alive(self._clock.deadline(self._timeouts.reconnect))
        # Limits, for the kernel may speak faster than we can listen, and each new connection
        # may break.
        whole = self._clock.deadline(self._timeouts.reconnect)
        limit = whole.within(self._timeouts.pong)
        while not limit.passed:
            try:
                incoming = self._early.popleft() if self._early else self._transport.receive(_NOW)
            except WireError as exc:
                incoming = _unread(exc)
            except GatewayUnreachable as exc:
                incoming = self._mend(whole, exc)
                limit = whole.within(self._timeouts.pong)
            if incoming is None:
                return
            self._used = self._clock.now()  # nothing else need prove that it is alive
            yield incoming

    def prove_alive(self, limit: Deadline) -> None:
        """Find out what nobody has told us since: a culled kernel, a half-open connection."""
        self._ask(self._clock.deadline(self._timeouts.pong))
        self._ping()
        before = self._transport.bytes_received
        pong = self._clock.deadline(self._timeouts.pong)
        try:
            early = self._transport.receive(pong, pong_will_do=True)
        except WireError as exc:
            self._early.append(_unread(exc))
            return
        except GatewayUnreachable as exc:
            # Not left to the next receive: behind a goodbye the line is open for a while.
            self._early.append(self._mend(limit, exc))
            return
        if early is not None:
            self._early.append(early)
        if self._transport.bytes_received == before:
            self._early.append(self._mend(limit, GatewayUnreachable("no sign of life")))

    def abort(self) -> None:
        """Wake up whoever waits in ``receive`` by ``ClientClosed``, for good."""
        self._closed = True
        self._transport.abort()

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._closed = True
        self._transport.close()

    def _ping(self) -> None:
        try:
            self._transport.ping(self._clock.deadline(self._timeouts.pong))
        except GatewayUnreachable as exc:
            _log.info("ping failed: %s", exc)  # the next receive says so, too

    def _connect_first(self, deadline: Deadline) -> Transport:
        for pause in (0.2, 0.5):
            try:
                return self._open_socket(self._session, deadline)
            except GatewayStatus as exc:
                # Of a proxy that was too impatient with a kernel that starts.
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
        is_kept = self._transport.said_goodbye and self._is_kept_for_us(limit)
        self._transport, tries = self._connect_again(limit, cause)
        # A try that we gave up may have taken what was kept.
        is_kept = is_kept and tries == 1
        self._check_open()  # what abort() broke was the old connection
        self._bytes_at_ping = -1
        _log.info("connection to kernel %s is back", self._name)
        return Gap(may_lack=not is_kept, end_unseen=True)

    def _connect_again(self, limit: Deadline, cause: GatewayUnreachable) -> tuple[Transport, int]:
        """The new connection, and how many tries it took."""
        pause, reason, tries = 0.1, GatewayError("the time was up"), 0
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
            jittered = pause * (0.5 + random.random() / 2)  # noqa: S311
            self._clock.sleep(limit.within(jittered).left() or 0.0)
            pause = min(2 * pause, 3.0)
        raise GatewayUnreachable(
            f"the connection to kernel {self._name} broke ({cause})"
            f" and could not be restored: {reason}"
        ) from reason

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("stopped while it was waiting for the kernel")

    def _is_kept_for_us(self, limit: Deadline) -> bool:
        """Whether the server knows that we are gone, and so keeps what the kernel says."""
        for pause in (0.0, 0.2, 0.5):
            self._clock.sleep(pause)
            model = self._ask(limit.within(self._timeouts.pong))
            if model is None or model.get("connections") == 0:
                return model is not None
        return False


def _unread(exc: WireError) -> Gap:
    _log.warning("ignored a frame that is not a Jupyter message: %s", exc)
    return Gap(unread=1)
