"""The executor for event loops, on a real kernel gateway."""

from async_behaviours import *  # noqa: F403
