"""Files in the folder in which the kernels of a local server start."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tables import rows
from test_local import GATEWAY, program

from jkg_client.servers.files import LARGEST_FILE, LocalFiles, place_for, written
from jkg_client.servers.local import LocalJupyterServer

CONTENT = bytes(range(256)) * 3


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The folder in which kernels start."""
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a file in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "data.bin").write_bytes(CONTENT)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (None, "data.bin"),
        ("", "data.bin"),
        ("other.bin", "other.bin"),
        ("new/sub/other.bin", "new/sub/other.bin"),
        ("new/sub/", "new/sub/data.bin"),
        ("./x", "x"),
        ("line\nend" if os.name == "posix" else "blank end", None),
        ("-rf", "-rf"),
        ("äöü", "äöü"),
    ],
)
def test_a_file_is_put_at_the_wanted_path(
    path: str | None, place: str | None, here: Path, there: Path
) -> None:
    told = LocalFiles(there).put("data.bin", path)
    assert (there / (place or path or "")).read_bytes() == CONTENT
    assert Path(told) == there / (place or path or "")


def test_an_absolute_path_leads_out_of_the_folder(here: Path, there: Path, tmp_path: Path) -> None:
    told = LocalFiles(there).put(here / "data.bin", str(tmp_path / "outside"))
    assert Path(told) == tmp_path / "outside"
    assert (tmp_path / "outside").read_bytes() == CONTENT


def test_an_existing_file_is_replaced(here: Path, there: Path) -> None:
    (there / "data.bin").write_bytes(b"old")
    LocalFiles(there).put("data.bin", None)
    assert (there / "data.bin").read_bytes() == CONTENT


def test_a_file_may_be_put_onto_itself(here: Path) -> None:
    LocalFiles(here).put("data.bin", None)
    assert (here / "data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("source", ["nosuch", "."])
def test_only_files_are_put(source: str, here: Path, there: Path) -> None:
    with pytest.raises(OSError):
        LocalFiles(there).put(source, "x")
    assert list(there.iterdir()) == []


def test_a_file_does_not_replace_a_directory(here: Path, there: Path) -> None:
    (there / "sub").mkdir()
    with pytest.raises(OSError):
        LocalFiles(there).put("data.bin", "sub")
    assert LocalFiles(there).names("") == ["sub/"]


@pytest.mark.parametrize(
    ("destination", "place"),
    [
        (None, "result"),
        ("", "result"),
        (".", "result"),
        ("folder", "folder/result"),
        (Path("folder"), "folder/result"),
        ("other", "other"),
        ("data.bin", "data.bin"),
    ],
)
def test_a_file_is_saved_at_the_wanted_path(
    destination: Any, place: str, here: Path, there: Path
) -> None:
    (here / "folder").mkdir()
    (there / "sub").mkdir()
    (there / "sub" / "result").write_bytes(b"new")
    told = LocalFiles(there).get("sub/result", destination, LARGEST_FILE)
    assert told == Path(place)
    assert (here / place).read_bytes() == b"new"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b", "b"),
        ("/etc/passwd", "passwd"),
        ("../../x", "x"),
        ("..\\..\\x", "x"),
        ("C:\\folder\\x", "x"),
        ("line\nend", "line\nend"),
        ("-rf", "-rf"),
    ],
)
def test_a_foreign_path_does_not_lead_out_of_a_directory(
    path: str, name: str, tmp_path: Path
) -> None:
    assert place_for(path, tmp_path) == tmp_path / name


@pytest.mark.parametrize(
    ("make", "failure"),
    [(lambda path: None, FileNotFoundError), (Path.mkdir, OSError)],
)
def test_only_files_are_got(
    make: Callable[[Path], None], failure: type[OSError], here: Path, there: Path
) -> None:
    make(there / "x")
    with pytest.raises(failure):
        LocalFiles(there).get("x", None, LARGEST_FILE)
    assert LocalFiles(here).names("") == ["data.bin"]


def test_a_missing_destination_folder_is_an_error(here: Path, there: Path) -> None:
    (there / "x").touch()
    with pytest.raises(OSError):
        LocalFiles(there).get("x", "nosuch/folder/x", LARGEST_FILE)
    assert LocalFiles(here).names("") == ["data.bin"]


def test_a_copy_appears_after_a_success(tmp_path: Path) -> None:
    place = tmp_path / "x"
    place.write_bytes(b"old")
    with written(place) as file:
        file.write(b"new")
        assert place.read_bytes() == b"old"
    assert place.read_bytes() == b"new"
    assert LocalFiles(tmp_path).names("") == ["x"]


def _fill_by_half(place: Path, failure: type[BaseException]) -> None:
    with written(place) as file:
        file.write(b"half")
        raise failure


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_failed_copy_leaves_the_old_file_unchanged(
    failure: type[BaseException], old: bytes | None, tmp_path: Path
) -> None:
    place = tmp_path / "x"
    if old is not None:
        place.write_bytes(old)
    with pytest.raises(failure):
        _fill_by_half(place, failure)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([] if old is None else [old])


