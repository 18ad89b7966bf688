"""Two programs on one kernel of the fake gateway."""

import pytest
from two_programs import *  # noqa: F403

from jkg_client.client.timeouts import Timeouts


@pytest.fixture
def timeouts() -> Timeouts:
    # An interrupt is repeated after half of this time, and must not be repeated when it has ended
    # its cell: it would end the next one.
    return Timeouts(first_heartbeat=0.15, grace=1.2)
