"""The directory of this machine that is mounted into a container as its working directory."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from ...errors import EngineError
from .engine import Engine
from .options import WORK_DIR

logger: logging.Logger = logging.getLogger("jkg_client")

# Group "users". In Jupyter's images, this group may write to the same folders as the image's user.
_GROUP = "100"
_WHO = 'id -u && id -g && if [ -w "$1" ]; then echo writable; fi'


@frozen
class WorkDir:
    """A directory of this machine that is mounted into a container.

    Attributes:
        path: The directory.
        source: Path of the directory on the engine's machine.
        is_new: Whether ``prepared`` has created the directory.
        is_rootless: Whether the engine is rootless: its user is root in the containers.
    """

    path: Path
    source: Path
    is_new: bool
    is_rootless: bool

    @classmethod
    def prepared(cls, path: Path, engine: Engine, own: Mapping[str, Any] | None) -> WorkDir:
        """The directory. It is created if it is missing; then only its owner may write to it.

        Raises:
            EngineError: The engine's machine does not have the directory.
        """
        if not engine.endpoint.is_here:
            raise EngineError(
                "work_dir is a folder of this machine, but the engine is on another one:"
                " use put_file and get_file"
            )
        source = _outside(path, own) if own else path
        is_new = not path.exists()
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
        return cls(path, source, is_new, engine.is_rootless())

    @property
    def options(self) -> dict[str, Any]:
        """Options with which the container runs as the directory's owner and can write there."""
        if not sys.platform.startswith("linux"):
            return {}  # the engine's virtual machine maps the owner
        if self.is_rootless:
            return {"user": "0:0", "group_add": [_GROUP]}
        owner = self.path.stat()
        if owner.st_uid == 0:
            return {}
        return {"user": f"{owner.st_uid}:{owner.st_gid}", "group_add": [_GROUP]}

    def hand_over(self, engine: Engine, container: str) -> None:
        """Make the container's user the owner of a directory that root has created here."""
        code, output = engine.run(container, ["sh", "-c", _WHO, "sh", WORK_DIR])
        words = output.decode("utf-8", "replace").split()
        if code or "writable" in words:
            return
        uid, gid = map(int, words[:2])
        if sys.platform != "win32" and self._is_ours_to_give():
            os.chown(self.path, uid, gid)
            return
        logger.warning("user %d in the container cannot write to %s", uid, self.path)

    def _is_ours_to_give(self) -> bool:
        if sys.platform == "win32":
            return False
        return self.is_new and not self.is_rootless and os.geteuid() == 0


def _outside(path: Path, own: Mapping[str, Any]) -> Path:
    """The path of ``path`` outside of the container in which this program runs."""
    mounts = sorted(own.get("Mounts") or (), key=lambda mount: -len(mount["Destination"]))
    for mount in mounts:
        inside = Path(mount["Destination"])
        if path == inside or inside in path.parents:
            return Path(mount["Source"]) / path.relative_to(inside)
    raise EngineError(
        f"{path} exists only in the container of this program: mount a folder of the engine's"
        " machine there, or use put_file"
    )
