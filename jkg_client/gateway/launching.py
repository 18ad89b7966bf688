"""The requests that start a kernel."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from ..client import arguments


def start_request(name: str, env: Mapping[str, str] | None, path: str | None) -> dict[str, Any]:
    """The body of ``POST /api/kernels``.

    Raises:
        ValueError: A name or a value is wrong.
    """
    arguments.variables("env", env)
    request: dict[str, Any] = {"name": arguments.filled("kernel_spec_name", name)}
    if env:
        request["env"] = dict(env)
    if path is not None:
        request["path"] = arguments.text("path", path)
    return request


def session_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """The body of ``POST /api/sessions`` that starts the same kernel, without its ``env``."""
    # Use a new name: a session that exists already would return its own kernel.
    name = f"jkg-{uuid.uuid4().hex}"
    kernel = {"name": request["name"]}
    return {"kernel": kernel, "name": name, "path": request.get("path") or name, "type": "console"}
