"""Interfaces of kernels and their channels: on a server, on this machine, or in a test.

``Conversation`` and ``JupyterKernelClient`` use only these interfaces. The caller's thread does all
the work; no implementation needs a reader thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, Union

from attrs import frozen

from ..protocol.message_gaps import Gap
from ..protocol.messages import Message
from .deadline import Deadline
from .timeouts import Timeouts

Incoming = Union[Message, Gap]
"""A message from a kernel, or a gap in its messages."""


class KernelChannels(Protocol):
    """All channels of one kernel, in both directions, with one session id.

    Messages of all channels arrive in one stream. The messages of iopub keep their order. If the
    kernel dies or starts again, the channels report this as Jupyter servers do: by a ``status``
    message on iopub with an empty ``parent_header``. Its ``execution_state`` is ``restarting`` if
    another process will follow, ``starting`` if this process has begun, and ``dead`` if no process
    will follow.

    One thread at a time may use the channels. Only ``abort`` may be called from any thread, at any
    time. The constructor connects.

    Every method except ``abort`` and ``close`` raises:
        ClientClosed: After ``abort`` or ``close``.
        KernelNotFound: The kernel does not exist any more: deleted, culled, or it died too often.
        GatewayError: The connection to the kernel broke and could not be restored.
    """

    @property
    def session(self) -> str:
        """Our session id, for all messages that we send. It never changes."""
        ...

    @property
    def closed(self) -> bool:
        """Whether ``abort`` or ``close`` was called."""
        ...

    def send(self, message: Message, deadline: Deadline) -> Gap | None:
        """Send ``message`` on its channel, so that it arrives at most once.

        If the connection is broken before the message is sent, it is restored first.

        Returns:
            The gap, if the connection was restored. The answers to the message come after the gap.
            Otherwise None.

        Raises:
            GatewayError: The message could not be sent before the deadline.
            ValueError: The message is too large, or it is not valid JSON. Nothing was sent.
        """
        ...

    def receive(self, deadline: Deadline) -> Incoming | None:
        """The next message or gap. None if the deadline has passed and nothing has arrived.

        A message that has already arrived is returned even after the deadline. A broken connection
        is restored, and a gap is returned. ``check`` finds out whether a silent connection works.
        """
        ...

    def drain(self) -> Iterator[Incoming]:
        """Yield the messages since the last read, and make sure that the connection works.

        After ``Timeouts.stale`` seconds without use, the connection is tested first. The iterator
        ends after a few seconds, even if the kernel sends faster than we read.
        """
        ...

    def refresh(self) -> None:
        """After a pause without reading: make sure that the connection works.

        This works like ``drain``, but the messages are kept for the next ``receive``.
        """
        ...

    def check(self, deadline: Deadline, *, is_new_kernel: bool = False) -> Gap | None:
        """After silence: ask for a sign of life. Reconnect if no sign has come since the last call.

        This does not wait for the sign of life.

        Args:
            deadline: Time limit for a reconnect.
            is_new_kernel: The kernel has started again and has not answered since. The old
                connection may not lead to the new process, so a new connection is made.

        Returns:
            The gap, if the connection was restored; else None.
        """
        ...

    def prove_alive(self, limit: Deadline) -> None:
        """Wait for a sign of life, at most ``Timeouts.pong`` seconds. Reconnect if none comes.

        The next ``receive`` or ``drain`` returns the gap.

        Args:
            limit: Time limit for a reconnect.
        """
        ...

    def abort(self) -> None:
        """End all operations. Threads that wait in other methods get ``ClientClosed`` at once."""
        ...

    def close(self) -> None:
        """Close the connection; the kernel keeps running. Never raises, also when called twice."""
        ...


class KernelControl(Protocol):
    """Interrupts and restarts one kernel. Any thread may use it at any time.

    Every method raises:
        KernelNotFound: The kernel does not exist any more.
        GatewayError: The server does not answer, or it refuses the request.
    """

    def interrupt(self, deadline: Deadline) -> None:
        """Interrupt the running cell, as Ctrl-C does. This does not wait for the effect.

        Args:
            deadline: Time limit for the request. If it has no end, the default time limit applies.
        """
        ...

    def restart(self, deadline: Deadline) -> None:
        """Replace the kernel's process, even if it is busy. Variables are lost, the id stays.

        When this returns, the new process has been started, but it may not answer yet. The same
        channels lead to the new process. Unread messages of the old process may be lost.

        Args:
            deadline: Time limit for the start. If it has no end, the default time limit applies.
        """
        ...

    def state(self, deadline: Deadline) -> str | None:
        """The state of the kernel, without asking the kernel itself.

        Args:
            deadline: Time limit for the request.

        Returns:
            ``busy``, ``idle``, ``starting`` or another execution state of the protocol. None if the
            state is unknown or was not found out in time.

        Raises:
            KernelNotFound: The kernel does not exist any more. No other exception is raised.
        """
        ...


@frozen
class KernelConnection:
    """A connection to a kernel.

    Attributes:
        channels: Send and receive the messages of the kernel.
        control: Interrupts and restarts the kernel.
    """

    channels: KernelChannels
    control: KernelControl


class KernelProvider(Protocol):
    """Starts kernels and connects to them: a Jupyter server, this machine, or a test.

    Any thread may use it. Every method except ``close`` raises:
        GatewayError: The provider cannot be reached, or it refuses the request.
    """

    def start_kernel(
        self,
        kernel_spec_name: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float = 120.0,
    ) -> str:
        """Start a kernel and return its id. The kernel may not answer yet.

        Args:
            kernel_spec_name: Name of the kernel.
            env: Added to the kernel's environment. The provider may refuse some variables.
            timeout_seconds: Time limit for the whole start.

        Raises:
            KernelSpecNotFound: No such kernel is installed. The message lists the installed
                kernels.
            ValueError: A name or a value is not a string.
        """
        ...

    def connect(self, kernel_id: str, deadline: Deadline, timeouts: Timeouts) -> KernelConnection:
        """Connect to a kernel. After that, no message of the kernel is missed.

        Args:
            kernel_id: Id of a running kernel.
            deadline: Time limit for connecting.
            timeouts: Time limits of the channels.

        Raises:
            KernelNotFound: There is no such kernel (any more).
        """
        ...

    def delete_kernel(self, kernel_id: str) -> None:
        """End the kernel, even if it is busy. Its channels cannot be used afterwards.

        Raises:
            KernelNotFound: There is no such kernel (any more).
        """
        ...

    def close(self) -> None:
        """Close everything; a second call does nothing.

        Kernels on a server keep running. Kernels on this machine end.
        """
        ...
