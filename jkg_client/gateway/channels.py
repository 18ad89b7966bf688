"""A kernel's channels: one WebSocket after another, mended when it breaks."""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..client.deadline import Deadline
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
from ..protocol.messages import Json, Message, new_session
from .websocket import WebSocketTransport

if TYPE_CHECKING:
    from .rest import JupyterClient

_log = logging.getLogger("jkg_client")

_NOW = Deadline(0.0)


class Channels:
    """The way to a kernel and back, under one session id.

    The server keeps what the kernel says while nobody is connected, and replays it to
    who comes back with the same session id.

    Attributes:
        session: The session id.
        doubts: How many times the end of a cell may have gone by unseen: after each
            reconnection, and when the server has the kernel idle while we wait.
        whole: False once something may have been lost at a reconnection; whoever
            counts on it sets it to True before.
        unread: How many messages could not be decoded; likewise.
        moved: Whether the kernel was started again and has not answered since. On another
            machine it may have other ports, which servers use for new connections only.
    """

    def __init__(
        self, client: JupyterClient, kernel_id: str, deadline: Deadline, timeouts: Timeouts
    ) -> None:
        self._client = client
        self._timeouts = timeouts
        self._kernel_id = kernel_id
        self._closed = False
        self.session = new_session()
        self.doubts = 0
        self.whole = True
        self.unread = 0
        self.moved = False
        self._transport = self._connect_first(deadline)
        self._used = time.monotonic()
        self._bytes_at_ping, self._pong_due = -1, _NOW
        self._early: deque[Message] = deque()
        self._heartbeat = self._timeouts.first_heartbeat

    def send(self, message: Message, deadline: Deadline) -> None:
        """Send ``message``, so that it arrives once at most.

        A frame that could not be handed over as a whole is none to the server: it is
        sent again on a new connection. One that was, never is, whatever becomes of it.
        """
        try:
            self._transport.send(message, deadline)
        except GatewayUnreachable as exc:
            self._mend(deadline, exc)
            self._transport.send(message, deadline)
        self._used = time.monotonic()
        self._heartbeat = self._timeouts.first_heartbeat

    def receive(self, deadline: Deadline) -> Message | None:
        """The next message; None when the deadline passes, or when there was a mend.

        Raises:
            KernelNotFound: The server does not have the kernel any more.
            GatewayUnreachable: The connection broke and could not be mended.
        """
        if self._early:
            return self._early.popleft()
        try:
            message = self._transport.receive(deadline.within(self._heartbeat))
        except WireError as exc:
            self.unread += 1
            _log.warning("skipped what is no message: %s", exc)
            return None
        except GatewayUnreachable as exc:
            self._mend_in_time(deadline, exc)
            return None
        if message is not None:
            self._used = time.monotonic()
        elif not deadline.passed:
            self._heartbeat = self._timeouts.heartbeat
            self.check(deadline)
        return message

    def check(self, deadline: Deadline) -> None:
        """After silence: ask for a sign of life, or mend if none came since the last call.

        Raises:
            KernelNotFound: The server does not have the kernel any more.
            GatewayUnreachable: The connection broke and could not be mended.
        """
        if self.moved:
            whole = self.whole  # what is lost with the line was of the kernel that is no more
            self._mend_in_time(deadline, GatewayUnreachable("the new kernel gives no answer"))
            self.whole = whole
            return
        if self._transport.bytes_received == self._bytes_at_ping:
            if self._pong_due.passed:
                self._mend_in_time(deadline, GatewayUnreachable("no sign of life"))
            return
        self._bytes_at_ping = self._transport.bytes_received
        self._pong_due = Deadline(self._timeouts.pong)
        self._ping()
        # Nothing else tells of a kernel that was deleted or culled: its socket stays open.
        model = self._model(deadline)
        self.doubts += model is not None and model.get("execution_state") != "busy"

    def refresh(self) -> None:
        """After a pause in which nobody listened: make the connection good for use.

        Raises:
            KernelNotFound: The server does not have the kernel any more.
            GatewayError: It is away.
        """
        self._early = deque(self.drain())

    def drain(self) -> Iterator[Message]:
        """What came while nobody listened. Afterwards the connection is good for use.

        Raises:
            KernelNotFound: The server does not have the kernel any more.
            GatewayError: It is away.
        """
        if time.monotonic() - self._used > self._timeouts.stale:
            self.prove_alive(Deadline(self._timeouts.mend))
        # Limits, for the kernel may speak faster than we can listen, and each new connection
        # may break.
        whole = Deadline(self._timeouts.mend)
        limit = whole.within(self._timeouts.pong)
        while not limit.passed:
            try:
                message = self._early.popleft() if self._early else self._transport.receive(_NOW)
            except WireError as exc:
                _log.warning("skipped what is no message: %s", exc)
                continue
            except GatewayUnreachable as exc:
                self._mend(whole, exc)
                limit = whole.within(self._timeouts.pong)
                continue
            if message is None:
                return
            yield message

    def prove_alive(self, limit: Deadline) -> None:
        """Find out what nobody has told us since: a culled kernel, a half-open connection.

        Args:
            limit: For the mend, if one is needed.

        Raises:
            KernelNotFound: The kernel was deleted or culled.
            GatewayUnreachable: The connection broke and could not be mended.
        """
        self._model(Deadline(None))
        self._ping()
        before = self._transport.bytes_received
        try:
            early = self._transport.receive(Deadline(self._timeouts.pong), pong_will_do=True)
        except WireError:
            return  # alive
        except GatewayUnreachable as exc:
            # Not left to the next receive: behind a goodbye the line is open for a while.
            self._mend(limit, exc)
            return
        if early is not None:
            self._early.append(early)
        if self._transport.bytes_received == before:
            self._mend(limit, GatewayUnreachable("no sign of life"))

    def abort(self) -> None:
        """Wake up whoever waits in ``receive`` by ``ClientClosed``, for good."""
        self._closed = True
        self._transport.abort()

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._closed = True
        self._transport.close()

    def _model(self, deadline: Deadline) -> Json | None:
        """What the server says of the kernel; None if it says nothing soon.

        REST has a line of its own, which may be as dead as ours: that is no news of the kernel.
        """
        pause = deadline.within(self._timeouts.pong)
        try:
            return self._client.get_kernel(self._kernel_id, timeout_seconds=pause.left())
        except (KernelNotFound, ServerNotRunning):
            raise
        except GatewayError as exc:
            _log.info("no word about kernel %s: %s", self._kernel_id, exc)
            return None

    def _ping(self) -> None:
        try:
            self._transport.ping(Deadline(self._timeouts.pong))
        except GatewayUnreachable as exc:
            _log.info("ping failed: %s", exc)  # the next receive says so, too

    def _connect_first(self, deadline: Deadline) -> WebSocketTransport:
        for pause in (0.2, 0.5):
            try:
                return self._connect(deadline)
            except GatewayStatus as exc:
                # Of a proxy that was too impatient with a kernel that starts.
                if exc.status not in {502, 503, 504} or deadline.passed:
                    raise
            time.sleep(pause)
        return self._connect(deadline)

    def _connect(self, deadline: Deadline) -> WebSocketTransport:
        address = self._client.channels_address(self._kernel_id, self.session)
        return WebSocketTransport(address, deadline)

    def _mend_in_time(self, deadline: Deadline, cause: GatewayUnreachable) -> None:
        try:
            self._mend(deadline, cause)
        except GatewayUnreachable:
            if not deadline.passed:
                raise

    def _mend(self, deadline: Deadline, cause: GatewayUnreachable) -> None:
        self._check_open()
        _log.info("connection to kernel %s broke: %s", self._kernel_id, cause)
        self._transport.close()
        limit = deadline.within(self._timeouts.mend)
        self.whole &= self._transport.said_goodbye and self._is_kept_for_us(limit)
        self._transport = self._connect_again(limit, cause)
        self._check_open()  # what abort() broke was the old connection
        self.doubts += 1
        self._bytes_at_ping = -1

    def _connect_again(self, limit: Deadline, cause: GatewayUnreachable) -> WebSocketTransport:
        pause, reason = 0.1, GatewayError("the time was up")
        while not limit.passed:
            try:
                return self._connect(limit.within(self._timeouts.handshake))
            except (KernelNotFound, GatewayUnauthorized, ServerNotRunning):
                raise
            except GatewayError as exc:
                reason = exc
            self._check_open()
            time.sleep(limit.within(pause * (0.5 + random.random() / 2)).left() or 0.0)  # noqa: S311
            pause = min(2 * pause, 3.0)
        raise GatewayUnreachable(
            f"the connection to {self._client.connection_info.url} broke ({cause})"
            f" and could not be mended: {reason}"
        ) from reason

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("stopped while it was waiting for the kernel")

    def _is_kept_for_us(self, deadline: Deadline) -> bool:
        """Whether the server knows that we are gone, and so keeps what the kernel says."""
        for pause in (0.0, 0.2, 0.5):
            time.sleep(pause)
            model = self._model(deadline)
            if model is None or model.get("connections") == 0:
                return model is not None
        return False
