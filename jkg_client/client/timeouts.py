"""Time limits that the caller does not set per call."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Timeouts:
    """Time limits in seconds that the caller does not set per call.

    The defaults suit servers near and far. Tests may use shorter ones.

    Example::

        JupyterCodeExecutor(server, timeouts=Timeouts(launch=300, grace=1))

    Attributes:
        launch: To start or restart a kernel. Enterprise Gateway may have to schedule a pod for it.
        first_heartbeat: Silence after a request until the client asks whether connection and
            kernel are alive. Most kernels that are gone were gone before the request.
        heartbeat: Silence until the client asks again.
        stale: Time without use after which a connection has to prove that it is alive before it
            is used again. Proxies may forget connections silently.
        pong: For such a proof.
        handshake: For one attempt to reconnect. Some servers let it wait for 5 seconds while they
            close the broken connection, so a shorter limit can make reconnecting impossible.
        reconnect: To restore a broken connection, with as many attempts as fit.
        grace: For a cell to end after an interrupt. After that the kernel is restarted.
        ready: For a kernel to answer after a start or a restart.
        sending: To send a request.
    """

    launch: float = 120.0
    first_heartbeat: float = 2.0
    heartbeat: float = 10.0
    stale: float = 20.0
    pong: float = 3.0
    handshake: float = 10.0
    reconnect: float = 30.0
    grace: float = 5.0
    ready: float = 60.0
    sending: float = 60.0


TIMEOUTS = Timeouts()
"""The defaults."""
