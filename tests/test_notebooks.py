"""Notebooks on the fake gateway."""

from notebook_behaviours import *  # noqa: F403
