"""Reads the channels of a kernel while no cell is running.

Without this, the user would see a kernel's death, and the output of other clients and of background
threads, only when the next cell runs.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Callable, Protocol, runtime_checkable

from attrs import define, field

from ...client.channels import (
    Incoming,
    KernelChannels,
    KernelConnection,
    KernelControl,
    KernelProvider,
)
from ...client.deadline import Deadline
from ...client.timeouts import Timeouts
from ...errors import ClientClosed, GatewayError, GatewayTimeout, KernelNotFound
from ...protocol.message_gaps import Gap
from ...protocol.messages import Message

_TURN = 0.05
"""Seconds for which the listener holds the channels. A query waits at most this long."""

_PAUSE = 2.0
"""Seconds to wait after a failure."""

RESTORED = "the connection to the kernel works again"
TRIES_AGAIN = "the console keeps trying to reconnect"

Hear = Callable[[Message], bool]
"""Function that gets every message. It returns whether no other code needs the message."""


@runtime_checkable
class BreakableChannels(Protocol):
    """Channels whose connection may break, such as those of a server."""

    def listen(self, deadline: Deadline) -> Incoming | None:
        """Like ``receive``, but only one attempt is made to restore a broken connection.

        The attempt may take longer than the deadline, as long as a connection needs.
        """
        ...


@define(eq=False)
class ListeningChannels:
    """``KernelChannels`` that can also be read between two requests.

    Attributes:
        failure: The last error of the channels, until a message or a gap comes. A gap shows that
            the connection was restored.
    """

    _channels: KernelChannels
    _hear: Hear
    failure: GatewayError | None = field(default=None, init=False)
    _lock: threading.RLock = field(factory=threading.RLock, init=False)
    _kept: deque[Incoming] = field(factory=deque, init=False)

    @property
    def session(self) -> str:
        """The session id."""
        return self._channels.session

    @property
    def closed(self) -> bool:
        """Whether ``abort`` or ``close`` was called."""
        return self._channels.closed

    def listen(self, deadline: Deadline) -> None:
        """Process one message. If the next request needs it, it is kept."""
        with self._turn():
            # A short deadline for each attempt would be too short to connect to a distant server.
            if isinstance(self._channels, BreakableChannels):
                incoming = self._channels.listen(deadline)
            else:
                incoming = self._channels.receive(deadline)
            if incoming is not None and not self._is_taken(incoming):
                self._kept.append(incoming)

    def send(self, message: Message, deadline: Deadline) -> Gap | None:
        """Send ``message``."""
        with self._turn():
            return self._noted(self._channels.send(message, deadline))

    def receive(self, deadline: Deadline) -> Incoming | None:
        """The next message or gap."""
        with self._turn():
            if self._kept:
                return self._kept.popleft()
            incoming = self._channels.receive(deadline)
            if incoming is not None:
                self._is_taken(incoming)
            return incoming

    def drain(self) -> Iterator[Incoming]:
        """All messages and gaps that have arrived already."""
        with self._turn():
            while self._kept:
                yield self._kept.popleft()
            for incoming in self._channels.drain():
                # Messages that the listener has shown must not be shown again.
                if not self._is_taken(incoming):
                    yield incoming

    def refresh(self) -> None:
        """Make the connection usable after a pause."""
        with self._turn():
            self._channels.refresh()

    def check(self, deadline: Deadline, *, is_new_kernel: bool = False) -> Gap | None:
        """After a time without messages, check whether the connection is alive."""
        with self._turn():
            return self._noted(self._channels.check(deadline, is_new_kernel=is_new_kernel))

    def prove_alive(self, limit: Deadline) -> None:
        """Wait until the connection proves that it is alive."""
        with self._turn():
            self._channels.prove_alive(limit)

    def abort(self) -> None:
        """Abort all waits. Any thread may call this."""
        self._channels.abort()

    def close(self) -> None:
        """Close the connection."""
        self._channels.close()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except GatewayError as exc:
                self.failure = exc
                raise

    def _noted(self, gap: Gap | None) -> Gap | None:
        self.failure = None if gap is not None else self.failure
        return gap

    def _is_taken(self, incoming: Incoming) -> bool:
        self.failure = None
        return not isinstance(incoming, Gap) and self._hear(incoming)


@define(eq=False)
class ListeningProvider:
    """A ``KernelProvider`` whose connections have ``ListeningChannels``.

    Attributes:
        channels: The channels of the last connection.
        control: The control of the last connection.
        may_restart: Whether the kernel may be restarted. False for a kernel that was not started
            here.
    """

    _provider: KernelProvider
    _hear: Hear
    channels: ListeningChannels | None = field(default=None, init=False)
    control: KernelControl | None = field(default=None, init=False)
    may_restart: bool = True

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
        self.channels = ListeningChannels(connection.channels, self._hear)
        self.control = _Control(connection.control, self)
        return KernelConnection(self.channels, self.control)

    def delete_kernel(self, kernel_id: str) -> None:
        """End the kernel."""
        self._provider.delete_kernel(kernel_id)

    def close(self) -> None:
        """Close the provider."""
        self._provider.close()


@define(eq=False)
class _Control:
    """A ``KernelControl`` that restarts the kernel only if that is allowed."""

    _control: KernelControl
    _provider: ListeningProvider

    def interrupt(self, deadline: Deadline) -> None:
        """Interrupt the running cell."""
        self._control.interrupt(deadline)

    def restart(self, deadline: Deadline) -> None:
        """Restart the kernel, or refuse."""
        if not self._provider.may_restart:
            raise GatewayTimeout(
                "the code does not end after an interrupt. The kernel was not started here, so it"
                " was not restarted: press Ctrl-C twice to choose"
            )
        self._control.restart(deadline)

    def state(self, deadline: Deadline) -> str | None:
        """The state of the kernel, if it is known."""
        return self._control.state(deadline)


class ListeningThread:
    """A thread that reads the channels in the ``with`` block, but not while a cell is running.

    Args:
        channels: Channels of the kernel.
        tell: Function that shows a line. It gets the first error of a series, and the end of the
            series.
    """

    def __init__(self, channels: ListeningChannels, tell: Callable[[str], None]) -> None:
        self._channels = channels
        self._tell = tell
        self._ended = threading.Event()
        self._is_free = threading.Event()
        self._is_free.set()
        self._is_told = False  # whether the user knows of the error
        self._thread = threading.Thread(target=self._listen, name="jkg-listen", daemon=True)

    def __enter__(self) -> ListeningThread:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self._is_free.set()
        self._channels.abort()
        self._thread.join(_PAUSE)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Do not read the channels in this ``with`` block, because a cell is running."""
        self._is_free.clear()
        try:
            yield
        except GatewayError as exc:
            # The caller shows this error.
            self._is_told |= exc is self._channels.failure
            raise
        else:
            self._is_told &= self._channels.failure is not None
        finally:
            self._is_free.set()

    def _listen(self) -> None:
        while not self._ended.is_set():
            self._is_free.wait()
            try:
                self._channels.listen(Deadline(_TURN))
                self._note_success()
            except ClientClosed:
                return
            except GatewayError as exc:
                self._note_failure(exc)
                if isinstance(exc, KernelNotFound):
                    return
                self._ended.wait(_PAUSE)
            # The lock is not fair, so give other threads time to get it.
            self._ended.wait(0.005)

    def _note_success(self) -> None:
        # Silence alone does not show that the connection works: maybe no attempt was due.
        if self._is_told and self._channels.failure is None:
            self._is_told = False
            self._tell(f"jkg: {RESTORED}")

    def _note_failure(self, exc: GatewayError) -> None:
        if self._is_told:
            return
        self._is_told = True
        is_final = isinstance(exc, KernelNotFound)
        self._tell(f"jkg: {exc}" if is_final else f"jkg: {exc}\njkg: {TRIES_AGAIN}")
