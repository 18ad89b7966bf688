"""A thread that talks with a kernel for coroutines, which send and receive at the same time."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections import deque
from typing import Callable, Protocol

from attrs import evolve

from ...client.channels import Incoming, KernelChannels, KernelControl
from ...client.deadline import CLOCK, Clock
from ...client.timeouts import Timeouts
from ...errors import ClientClosed, JkgError, KernelNotFound
from ...protocol.exchange import Exchange
from ...protocol.kernel_news import tells_of_death
from ...protocol.message_gaps import Gap
from ...protocol.messages import Message, kernel_info_request
from .cells import Cells
from .queues import MessageQueue

CHANNELS = ("shell", "iopub", "stdin", "control")

_SETTLING = 0.5
"""Seconds to wait for the second of reply and idle before the kernel is asked."""

_FULL = 0.05
"""Seconds between two checks whether the reader has read some messages."""

_log = logging.getLogger("jkg_client")


class RelayedChannels(KernelChannels, Protocol):
    """Channels that one thread can use for other threads."""

    def wait_for_input(self, wake: socket.socket, seconds: float) -> None:
        """Wait until a message may have arrived, or until ``wake`` has data to read."""
        ...


class Relay:
    """Moves messages between a kernel and the queues of its channels, until it is closed.

    Its thread connects to the kernel. Messages to send wait until then. If connecting fails, the
    readers of the queues get the error.

    Args:
        connect: Connects to the kernel.
        timeouts: Time limits.
        clock: Clock for the time limits.

    Attributes:
        queues: Received messages, by channel.
    """

    def __init__(
        self,
        connect: Callable[[], tuple[RelayedChannels, KernelControl]],
        timeouts: Timeouts,
        clock: Clock = CLOCK,
    ) -> None:
        self.queues: dict[str, MessageQueue] = {
            channel: MessageQueue(clock) for channel in CHANNELS
        }
        self._connect = connect
        self._timeouts = timeouts
        self._clock = clock
        self._outgoing: deque[Message] = deque()
        self._cells = Cells()
        self._marker: Exchange | None = None
        self._heard = clock.now()
        self._silence = timeouts.first_heartbeat
        self._is_alive = True
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        self._closed = threading.Event()
        self._abort: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._run, name="jkg_client relay", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the kernel's process lives and is connected."""
        return self._is_alive

    def send(self, message: Message) -> None:
        """Send ``message``, from any thread. Errors are reported on the queues."""
        self._outgoing.append(message)
        self._wake_up()

    def poke(self) -> None:
        """Send a request, because code that awaits notices an interrupt only with a new message."""
        self.send(kernel_info_request(""))

    def revive(self) -> None:
        """Note that the kernel was restarted on request, so that it counts as alive again."""
        self._is_alive = True

    def close(self) -> None:
        """Close the connection and end the thread. A second call does nothing."""
        self._closed.set()
        # Without this, readers would wait for ever, for example after Ctrl-C.
        for queue in self.queues.values():
            queue.fail(ClientClosed("the channels of the kernel were stopped"))
        if self._abort is not None:
            self._abort()
        self._wake_up()
        if self._thread is not threading.current_thread():
            # Wait with a limit, because a thread that is connecting cannot be woken up.
            self._thread.join(self._timeouts.grace)

    def _wake_up(self) -> None:
        # An error is harmless: a full socket wakes the thread, too, and a closed one has no thread.
        with contextlib.suppress(OSError):
            self._wake.send(b"w")

    def _run(self) -> None:
        try:
            self._channels, self._control = self._connect()
            self._abort = self._channels.abort
            with contextlib.closing(self._channels):
                while not self._closed.is_set():
                    self._send_all()
                    if self._is_held_up():
                        self._closed.wait(_FULL)
                    else:
                        self._read_some()
        except KernelNotFound as exc:
            # No error on the queues: as with a local kernel, readers ask ``is_alive``.
            _log.info("the kernel no longer exists: %s", exc)
        except (JkgError, ValueError) as exc:
            for queue in self.queues.values():
                queue.fail(exc)
        finally:
            self._is_alive = False
            self._wake.close()
            self._woken.close()

    def _send_all(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)
        while self._outgoing:
            message = self._outgoing.popleft()
            header = {**message.header, "session": self._channels.session}
            message = evolve(message, header=header)
            self._cells.sent(message)
            gap = self._channels.send(message, self._clock.deadline(self._timeouts.sending))
            self._heard, self._silence = self._clock.now(), self._timeouts.first_heartbeat
            if gap is not None:
                self._take(gap)

    def _is_held_up(self) -> bool:
        return any(queue.is_full for queue in self.queues.values())

    def _read_some(self) -> None:
        # Do not use ``receive`` with a deadline of 0: it would have no time to restore the
        # connection.
        for incoming in self._channels.drain():
            self._heard, self._silence = self._clock.now(), self._timeouts.heartbeat
            self._take(incoming)
            if self._outgoing or self._is_held_up():
                return
        self._wait()

    def _wait(self) -> None:
        is_settling = self._cells.are_ending and self._marker is None
        limit = _SETTLING if is_settling else self._silence
        left = self._heard + limit - self._clock.now()
        if left > 0:
            self._channels.wait_for_input(self._woken, left)
        elif is_settling:
            self._ask()
        else:
            self._look_after_silence()

    def _look_after_silence(self) -> None:
        self._heard, self._silence = self._clock.now(), self._timeouts.heartbeat
        gap = self._channels.check(self._clock.deadline(self._timeouts.reconnect))
        if gap is not None:
            self._take(gap)
        elif self._cells.are_pending:
            # Ask the server, because the channels of a deleted or culled kernel stay open.
            state = self._control.state(self._clock.deadline(self._timeouts.pong))
            if state not in (None, "busy"):
                self._ask()

    def _ask(self) -> None:
        """Send a request that the kernel answers after all earlier requests."""
        request = kernel_info_request(self._channels.session)
        self._marker = Exchange(request.msg_id)
        self._cells.mark()
        self.send(request)

    def _take(self, incoming: Incoming) -> None:
        if isinstance(incoming, Gap):
            self._cells.skip(incoming)
            if incoming.end_unseen and self._cells.are_pending:
                self._ask()
            return
        if tells_of_death(incoming, is_up=False):
            self._is_alive = False
            self._cells.clear()
        marker = self._marker
        if marker is not None and incoming.parent_id == marker.msg_id:
            marker.feed(incoming)
            if marker.done:
                self._marker = None
                self._deliver(self._cells.overtaken())
            return
        self._deliver(self._cells.feed(incoming))

    def _deliver(self, messages: list[Message]) -> None:
        for message in messages:
            queue = self.queues.get(message.channel)
            if queue is not None:
                queue.put(message)
