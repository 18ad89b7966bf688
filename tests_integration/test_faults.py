"""Faults on the line to every real server."""

import pytest
from faults_on_the_line import *  # noqa: F403

pytestmark = pytest.mark.every_server
