"""Time limits that the caller does not set per call."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Timeouts:
    """Time limits in seconds. The defaults suit servers near and far; tests take less.

    Attributes:
        launch: Time allowed to start or restart a kernel: Enterprise Gateway may schedule a
            pod for it.
        first_heartbeat: Silence after a request, until we ask whether connection and kernel are
            still there: most kernels that are gone are gone already.
        heartbeat: Silence until we ask again.
        stale: Disuse after which a connection has to prove that it is alive before it is used:
            proxies forget connections silently.
        pong: Time allowed for such a proof.
        handshake: Time allowed for one try to connect again. Servers let it wait while they say
            goodbye to the broken connection, some for 5 seconds. A try that was given up too
            early may take the place of the next one.
        mend: Time allowed to bring a broken connection back.
        grace: Time allowed for a cell to end after an interrupt; then the kernel is restarted.
        ready: Time allowed for a kernel to answer after a start or a restart.
        sending: Time allowed to send a request.
    """

    launch: float = 120.0
    first_heartbeat: float = 2.0
    heartbeat: float = 10.0
    stale: float = 20.0
    pong: float = 3.0
    handshake: float = 10.0
    mend: float = 30.0
    grace: float = 5.0
    ready: float = 60.0
    sending: float = 60.0


TIMEOUTS = Timeouts()
"""The defaults."""
