"""DockerJupyterServer without a Docker engine, and without the Docker library."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures import Programs

from jkg_client import DockerJupyterServer

# The arguments of AutoGen 0.2 and their defaults. Only the token is an instance there.
AUTOGEN = {
    "custom_image_name": None,
    "container_name": None,
    "auto_remove": True,
    "stop_container": True,
    "docker_env": None,
    "token": DockerJupyterServer.GenerateToken,
}


@pytest.fixture(autouse=True)
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that connects to an engine finds none."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nosuch.sock")


def test_the_arguments_of_autogen_have_its_defaults() -> None:
    parameters = inspect.signature(DockerJupyterServer).parameters
    assert {name: parameters[name].default for name in AUTOGEN} == AUTOGEN


# They are reported before the Docker library is imported.
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"port": 0}, "port"),
        ({"port": "8888"}, "port"),
        ({"ip": "example.com"}, "ip"),
        ({"token": 5}, "token"),
        ({"token": b"bytes"}, "token"),
        ({"startup_timeout": 0}, "startup_timeout"),
        ({"image_timeout": -1}, "image_timeout"),
        ({"token": "line\nbreak"}, "token"),
        ({"docker_env": {"TOKEN": "line\nbreak"}}, "token"),
        ({"docker_env": ["A=1"]}, "docker_env"),
        ({"docker_env": {"A": 1}}, "docker_env"),
        ({"dockerfile": "nosuch"}, "nosuch"),
        ({"dockerfile": "Dockerfile", "custom_image_name": "x"}, "not both"),
        ({"work_dir": "Dockerfile"}, "work_dir"),
    ],
    ids=str,
)
def test_a_bad_argument_is_reported_before_anything_is_done(
    arguments: dict[str, Any], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Dockerfile").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(ValueError, match=named):
        DockerJupyterServer(**arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["Dockerfile"]


def test_a_bad_token_is_not_shown() -> None:
    with pytest.raises(ValueError) as caught:
        DockerJupyterServer(token=b"secret")  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_a_missing_dockerfile_is_reported_before_the_build() -> None:
    with pytest.raises(ValueError, match="nosuch"):
        DockerJupyterServer.build_image("nosuch")


WITHOUT_THE_LIBRARY = """
import sys

sys.modules["docker"] = None
from jkg_client import DockerJupyterServer

calls = [
    DockerJupyterServer,
    lambda: DockerJupyterServer.attach("x"),
    DockerJupyterServer.build_image,
    DockerJupyterServer.containers,
    DockerJupyterServer.remove_orphans,
]
for call in [*calls, *calls]:
    try:
        call()
    except ImportError as exc:
        print(exc)
print(DockerJupyterServer.DEFAULT_DOCKERFILE.split()[0])
"""


def test_the_error_for_a_missing_library_names_its_extra(programs: Programs) -> None:
    status, out, err = programs(WITHOUT_THE_LIBRARY)
    said = 'DockerJupyterServer needs the Docker library: pip install "jkg-client[docker]"'
    assert (status, out.splitlines(), err) == (0, [*[said] * 10, "FROM"], "")


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: DockerJupyterServer.attach("x", startup_timeout=0), "startup_timeout"),
        (lambda: DockerJupyterServer.attach("x", token="a\nb"), "token"),
        (lambda: DockerJupyterServer.build_image(image_timeout=0), "image_timeout"),
    ],
)
def test_other_calls_report_bad_arguments_too(call: Callable[[], object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        call()
