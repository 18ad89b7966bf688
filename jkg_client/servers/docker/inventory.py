"""The containers of this package on an engine, and the programs that own them."""

from __future__ import annotations

from typing import Any

from .containers import end
from .engine import Engine
from .owners import OWNER, Owner, ServerContainer, is_orphan

_END_SECONDS = 5.0


def inventory(engine: Engine) -> list[ServerContainer]:
    """All containers of this package, also the stopped ones, sorted by name."""

    def runs(container: str) -> bool:
        told = engine.inspect(container)
        return bool(told and told["State"].get("Running"))

    found = [_container(told, runs) for told in engine.containers(OWNER)]
    return sorted(found, key=lambda container: container.name)


def remove_orphans(engine: Engine) -> list[str]:
    """Stop and remove the containers whose owner has ended, and return their names."""
    orphans = [container for container in inventory(engine) if container.is_orphan]
    for container in orphans:
        end(engine, container.id, _END_SECONDS, removes=True)
    return [container.name for container in orphans]


def _container(told: dict[str, Any], runs: Any) -> ServerContainer:
    labels = told.get("Labels") or {}
    owner = Owner.from_label(labels.get(OWNER, ""))
    return ServerContainer(
        name=(told.get("Names") or [told["Id"]])[0].lstrip("/"),
        id=told["Id"],
        image=told["Image"],
        status=told.get("Status") or told.get("State") or "",
        owner=str(owner) if owner else "unknown",
        is_orphan=is_orphan(labels, runs),
    )
