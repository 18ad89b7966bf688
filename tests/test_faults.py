"""Faults of the connection to the fake gateway, which answers at once."""

import pytest
from faults_on_the_line import *  # noqa: F403


@pytest.fixture  # type: ignore[no-redef]  # instead of theirs
def unit() -> float:
    return 0.15
