"""Programs that fork: a child process owns nothing that its parent has made."""

from __future__ import annotations

import os

from ..errors import ClientClosed


def check_owner(process: int, owned: str) -> None:
    """Raise ClientClosed in any other process than the one with this id, which made ``owned``."""
    if process != os.getpid():
        raise ClientClosed(
            f"{owned} belongs to the process that has made it;"
            " a child that was forked needs one of its own"
        )
