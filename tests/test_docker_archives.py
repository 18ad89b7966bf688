"""Archives sent to a container, and archives from a container, which may be hostile."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tables import rows

from jkg_client.servers.docker.archives import packed, packed_file, unpacked
from jkg_client.servers.files import LARGEST_FILE

BLOCK = 512


def header(
    name: str = "x", *, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> bytes:
    """The header of a member, in the tar format."""
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = size, kind, link
    return member.tobuf(tarfile.GNU_FORMAT)


def block(content: bytes) -> bytes:
    return content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0")


def archive(name: str = "x", content: bytes = b"content") -> bytes:
    return header(name, size=len(content)) + block(content) + bytes(2 * BLOCK)


def content_of(pieces: Iterator[bytes]) -> bytes:
    file = io.BytesIO()
    unpacked(pieces, file, LARGEST_FILE)
    return file.getvalue()


def members(file: Any) -> list[tuple[tarfile.TarInfo, bytes]]:
    """The members, read by the standard library as a file, and not as a stream."""
    with tarfile.open(fileobj=io.BytesIO(file.read()), encoding="utf-8") as tar:
        return [(member, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]


@rows("size", [0, 1, 511, 512, 513, 3 << 20])
def test_a_file_arrives_whole(size: int) -> None:
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    with packed("a.bin", io.BytesIO(content), size, uid=1000, gid=100) as file:
        ((member, packed_content),) = members(file)
    assert packed_content == content
    assert (member.name, member.uid, member.gid) == ("a.bin", 1000, 100)
    assert (member.isreg(), member.mode) == (True, 0o644)


def test_a_file_belongs_to_root_by_itself() -> None:
    with packed("a", io.BytesIO(b""), 0) as file:
        ((member, _),) = members(file)
    assert (member.uid, member.gid) == (0, 0)


@rows(
    "name",
    [
        "etc/jupyter/jupyter_config.py",
        "a name with blanks",
        "line\nend\r",
        "-rf",
        "äöü €",
        "long" * 60,
        "not utf-8: \udcff",
        "*?[]'\"$(id)",
    ],
)
def test_a_name_arrives_as_it_is(name: str) -> None:
    with packed(name, io.BytesIO(b"1"), 1) as file:
        ((member, _),) = members(file)
    assert member.name == name


def test_user_ids_beyond_the_limit_of_the_format_are_kept() -> None:
    with packed("a", io.BytesIO(b"1"), 1, uid=3000000000, gid=3000000001) as file:
        ((member, _),) = members(file)
    assert (member.uid, member.gid) == (3000000000, 3000000001)


def test_content_that_is_shorter_than_its_size_is_an_error() -> None:
    with pytest.raises(OSError, match="unexpected end"):
        packed("a", io.BytesIO(b"123"), 4)


def test_a_file_of_the_disk_is_packed_under_another_name(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"\0\r\n\xff")
    with packed_file(source, "other", uid=1, gid=2) as file:
        ((member, content),) = members(file)
    assert (member.name, member.uid, member.gid) == ("other", 1, 2)
    assert content == b"\0\r\n\xff"


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir])
def test_only_files_can_be_packed(make: Callable[[Path], None], tmp_path: Path) -> None:
    source = tmp_path / "source"
    make(source)
    with pytest.raises(OSError):
        packed_file(source, "x", uid=0, gid=0)


@rows("length", [1, 100, BLOCK, 10**9])
def test_content_does_not_depend_on_the_size_of_the_pieces(length: int) -> None:
    whole = archive(content=b"0123456789" * 100)
    pieces = (whole[i : i + length] for i in range(0, len(whole), length))
    assert content_of(pieces) == b"0123456789" * 100


def test_empty_pieces_are_not_the_end() -> None:
    whole = archive()
    assert content_of(iter([b"", whole[:700], b"", b"", whole[700:], b""])) == b"content"


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../../x", "..", "C:\\x", "line\nend", "", "a/" * 40 + "x"]
)
def test_the_name_in_an_archive_is_ignored(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert content_of(iter([archive(name)])) == b"content"
    assert list(tmp_path.iterdir()) == []


def test_only_the_first_file_of_an_archive_is_read() -> None:
    both = header(size=1) + block(b"1") + header("y", size=1) + block(b"2")
    assert content_of(iter([both])) == b"1"


# Members that are not files. The engine follows links by name.
@rows(
    "kind",
    [
        tarfile.LNKTYPE,
        tarfile.SYMTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
    ],
)
@rows("link", ["x", "/etc/passwd", "../x"])
def test_only_regular_files_are_unpacked(kind: bytes, link: str) -> None:
    with pytest.raises(OSError):
        content_of(iter([header(kind=kind, link=link) + bytes(2 * BLOCK)]))


@rows("name", ["folder", "folder/", "/", "../.."])
def test_a_directory_is_not_accepted_as_a_file(name: str) -> None:
    with pytest.raises(IsADirectoryError):
        content_of(iter([header(name, kind=tarfile.DIRTYPE) + bytes(2 * BLOCK)]))


@rows(
    "pieces",
    [
        [],
        [b""],
        [b"abc"],
        [bytes(BLOCK)],
        [bytes(2 * BLOCK)],
        [b"no archive at all " * 100],
        [b"\x1f\x8b\x08\x00" + bytes(600)],
        [archive()[:300]],
        [archive()[:BLOCK]],
        [archive()[: BLOCK + 3]],
        [header(size=1 << 60), b"12345"],
        [header(kind=tarfile.GNUTYPE_LONGNAME, size=1 << 60), bytes(BLOCK)],
        [header(kind=tarfile.GNUTYPE_LONGNAME, size=5), block(b"aaaaa")],
        [header(kind=tarfile.XHDTYPE, size=20), block(b"99999999 path=abc\n")],
        [header(kind=tarfile.XHDTYPE, size=20), block(b"0 path=abc\n")],
    ],
)
def test_a_damaged_archive_is_an_error(pieces: list[bytes]) -> None:
    with pytest.raises(OSError):
        content_of(iter(pieces))


@rows("number", range(0, BLOCK, 7))
def test_an_archive_with_one_wrong_byte_in_its_header_is_an_error(number: int) -> None:
    damaged = bytearray(archive())
    damaged[number] ^= 0x15
    with pytest.raises(OSError):
        content_of(iter([bytes(damaged)]))


def test_an_error_of_the_source_is_passed_on() -> None:
    def pieces() -> Iterator[bytes]:
        yield archive()[:600]
        raise ConnectionResetError("the engine has gone")

    with pytest.raises(ConnectionResetError):
        content_of(pieces())


def with_pax(**headers: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("x")
        member.size = 3
        member.pax_headers = {name.replace("_", "."): value for name, value in headers.items()}
        tar.addfile(member, io.BytesIO(b"abc"))
    return file.getvalue()


@rows(
    "whole",
    [
        with_pax(GNU_sparse_size="nonsense"),
        with_pax(GNU_sparse_major="1", GNU_sparse_minor="0"),
        with_pax(GNU_sparse_map="a,b,c", GNU_sparse_size="3"),
        (header(kind=tarfile.GNUTYPE_LONGNAME, size=5) + block(b"aaaaa")) * 3000,
    ],
    ids=["size", "version", "map", "names without end"],
)
def test_archives_on_which_tarfile_fails_are_an_error(whole: bytes) -> None:
    with pytest.raises(OSError):
        content_of(iter([whole]))


def test_a_file_of_the_disk_keeps_its_time(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.touch()
    os.utime(source, (1e9, 1e9))
    with packed_file(source, "x", uid=0, gid=0) as file:
        ((member, _),) = members(file)
    assert member.mtime == 1e9
