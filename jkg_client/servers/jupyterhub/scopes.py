"""The scopes that a token needs.

Scopes: https://jupyterhub.readthedocs.io/en/stable/rbac/scopes.html
"""

from __future__ import annotations

from collections.abc import Iterable

from .models import Caller

READ, START, STOP, ACCESS = "read:servers", "start:servers", "delete:servers", "access:servers"
ACTIVITY = "users:activity"


def missing(caller: Caller, wanted: Iterable[str], user: str, server: str) -> list[str]:
    """The wanted scopes that the token does not have for this server."""
    if caller.scopes is None:
        return []
    return [scope for scope in wanted if not _has(caller.scopes, scope, user, server)]


def _has(scopes: Iterable[str], wanted: str, user: str, server: str) -> bool:
    for scope in scopes:
        name, _, limit = scope.partition("!")
        # Only the hub knows the members of a group, so a group counts as fitting.
        fits = limit in {"", f"user={user}", f"server={user}/{server}"} or "group=" in limit
        if name == wanted and fits:
            return True
    return False
