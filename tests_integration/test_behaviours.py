"""The behaviours that users can rely on, on every real server."""

import pytest
from behaviours import *  # noqa: F403

pytestmark = pytest.mark.every_server
