"""Faults of the connection to every real server."""

import pytest
from faults_on_the_line import *  # noqa: F403

# The container runs the same kernel gateway that the tests use locally.
pytestmark = pytest.mark.every_server(but=["container"])
