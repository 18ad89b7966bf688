"""How long a client waits before it asks, acts or gives up."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Timeouts:
    """Seconds. The defaults suit servers near and far; tests take less.

    Attributes:
        launch: That the server may take to start or restart a kernel: Enterprise Gateway may
            schedule a pod for it.
        first_heartbeat: Of silence after a request, until we ask whether connection and
            kernel are still there: most kernels that are gone are gone already.
        heartbeat: Of silence until we ask again.
        stale: Of disuse, after which a connection has to prove that it is alive before
            it is used: proxies forget connections silently.
        pong: That such a proof may take.
        handshake: That one try to connect again may take. Servers let it wait while they say
            goodbye to the broken connection, some for 5 seconds; given up too early, it may
            take the place of the next one.
        mend: In which a broken connection must be back.
        grace: That a cell may take to end after an interrupt; then the kernel is restarted.
        ready: That a kernel may take to answer after a start or a restart.
        sending: In which a request must have left.
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
"""What is waited unless told otherwise."""
