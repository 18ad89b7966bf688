"""Files in a container. The engine copies them, without help of the server in the container."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from ...client import arguments
from ...errors import EngineError
from ..files import LocalPath, check_get, check_put, opened, place_for, written
from .archives import packed_file, unpacked

if TYPE_CHECKING:
    from .engine import Engine

_LINKS = 8
# Go's os.ModeSymlink. The check is needed because Podman sends a linkTarget for every file: for
# a regular file, the target is the file itself.
_IS_LINK = 1 << 27
# POSIX shell, so that it runs in any image. NUL ends each name, because names may contain newlines.
_LIST = """
cd -- "$1" || exit 2
for name in * .*; do
    case $name in .|..) continue;; esac
    if [ -d "$name" ]; then printf '%s/\\0' "$name"
    elif [ -e "$name" ] || [ -L "$name" ]; then printf '%s\\0' "$name"
    fi
done
"""
_PREPARE = 'mkdir -p -- "$1" && id -u && id -g'


@frozen
class ContainerFiles:
    """Files of a container.

    Attributes:
        engine: The engine that runs the container.
        container: Id of the container.
        folder: Working directory of the container. Paths are relative to it.
    """

    engine: Engine
    container: str
    folder: str

    def put(self, source: LocalPath, path: str | None) -> str:
        """Copy a file into the container, and return its path there."""
        check_put(source, path)
        source = Path(source)
        place = posixpath.join(self.folder, path or source.name)
        if place.endswith("/"):
            place += source.name
        folder, name = posixpath.split(place)
        with opened(source):
            pass  # check the file before folders are created in the container
        uid, gid = self._run(_PREPARE, folder).split()
        with packed_file(source, name, uid=int(uid), gid=int(gid)) as archive:
            self.engine.put(self.container, folder, archive)
        return place

    def get(self, path: str, destination: LocalPath | None, max_bytes: int) -> Path:
        """Copy a file out of the container, and return the path of the copy."""
        check_get(path, destination, max_bytes)
        place = place_for(path, destination)
        there = posixpath.join(self.folder, path)
        for _ in range(_LINKS):
            with self.engine.get(self.container, there) as (pieces, stat):
                link = stat.get("linkTarget")
                if not (link and stat.get("mode", _IS_LINK) & _IS_LINK):
                    with written(place) as file:
                        unpacked(pieces, file, max_bytes)
                    return place
            there = posixpath.join(posixpath.dirname(there), link)
        raise OSError(f"too many symbolic links: {path}")

    def names(self, path: str) -> list[str]:
        """Names in a folder of the container. Names of folders end with ``/``."""
        arguments.text("path", path)
        listed = self._run(_LIST, posixpath.join(self.folder, path))
        return sorted(listed.decode("utf-8", "surrogateescape").split("\0")[:-1])

    def _run(self, script: str, path: str) -> bytes:
        code, output = self.engine.run(self.container, ["sh", "-c", script, "sh", path])
        if code:
            said = output.decode("utf-8", "replace").strip()
            if "No such file" in said or "can't cd" in said:
                raise FileNotFoundError(path)
            raise EngineError(f"{path} in container {self.container[:12]}: {said}")
        return output
