"""Ids of kernels as people type them: the beginning is enough if no other id begins so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import GatewayStatus

if TYPE_CHECKING:
    from ..gateway.rest import JupyterClient

_WHOLE = 36
"""Characters of a UUID: an id of this length is whole, and the server need not be asked."""


def ids_of(client: JupyterClient, words: Sequence[str]) -> list[str]:
    """The ids of kernels that were named by the beginnings of their ids; each once.

    Raises:
        ValueError: No id begins so, or more than one does.
    """
    known = known_ids(client)
    return list(dict.fromkeys(_id_of(word, known) for word in words))


def running_id(client: JupyterClient, word: str) -> str:
    """The id of the kernel that ``--kernel-id`` names.

    Raises:
        ValueError: No id begins so, or more than one does.
    """
    if len(word) >= _WHOLE:
        return word
    known = []
    # Some gateways do not list their kernels. The id may be right all the same.
    with contextlib.suppress(GatewayStatus):
        known = known_ids(client)
    return _id_of(word, known) if known else word


def known_ids(client: JupyterClient) -> list[str]:
    """The ids of the kernels that run."""
    return list(_ids(client))


def _id_of(word: str, known: Sequence[str]) -> str:
    found = [kernel_id for kernel_id in known if kernel_id.startswith(word)]
    if word in found:
        return word
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"more than one kernel begins with {word}: {', '.join(found)}")
    raise ValueError(f"there is no kernel {word}; what runs: {', '.join(known) or 'nothing'}")


def _ids(client: JupyterClient) -> Iterator[str]:
    for kernel in client.list_kernels():
        if isinstance(kernel, dict) and isinstance(kernel.get("id"), str):
            yield kernel["id"]
