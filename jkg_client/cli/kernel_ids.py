"""Finds kernels by the beginning of their ids."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import GatewayStatus

if TYPE_CHECKING:
    from ..gateway.rest import JupyterClient

_WHOLE = 36
"""Length of a UUID in characters. An id of this length is complete, so no request is needed."""


def ids_of(client: JupyterClient, words: Sequence[str]) -> list[str]:
    """The ids of the kernels whose ids begin with these words. Each id is returned once.

    Raises:
        ValueError: No id begins with a word, or several ids do.
    """
    known = known_ids(client)
    return list(dict.fromkeys(_id_of(word, known) for word in words))


def running_id(client: JupyterClient, word: str) -> str:
    """The id of the kernel that ``--kernel-id`` names.

    Raises:
        ValueError: No id begins with ``word``, or several ids do.
    """
    if len(word) >= _WHOLE:
        return word
    known = []
    # Some gateways do not list their kernels. Then the word is used as the id.
    with contextlib.suppress(GatewayStatus):
        known = known_ids(client)
    return _id_of(word, known) if known else word


def known_ids(client: JupyterClient) -> list[str]:
    """The ids of the running kernels."""
    return list(_ids(client))


def _id_of(word: str, known: Sequence[str]) -> str:
    found = [kernel_id for kernel_id in known if kernel_id.startswith(word)]
    if word in found:
        return word
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"more than one kernel begins with {word}: {', '.join(found)}")
    raise ValueError(f"there is no kernel {word}; running: {', '.join(known) or 'none'}")


def _ids(client: JupyterClient) -> Iterator[str]:
    for kernel in client.list_kernels():
        if isinstance(kernel, dict) and isinstance(kernel.get("id"), str):
            yield kernel["id"]
