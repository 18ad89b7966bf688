"""What is left behind on every real server."""

import pytest
from ownership import *  # noqa: F403

pytestmark = pytest.mark.every_server


@pytest.fixture
def tries() -> int:
    return 15
