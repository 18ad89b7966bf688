"""Tar archives with one file. Engines receive and send files in this format."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from ..files import opened, within

_IN_MEMORY = 1 << 20
_PIECE = 1 << 16


def packed(
    name: str, content: BinaryIO, size: int, *, uid: int = 0, gid: int = 0, mtime: float = 0.0
) -> BinaryIO:
    """An archive with one file. The caller has to close it.

    Args:
        name: Name of the file.
        content: Content of the file.
        size: Size of the content in bytes.
        uid: User id of the owner.
        gid: Group id of the owner.
        mtime: Time of the last change, in seconds since 1970.
    """
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.uid, member.gid = size, 0o644, uid, gid
    member.mtime = mtime
    # A spooled file has all methods of BinaryIO, but its declared type does not say so.
    archive = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115
    try:
        # The names in a container do not depend on the locale of this process.
        with tarfile.open(fileobj=archive, mode="w|", encoding="utf-8") as tar:
            tar.addfile(member, content)
        archive.seek(0)
    except BaseException:
        archive.close()
        raise
    return archive


def unpacked(pieces: Iterator[bytes], file: BinaryIO, max_bytes: int) -> None:
    """Write the content of an archive's only file. The name in the archive is not trusted or used.

    Raises:
        IsADirectoryError: The archive has a directory.
        OSError: The file is not a regular file or has more than ``max_bytes``, or the archive is
            incomplete.
    """
    try:
        stream = io.BufferedReader(_Pieces(pieces))
        with tarfile.open(fileobj=stream, mode="r|", encoding="utf-8") as tar:
            member = tar.next()
            content = tar.extractfile(member) if member else None
            if member is None or content is None:
                if member is not None and member.isdir():
                    raise IsADirectoryError(member.name)
                raise OSError("not a regular file")
            file.writelines(within(max_bytes, iter(lambda: content.read(_PIECE), b"")))
    # tarfile raises all these exceptions for the damaged archives that Podman or a proxy may send.
    except (tarfile.TarError, LookupError, ValueError, RecursionError) as exc:
        raise OSError(f"the archive is damaged: {exc}") from exc


def packed_file(path: Path, name: str, *, uid: int, gid: int) -> BinaryIO:
    """The file at ``path`` as an archive."""
    with opened(path) as content:
        told = os.fstat(content.fileno())
        return packed(name, content, told.st_size, uid=uid, gid=gid, mtime=told.st_mtime)


class _Pieces(io.RawIOBase):
    """Pieces of bytes as one stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
