"""The executor for event loops, on the fake gateway."""

from async_behaviours import *  # noqa: F403 - that is the point