@pytest.mark.skipif(os.name != "posix", reason="files have no permissions there")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_permissions_of_any_new_file(mask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        with written(tmp_path / "x"):
            pass
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == mode


def test_names_of_directories_end_with_a_slash(there: Path) -> None:
    for name in ("b", "a.txt", ".hidden", "-rf", "ä"):
        (there / name).touch()
    (there / "a").mkdir()
    (there / "a" / "deep").touch()
    assert LocalFiles(there).names("") == ["-rf", ".hidden", "a.txt", "a/", "b", "ä"]
    assert LocalFiles(there).names("a") == ["deep"]
    assert LocalFiles(there).names("a/..") == LocalFiles(there).names(str(there))


@pytest.mark.skipif(os.name != "posix", reason="there are no such names and links there")
def test_file_names_are_not_changed(there: Path) -> None:
    (there / "line\nend\r").touch()
    (there / "back\\slash").touch()
    (there / "folder").mkdir()
    (there / "link").symlink_to("folder")
    (there / "broken").symlink_to("nosuch")
    assert LocalFiles(there).names("") == [
        "back\\slash",
        "broken",
        "folder/",
        "line\nend\r",
        "link/",
    ]


@pytest.mark.parametrize(
    ("path", "failure"), [("nosuch", FileNotFoundError), ("file", NotADirectoryError)]
)
def test_only_directories_can_be_listed(path: str, failure: type[OSError], there: Path) -> None:
    (there / "file").touch()
    with pytest.raises(failure):
        LocalFiles(there).names(path)


def test_files_of_a_local_server_can_be_put_and_got(
    tmp_path: Path, here: Path, there: Path
) -> None:
    with LocalJupyterServer(python=program(tmp_path, GATEWAY), cwd=there) as server:
        assert Path(server.put_file("data.bin", "sub/")) == there / "sub" / "data.bin"
        assert server.list_files() == ["sub/"]
        assert server.list_files("sub") == ["data.bin"]
        assert server.get_file("sub/data.bin", "got.bin") == Path("got.bin")
    assert (here / "got.bin").read_bytes() == CONTENT


def test_files_of_a_local_server_are_where_it_was_started(
    tmp_path: Path, here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalJupyterServer(python=program(tmp_path, GATEWAY)) as server:
        monkeypatch.chdir(there)
        assert server.list_files() == ["data.bin"]
        server.get_file("data.bin")
    assert (there / "data.bin").read_bytes() == CONTENT


def test_no_folder_is_created_for_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LocalFiles(tmp_path).put(tmp_path / "nosuch", "new/folder/x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.field("D7")
@pytest.mark.skipif(os.name != "posix", reason="there are no such files there")
@pytest.mark.parametrize("path", ["fifo", "device", "socket", "link"])
def test_files_that_are_not_regular_are_refused_at_once(path: str, here: Path, there: Path) -> None:
    os.mkfifo(there / "fifo")
    (there / "device").symlink_to("/dev/zero")
    (there / "link").symlink_to("fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(there / "socket"))
        with pytest.raises(OSError):
            LocalFiles(there).get(path, None, LARGEST_FILE)
        with pytest.raises(OSError):
            LocalFiles(here).put(there / path, None)
    assert LocalFiles(here).names("") == ["data.bin"]


@pytest.mark.field("D7")
@pytest.mark.parametrize("size", [1001, 2**40])
def test_a_file_that_is_too_large_is_not_got(size: int, here: Path, there: Path) -> None:
    with (there / "x").open("wb") as file:
        file.truncate(size)
    with pytest.raises(OSError, match="more than 1000 bytes"):
        LocalFiles(there).get("x", None, 1000)
    assert LocalFiles(here).names("") == ["data.bin"]


def test_a_file_of_the_largest_size_is_got(here: Path, there: Path) -> None:
    (there / "x").write_bytes(bytes(1000))
    assert LocalFiles(there).get("x", None, 1000).read_bytes() == bytes(1000)


@pytest.mark.skipif(os.name != "posix", reason="there are no such files there")
def test_circular_links_and_fifos_of_hostile_code_do_no_harm(here: Path, there: Path) -> None:
    (there / "circle").symlink_to("circle")
    os.mkfifo(there / "fifo")
    assert LocalFiles(there).names("") == ["circle", "fifo"]
    for name in ("circle", "fifo"):
        with pytest.raises(OSError):
            LocalFiles(there).get(name, None, LARGEST_FILE)
    assert LocalFiles(here).names("") == ["data.bin"]


# One row for each call with a wrong argument, and the argument.
WRONG: list[tuple[Callable[[LocalFiles], object], str]] = [
    (lambda files: files.put(3, None), "source"),  # type: ignore[arg-type]
    (lambda files: files.put(b"data.bin", None), "source"),  # type: ignore[arg-type]
    (lambda files: files.put("data.bin", b"x"), "path"),  # type: ignore[arg-type]
    (lambda files: files.get(3, None, 9), "path"),  # type: ignore[arg-type]
    (lambda files: files.get("", None, 9), "path"),
    (lambda files: files.get("x", 3, 9), "destination"),  # type: ignore[arg-type]
    (lambda files: files.get("x", None, -1), "max_bytes"),
    (lambda files: files.get("x", None, 1.5), "max_bytes"),  # type: ignore[arg-type]
    (lambda files: files.names(None), "path"),  # type: ignore[arg-type]
]


@pytest.mark.field("E10")
@rows(("call", "name"), WRONG)
def test_wrong_arguments_are_named(
    call: Callable[[LocalFiles], object], name: str, there: Path, here: Path
) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be "):
        call(LocalFiles(there))
