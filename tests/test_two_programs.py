"""Two programs on one kernel of the fake gateway."""

from two_programs import *  # noqa: F403
