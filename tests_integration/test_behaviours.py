"""What users can rely on, on a real kernel gateway."""

from behaviours import *  # noqa: F403
