"""Time limits that the caller does not set per call."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen


def _check(_: Any, attribute: Attribute[float], value: Any) -> None:
    # 0 is allowed. It means no waiting.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and value >= 0):  # NaN is refused, too
        raise ValueError(f"{attribute.name} must be a number of seconds, not {value!r:.200}")


@frozen(kw_only=True)
class Timeouts:
    """Time limits in seconds that the caller does not set per call.

    The defaults are right for local and for remote servers. Tests may use shorter ones.

    Example::

        JupyterCodeExecutor(server, timeouts=Timeouts(launch=300, grace=1))

    Attributes:
        launch: Time limit to start or restart a kernel. Enterprise Gateway may have to schedule a
            pod for it.
        first_heartbeat: Silence after a request until the client asks whether connection and
            kernel are alive. This time is short, because a kernel that does not answer has usually
            died before the request. The client never pauses longer before it asks a kernel a second
            time.
        heartbeat: Further silence until the client asks again.
        stale: Time without use after which the client checks that a connection is still alive,
            before it uses the connection again. Proxies may drop connections without a message.
        pong: Time limit for the answer to a ping, which proves that the connection is alive.
        handshake: Time limit for one attempt to reconnect. Some servers delay an attempt by 5
            seconds while they close the broken connection, so a shorter limit can make reconnecting
            impossible.
        reconnect: Time limit to restore a broken connection, with as many attempts as are possible.
            A request that is made while the connection is broken has the whole time limit again.
        grace: Time limit for a cell to end after an interrupt. After that the kernel is restarted.
        ready: Time limit for a kernel to answer after a start or a restart.
        sending: Time limit to send a request.
        overtime: How long a read may continue after its time limit while data of a message keeps
            arriving.

    Raises:
        ValueError: A value is not a number, or it is negative.
    """

    launch: float = field(default=120.0, validator=_check)
    first_heartbeat: float = field(default=2.0, validator=_check)
    heartbeat: float = field(default=10.0, validator=_check)
    stale: float = field(default=20.0, validator=_check)
    pong: float = field(default=3.0, validator=_check)
    handshake: float = field(default=10.0, validator=_check)
    reconnect: float = field(default=30.0, validator=_check)
    grace: float = field(default=5.0, validator=_check)
    ready: float = field(default=60.0, validator=_check)
    sending: float = field(default=60.0, validator=_check)
    overtime: float = field(default=1.0, validator=_check)


TIMEOUTS = Timeouts()
"""The defaults."""
