"""Faults of the connection to the fake gateway, which answers at once."""

import pytest
from faults_on_the_line import *  # noqa: F403

from jkg_client.client.timeouts import Timeouts


@pytest.fixture  # type: ignore[no-redef]  # instead of theirs
def unit() -> float:
    return 0.04


@pytest.fixture  # type: ignore[no-redef]  # instead of theirs
def timeouts() -> Timeouts:
    # The fake gateway answers at once, so a connection without an answer is given up soon. There is
    # time for many attempts to restore it, because a busy machine may fail the first ones.
    return Timeouts(
        first_heartbeat=0.04,
        heartbeat=0.2,
        pong=0.15,
        handshake=0.2,
        reconnect=8.0,
        grace=0.5,
        ready=30.0,
        sending=8.0,
    )
