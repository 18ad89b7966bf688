"""The source distribution with its tests, the wheel, and a zip application of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipapp
from collections.abc import Sequence
from pathlib import Path

import pytest
from environments import environment, our_requirements

ROOT = Path(__file__).parent.parent
BUILDING = 300.0

HELLO = """
import jkg_client
from jkg_client import CodeBlock, DockerJupyterServer, JupyterCodeExecutor, LocalJupyterServer

with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:
    print(executor.execute_code_blocks([CodeBlock("print(6 * 7)", "python")]).output, end="")
print(DockerJupyterServer.DEFAULT_DOCKERFILE.partition(" ")[0], "pyz" in jkg_client.__file__)
"""


def said(command: Sequence[str | Path], folder: Path) -> str:
    """The output of a program that cannot import this checkout."""
    env = {n: v for n, v in os.environ.items() if n not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILDING,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def tools(pytestconfig: pytest.Config) -> Path:
    needs = ("build", "check-wheel-contents", "hypothesis", "pytest-xdist", "twine")
    requirements = (*our_requirements("testing"), *needs)
    return environment(pytestconfig, "packaging", *requirements) / "python"


@pytest.fixture(scope="module")
def dist(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # In a copy: the build writes files, and the checkout may be read-only or used by others.
    folder, copy = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("copy") / "tree"
    left_out = (".*", "*.egg-info", "__pycache__", "build", "dist")
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*left_out))
    said([tools, "-m", "build", "--outdir", folder, copy], folder)
    return folder


def test_the_built_files_pass_the_checks_of_the_package_index(tools: Path, dist: Path) -> None:
    built = sorted(dist.iterdir())
    assert [path.suffix for path in built] == [".whl", ".gz"]
    said([tools, "-m", "twine", "check", "--strict", *built], dist)
    # W002 is about equal files: our stand-ins for several programs have the same content.
    said([tools, "-m", "check_wheel_contents", "--ignore", "W002", built[0]], dist)


@pytest.mark.field("E8")
def test_the_tests_of_an_unpacked_source_distribution_pass(
    tools: Path, dist: Path, tmp_path: Path
) -> None:
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        if sys.version_info >= (3, 12):
            tar.extractall(tmp_path, filter="data")
        else:
            tar.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    for name in ("docs", "CHANGELOG.md", "tox.ini", "tests/recordings", "tests_integration"):
        assert (folder / name).exists(), name
    # Tests that need recordings, pages or replies. All tests would take a minute.
    names = ("recordings", "pitfalls", "architecture", "replies")
    files = [f"tests/test_{name}.py" for name in names]
    assert " passed" in said([tools, "-m", "pytest", "-q", "-n", "2", *files], folder)


@pytest.mark.field("E7")
def test_the_package_works_from_within_a_zip_archive(dist: Path, tmp_path: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    content = tmp_path / "content"
    said([sys.executable, "-m", "zipfile", "-e", wheel, content], tmp_path)
    # Without the dependencies, which this environment provides.
    (content / "__main__.py").write_text(HELLO, encoding="utf-8")
    zipapp.create_archive(content, tmp_path / "hello.pyz")
    assert said([sys.executable, tmp_path / "hello.pyz"], tmp_path) == "42\nFROM True\n"
