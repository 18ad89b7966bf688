"""Faults on the line to every real server."""

import pytest
from faults_on_the_line import *  # noqa: F403

# In a container there is the kernel gateway that is here, too.
pytestmark = pytest.mark.every_server(but=["container"])
