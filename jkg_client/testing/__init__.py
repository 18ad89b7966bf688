"""A fake gateway for tests without Jupyter. It needs the extra ``testing``.

The names are loaded on first use. Pytest imports this package at each start, because of the plugin.
This import must be quick, and must not need the extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import Faults
    from .gateway import FakeGateway
    from .journal import Journal, KernelMessage, RestRequest
    from .replays import Recording
    from .scripts import Script

__all__ = [
    "FakeGateway",
    "Faults",
    "Journal",
    "KernelMessage",
    "Recording",
    "RestRequest",
    "Script",
]

_MODULES = {
    "FakeGateway": "gateway",
    "Faults": "faults",
    "Journal": "journal",
    "KernelMessage": "journal",
    "Recording": "replays",
    "RestRequest": "journal",
    "Script": "scripts",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    except ModuleNotFoundError as exc:
        if exc.name and exc.name.partition(".")[0] == "websockets":
            raise ImportError(
                'the fake gateway needs an extra: pip install "jkg-client[testing]"'
            ) from exc
        raise
