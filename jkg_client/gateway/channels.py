"""A kernel's channels through a server. A broken WebSocket is replaced by a new one."""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import Iterator
from typing import Callable

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
from .outages import Outage
from .transports import Transport

_log = logging.getLogger("jkg_client")

_MOST_EARLY = 2**25
"""Largest number of bytes of messages that are kept for the next ``receive``."""

_NOW = Deadline(0.0)
"""A deadline for reading only what has already arrived."""


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
        self._outage: Outage | None = None  # while the connection is broken
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
        return self._next(deadline, self._mend_in_time)

    def listen(self, deadline: Deadline) -> Incoming | None:
        """Like ``receive``, for a reader that comes back often, with short deadlines.

        If the connection is broken, each call makes one attempt to restore it, or none while the
        next attempt is not due. An attempt may take longer than the deadline.
        """
        return self._next(deadline, self._mend_once)

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
        if self._outage is not None:
            return self._mend_in_time(deadline, self._outage.cause)
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

    def _next(
        self, deadline: Deadline, mend: Callable[[Deadline, GatewayUnreachable], Gap | None]
    ) -> Incoming | None:
        if self._early:
            return self._early.popleft()
        try:
            message = self._received(deadline)
        except WireError as exc:
            return _unread(exc)
        except GatewayUnreachable as exc:
            return mend(deadline, exc)
        if message is not None:
            self._used = self._clock.now()
        return message

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

    def _mend(self, deadline: Deadline, cause: GatewayUnreachable) -> Gap:
        """Restore the connection for a request, which has its own time limit."""
        limit = deadline.within(self._timeouts.reconnect)
        outage = self._current_outage(limit, cause)
        outage.hurry(limit)
        while outage.wait(limit):
            gap = self._connect_again(outage, limit)
            if gap is not None:
                return gap
        raise outage.error()

    def _mend_in_time(self, deadline: Deadline, cause: GatewayUnreachable) -> Gap | None:
        """Restore the connection for a reader. None if the deadline passes first."""
        outage, gap = self._current_outage(deadline, cause), None
        while gap is None and not deadline.passed:
            gap = self._step(outage, deadline)
        return gap

    def _mend_once(self, deadline: Deadline, cause: GatewayUnreachable) -> Gap | None:
        """Make one attempt to restore the connection, or wait for the time of the next attempt."""
        handshake = self._clock.deadline(self._timeouts.handshake)
        outage = self._current_outage(handshake, cause)
        return self._step(outage, deadline, is_whole_attempt=True)

    def _step(
        self, outage: Outage, deadline: Deadline, *, is_whole_attempt: bool = False
    ) -> Gap | None:
        """Wait until ``deadline`` for the next attempt. Raise if the outage has become too long.

        After the first such error, each further attempt that fails is an error.
        ``is_whole_attempt``: the attempt may take longer than ``deadline``.
        """
        left = outage.limit.left() or 0.0
        limit = deadline if outage.is_reported else deadline.within(left)
        is_due = outage.wait(limit)
        limit = self._clock.deadline(None) if is_whole_attempt else limit
        gap = self._connect_again(outage, limit) if is_due else None
        if gap is None and outage.limit.passed and (is_due or not outage.is_reported):
            outage.reported()
            raise outage.error()
        return gap

    def _current_outage(self, limit: Deadline, cause: GatewayUnreachable) -> Outage:
        self._check_open()
        if self._outage is None:
            _log.info("connection to kernel %s broke: %s", self._name, cause)
            self._transport.close()
            self._fruitless += 1
            self._outage = Outage(
                name=self._name,
                cause=cause,
                limit=self._clock.deadline(self._timeouts.reconnect),
                is_kept=self._transport.said_goodbye and self._is_kept_for_us(limit),
                clock=self._clock,
            )
            self._outage.delay(self._fruitless)
        return self._outage

    def _connect_again(self, outage: Outage, limit: Deadline) -> Gap | None:
        """Make a new connection. None if this attempt fails."""
        try:
            handshake = limit.within(self._timeouts.handshake)
            self._transport = self._open_socket(self._session, handshake)
        except GatewayError as exc:
            outage.failed(exc)
            self._check_open()
            if isinstance(exc, (KernelNotFound, GatewayUnauthorized, ServerNotRunning)):
                raise
            return None
        self._outage = None
        self._check_open()  # abort() has broken the old connection only
        self._bytes_at_ping = -1
        _log.info("connection to kernel %s is restored", self._name)
        # A failed attempt may have received the messages that the server had kept.
        return Gap(may_lack=not (outage.is_kept and outage.tries == 0), end_unseen=True)

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
