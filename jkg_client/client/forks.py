"""Checks that a forked child does not use an object of its parent."""

from __future__ import annotations

import os

from ..errors import ClientClosed


def check_owner(process: int, owned: str) -> None:
    """Raise ClientClosed if this is not the process that has created the object.

    Args:
        process: Id of the process that has created it.
        owned: Name of the object for the message.
    """
    if process != os.getpid():
        raise ClientClosed(
            f"{owned} belongs to the process that has created it;"
            " create another one in the forked child"
        )
