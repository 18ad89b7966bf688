"""Variables, on real gateways."""

from variable_behaviours import *  # noqa: F403 - that is the point
