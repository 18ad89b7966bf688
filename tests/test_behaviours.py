"""The behaviours that users can rely on, on the fake gateway."""

from behaviours import *  # noqa: F403
