"""Options of a container: safe by default. Options of the user override all others.

The options have the names of the Docker library:
https://docker-py.readthedocs.io/en/stable/containers.html#docker.models.containers.ContainerCollection.run
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PORT = 8888
"""Port on which the servers of images listen."""

CONFIG_FOLDERS = ("/etc/jupyter", "/usr/local/etc/jupyter")
"""Folders in which Jupyter looks for its configuration for all users. The first has priority."""

WORK_DIR = "/work"
"""Path of the mounted directory in the container. Kernels start there."""

_PORT_KEYS = (PORT, str(PORT), f"{PORT}/tcp")

_SAFE = {
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    # Without an init process, Python would be process 1 and ignore SIGTERM.
    "init": True,
    "pids_limit": 1024,
}


def container_options(
    given: Mapping[str, Any],
    *,
    env: Mapping[str, str],
    labels: Mapping[str, str],
    publish: tuple[str, int | None] | None,
    work_dir: Path | None = None,
    others: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All options of a container.

    Args:
        given: Options of the user. They override all others.
        env: Environment variables to add.
        labels: Labels to add.
        publish: Address and port of the engine's machine at which the server is published. If the
            port is None, a free port is used. If ``publish`` is None, the server is not published.
        work_dir: Directory of the engine's machine that is mounted at ``WORK_DIR``.
        others: Further options of this package.
    """
    options = {**_SAFE, **(others or {}), **given}
    options["environment"] = {**env, **_pairs(given.get("environment"))}
    options["labels"] = {k: v or "" for k, v in {**_pairs(given.get("labels")), **labels}.items()}
    mode = str(options.get("network") or options.get("network_mode"))
    borrowed = mode == "host" or mode.startswith("container:")
    options["ports"] = _ports(given.get("ports"), None if borrowed else publish)
    if options.get("read_only"):
        # A volume for the configuration: it can be written although the root is read-only.
        volume = {"Type": "volume", "Target": CONFIG_FOLDERS[0]}
        options["mounts"] = [*(given.get("mounts") or ()), volume]
    if work_dir is not None:
        options["volumes"] = _with_volume(given.get("volumes"), str(work_dir))
        options.setdefault("working_dir", WORK_DIR)
    return options


def environment_of(described: Mapping[str, Any]) -> dict[str, str]:
    """The environment variables in the engine's description of a container."""
    return _pairs(described["Config"].get("Env"))


def _pairs(given: Mapping[str, str] | Iterable[str] | None) -> dict[str, Any]:
    if given is None or isinstance(given, Mapping):
        return dict(given or {})
    pairs = (word.partition("=") for word in given)
    return {name: value if sign else None for name, sign, value in pairs}


def _ports(given: Mapping[Any, Any] | None, publish: tuple[str, int | None] | None) -> Any:
    ports = dict(given or {})
    if publish is not None and not any(key in ports for key in _PORT_KEYS):
        ports[f"{PORT}/tcp"] = publish
    return ports


def _with_volume(given: Mapping[str, Any] | Iterable[str] | None, folder: str) -> Any:
    if isinstance(given, Mapping) and folder not in given:
        return {**given, folder: {"bind": WORK_DIR, "mode": "rw"}}
    if isinstance(given, Mapping):
        given = [f"{name}:{how['bind']}:{how.get('mode', 'rw')}" for name, how in given.items()]
    return [*(given or ()), f"{folder}:{WORK_DIR}:rw"]
