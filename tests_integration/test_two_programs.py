"""Two programs on one kernel of every real server."""

import pytest
from two_programs import *  # noqa: F403

pytestmark = pytest.mark.every_server
