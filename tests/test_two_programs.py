"""Two programs on one kernel of the fake gateway."""

import pytest
from two_programs import *  # noqa: F403

from jkg_client.client.timeouts import Timeouts


@pytest.fixture
def timeouts() -> Timeouts:
    # After half of ``grace``, the client interrupts again. If the first interrupt has ended its
    # cell just before, the second one ends the next cell.
    return Timeouts(first_heartbeat=0.15, grace=1.2)
