"""How a container is started: safe by default, and the user's word is the last.

Names are those of the Docker library:
https://docker-py.readthedocs.io/en/stable/containers.html#docker.models.containers.ContainerCollection.run
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PORT = 8888
"""On which images listen."""

CONFIG_FOLDERS = ("/etc/jupyter", "/usr/local/etc/jupyter")
"""Where Jupyter looks for its configuration, whoever runs it: the first wins."""

WORK_DIR = "/work"
"""Where a mounted directory is in the container, and where its kernels start then."""

_PORT_KEYS = (PORT, str(PORT), f"{PORT}/tcp")

_SAFE = {
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    # Without an init process Python would be the first, which ignores SIGTERM.
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
        given: The user's, which win.
        env: Added to the environment.
        labels: Added to the labels.
        publish: Address and port (None: any free one) of the engine's machine; None: do not.
        work_dir: A directory of the engine's machine to be mounted at ``WORK_DIR``.
        others: What else we want.
    """
    options = {**_SAFE, **(others or {}), **given}
    options["environment"] = {**env, **_pairs(given.get("environment"))}
    options["labels"] = {k: v or "" for k, v in {**_pairs(given.get("labels")), **labels}.items()}
    mode = str(options.get("network") or options.get("network_mode"))
    borrowed = mode == "host" or mode.startswith("container:")
    options["ports"] = _ports(given.get("ports"), None if borrowed else publish)
    if options.get("read_only"):
        # One of its own, which can be written before the container starts.
        volume = {"Type": "volume", "Target": CONFIG_FOLDERS[0]}
        options["mounts"] = [*(given.get("mounts") or ()), volume]
    if work_dir is not None:
        options["volumes"] = _with_volume(given.get("volumes"), str(work_dir))
        options.setdefault("working_dir", WORK_DIR)
    return options


def environment_of(told: Mapping[str, Any]) -> dict[str, str]:
    """The environment of a container, as the engine tells it."""
    return _pairs(told["Config"].get("Env"))


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
