"""Tokens of the servers that we start."""

from __future__ import annotations

import secrets
from typing import Union


class GenerateToken:
    """Stands for a new random token. Pass the class or an instance.

    Example::

        LocalJupyterServer(token=GenerateToken)
    """


TokenChoice = Union[str, GenerateToken, type[GenerateToken], None]
"""A token, ``GenerateToken``, or None (or "") for a server that asks for none."""


def token_for(choice: TokenChoice) -> str | None:
    """The token for ``choice``.

    Raises:
        ValueError: ``choice`` is not one of the values that ``TokenChoice`` allows.
    """
    if choice is GenerateToken or isinstance(choice, GenerateToken):
        return secrets.token_hex(32)
    if choice is None or isinstance(choice, str):
        return choice or None
    # The value is not shown: it may be a token of the wrong type.
    raise ValueError(f"token must be a str, GenerateToken or None, not a {type(choice).__name__}")
