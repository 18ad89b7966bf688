"""What clients leave behind on a real server."""

import pytest
from ownership import *  # noqa: F403


@pytest.fixture
def tries() -> int:
    return 25
