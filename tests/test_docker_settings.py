"""Settings of a server in a container."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from tables import rows

from jkg_client.servers.docker.images import ImageProgress
from jkg_client.servers.docker.settings import ContainerSettings, dockerfile_at, log_progress


def settings(**changed: Any) -> ContainerSettings:
    wanted: dict[str, Any] = {
        "image": None,
        "dockerfile": None,
        "name": None,
        "token": None,
        "env": {},
        "work_dir": None,
        "ip": None,
        "port": None,
        "keeps": False,
        "removes": True,
        "startup_timeout": 60.0,
        "image_timeout": 60.0,
        "report": log_progress,
        "options": {},
        **changed,
    }
    return ContainerSettings(**wanted)


def test_the_token_is_not_shown() -> None:
    secret = {"TOKEN": "secret"}
    made = settings(token="secret", env=secret, options={"environment": secret})
    assert "secret" not in repr(made)


@pytest.mark.parametrize(
    ("given", "path"),
    [(None, None), ("a/b", "{cwd}/a/b"), (Path("a"), "{cwd}/a"), ("~/a", "{home}/a")],
)
def test_a_work_directory_stays_where_it_is(
    given: Any, path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(tmp_path)
    found = settings(work_dir=given).work_dir
    monkeypatch.undo()
    assert found == (None if path is None else Path(path.format(cwd=tmp_path, home=home)))


def test_checking_a_work_directory_does_not_create_it(tmp_path: Path) -> None:
    settings(work_dir=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_relative_path_of_a_dockerfile_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Dockerfile").touch()
    monkeypatch.chdir(tmp_path)
    assert settings(dockerfile="Dockerfile").dockerfile == tmp_path / "Dockerfile"
    assert dockerfile_at("Dockerfile") == tmp_path / "Dockerfile"
    assert dockerfile_at(None) is None


@rows(
    ("ip", "address"),
    [
        (None, None),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("localhost", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
    ],
)
def test_addresses_are_normalized_for_the_engine(ip: str | None, address: str | None) -> None:
    assert settings(ip=ip).ip == address


# An engine treats an invalid address as "all addresses".
@rows("ip", ["", "example.com", "127.0.0.1:80", "127.1", "eth0", "::1]x", " "])
def test_an_invalid_address_is_refused(ip: str) -> None:
    with pytest.raises(ValueError, match="ip"):
        settings(ip=ip)


@pytest.mark.parametrize("port", [1, 8888, 65535])
def test_a_port_may_be_chosen(port: int) -> None:
    assert settings(port=port).port == port


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"port": "8888"}, "port"),
        ({"port": True}, "port"),
        ({"startup_timeout": 0}, "startup_timeout"),
        ({"startup_timeout": -1.0}, "startup_timeout"),
        ({"startup_timeout": float("nan")}, "startup_timeout"),
        ({"image_timeout": 0}, "image_timeout"),
        ({"startup_timeout": "60"}, "startup_timeout"),
        ({"startup_timeout": None}, "startup_timeout"),
        ({"image_timeout": float("inf")}, "image_timeout"),
        ({"token": "line\nbreak"}, "token"),
        ({"name": "a b"}, "container_name"),
        ({"name": "/a"}, "container_name"),
        ({"image": ""}, "custom_image_name"),
        ({"env": ["A=1"]}, "docker_env"),
        ({"env": {"A=B": "1"}}, "docker_env: 'A=B' cannot be"),
        ({"env": {"A": "\0"}}, "docker_env: the value of 'A' has a null"),
        ({"env": {"": "1"}}, "docker_env"),
        ({"env": {"A": 1}}, "docker_env"),
        ({"env": {1: "A"}}, "docker_env"),
        ({"env": {"A": None}}, "docker_env"),
        ({"dockerfile": "nosuch"}, "nosuch"),
        ({"dockerfile": "."}, "Dockerfile"),
        ({"dockerfile": "file", "image": "x"}, "not both"),
        ({"work_dir": "file"}, "work_dir"),
    ],
    ids=str,
)
def test_invalid_settings_are_refused(
    changed: dict[str, Any], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=named):
        settings(**changed)


@pytest.mark.parametrize(
    ("progress", "record"),
    [
        (ImageProgress("Step 1/2 : FROM x", 1, 2), (logging.INFO, "Step 1/2 : FROM x")),
        (ImageProgress("output"), (logging.DEBUG, "output")),
        (ImageProgress("Pull complete", layer="a"), (logging.INFO, "a: Pull complete")),
        (ImageProgress("Downloading", 1, 2, "a"), None),
        (ImageProgress("100% of %s"), (logging.DEBUG, "100% of %s")),
    ],
)
def test_progress_is_logged(
    progress: ImageProgress, record: tuple[int, str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "jkg_client")
    log_progress(progress)
    logged = [(told.levelno, told.getMessage()) for told in caplog.records]
    assert logged == ([record] if record else [])
