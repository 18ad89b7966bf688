"""What a way to a kernel must offer: one through a server, to our own process, or a test's script.

``Conversation`` and ``JupyterKernelClient`` talk through these and construct nothing below them.
The caller's thread does all the work: no way to a kernel needs a reader thread.
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
"""What comes from a kernel."""


class KernelChannels(Protocol):
    """All channels of one kernel, both ways, under one session id.

    Messages of all channels come in one stream; those of iopub keep their order. A way that sees
    the kernel die, or start again, says so as Jupyter servers do: by a ``status`` message on iopub
    with an empty ``parent_header`` and ``execution_state`` ``restarting`` (another process will
    follow), ``starting`` (it has begun) or ``dead`` (none will follow).

    One thread at a time uses it, and that thread does all the reading; only ``abort`` may be called
    from any thread, at any time. Its constructor connects: whoever has one can use it.

    Every method but ``abort`` and ``close`` raises:
        ClientClosed: After ``abort`` or ``close``.
        KernelNotFound: The kernel is gone for good: deleted, culled, or it died too often.
        GatewayError: The way to the kernel broke and could not be restored.
    """

    @property
    def session(self) -> str:
        """Id of our session: all that we send must carry it. It stays the same for ever."""
        ...

    @property
    def closed(self) -> bool:
        """Whether ``abort`` or ``close`` was called."""
        ...

    def send(self, message: Message, deadline: Deadline) -> Gap | None:
        """Send ``message`` on the channel that it names, so that it arrives once at most.

        A way that breaks is mended first if the message has not left yet.

        Returns:
            The gap, if the way was mended; it lies before what answers the message. Else None.

        Raises:
            GatewayError: It could not be sent before the deadline.
            ValueError: It is larger than the way takes, or JSON cannot say it. Nothing was sent.
        """
        ...

    def receive(self, deadline: Deadline) -> Incoming | None:
        """The next message or gap; None when the deadline has passed and nothing has come.

        What has come already is given even if the deadline has passed. A way that breaks is mended
        here, and a gap is returned. Whether a silent way is alive is left to ``check``.
        """
        ...

    def drain(self) -> Iterator[Incoming]:
        """All that has come while nobody listened. Afterwards the way is good for use.

        A way that was not used for ``Timeouts.stale`` seconds has to prove first that it is alive.
        It ends after a few seconds, also if the kernel speaks faster than we can listen.
        """
        ...

    def refresh(self) -> None:
        """Make the way good for use after a pause in which nobody listened.

        Like ``drain``, but what came is kept for the next ``receive``.
        """
        ...

    def check(self, deadline: Deadline, *, is_new_kernel: bool = False) -> Gap | None:
        """Ask for a sign of life after silence; mend the way if none came since the last call.

        It does not wait for the sign itself.

        Args:
            deadline: For the mend, if one is needed.
            is_new_kernel: The kernel was started again and has not answered since. It may be
                elsewhere now, where the old way does not lead: take a new one.

        Returns:
            The gap, if the way was mended; else None.
        """
        ...

    def prove_alive(self, limit: Deadline) -> None:
        """Wait for a sign of life, ``Timeouts.pong`` seconds at most; mend the way if none comes.

        The gap is given by the next ``receive`` or ``drain``.

        Args:
            limit: For the mend, if one is needed.
        """
        ...

    def abort(self) -> None:
        """End it for good: a thread that waits in another method gets ``ClientClosed`` at once."""
        ...

    def close(self) -> None:
        """Close the way; the kernel stays. May be called twice. Never raises."""
        ...


class KernelControl(Protocol):
    """Power over one kernel, beside its channels. Any thread may use it at any time.

    Every method raises:
        KernelNotFound: The kernel is gone for good.
        GatewayError: Whoever has the power does not answer, or refuses.
    """

    def interrupt(self, deadline: Deadline) -> None:
        """Interrupt what the kernel runs, as Ctrl-C would. It does not wait for the effect.

        Args:
            deadline: For handing it over; one without end means the usual time.
        """
        ...

    def restart(self, deadline: Deadline) -> None:
        """Replace the kernel's process, whatever it does; variables are gone, the id stays.

        When it returns the new process has been started; it need not answer yet. The same channels
        lead to it. What the old process has said and nobody has read may be lost.

        Args:
            deadline: For the launch; one without end means the usual time.
        """
        ...

    def state(self, deadline: Deadline) -> str | None:
        """What is known of the kernel's life without asking the kernel itself.

        Args:
            deadline: For finding out.

        Returns:
            ``busy``, ``idle``, ``starting`` or another of the protocol's execution states; None if
            nothing is known, or nothing could be found out in time.

        Raises:
            KernelNotFound: The kernel is gone for good. Nothing else is raised.
        """
        ...


@frozen
class KernelConnection:
    """A kernel that one is connected to.

    Attributes:
        channels: What is said to it and what it says.
        control: Power over it.
    """

    channels: KernelChannels
    control: KernelControl


class KernelProvider(Protocol):
    """Has kernels: a Jupyter server, this machine, or a test. Any thread may use it.

    Every method but ``close`` raises:
        GatewayError: It is not there, or refuses.
    """

    def start_kernel(
        self,
        kernel_spec_name: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float = 120.0,
    ) -> str:
        """Start a kernel and return its id. The kernel need not answer yet.

        Args:
            kernel_spec_name: Which.
            env: Added to the kernel's environment, as far as the provider allows.
            timeout_seconds: For the launch as a whole.

        Raises:
            KernelSpecNotFound: No such kernel is installed; the message names those that are.
            ValueError: A name or a value is no string.
        """
        ...

    def connect(self, kernel_id: str, deadline: Deadline, timeouts: Timeouts) -> KernelConnection:
        """Connect to a kernel: when it returns nothing that the kernel says is missed.

        Args:
            kernel_id: Of a kernel that runs.
            deadline: For connecting.
            timeouts: For all that the channels wait for later.

        Raises:
            KernelNotFound: There is no such kernel (any more).
        """
        ...

    def delete_kernel(self, kernel_id: str) -> None:
        """End the kernel, whatever it does; its channels are of no use afterwards.

        Raises:
            KernelNotFound: There is no such kernel (any more).
        """
        ...

    def close(self) -> None:
        """Let go of all that it holds. May be called twice. Kernels of a server stay, ours end."""
        ...
