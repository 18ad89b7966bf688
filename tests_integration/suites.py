"""Test suites of other packages, run on the fake gateway.

Each run takes the tests from the package itself or from its source distribution. Our
``conftest.py`` for the suite, from ``foreign/suites``, makes them use the fake gateway.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import pytest
from attrs import field, frozen
from environments import environment, our_requirements
from filelock import FileLock

ROOT = Path(__file__).parent.parent
CONFTESTS = Path(__file__).parent / "foreign" / "suites"

FETCHING = 300.0
"""Seconds to fetch a source distribution."""

RUNNING = 300.0
"""Seconds for a suite."""


@frozen(kw_only=True)
class Suite:
    """The tests of another package.

    Attributes:
        name: Name of the suite, and of our ``conftest.py`` for it.
        package: The package, with its version.
        folder: Folder of the tests in the package. None if they are in the folder ``tests`` of
            its source distribution.
        chosen: Files and folders of the tests that run.
        needs: Further packages that the tests need.
        left_out: Tests that are not run, by file and name.
        different: Tests that fail on the fake gateway, each with a part of its failure message.
        workers: Number of worker processes. 0 for none.
        passing: The number of tests that pass.
    """

    name: str
    package: str
    folder: str | None = None
    chosen: tuple[str, ...]
    needs: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    different: Mapping[str, str] = field(factory=dict)
    workers: int = 0
    passing: int


@frozen
class Outcome:
    """Results of the tests of a suite: name of the test, and its failure or None."""

    failures: Mapping[str, str | None]
    output: str

    @property
    def passed(self) -> list[str]:
        return [name for name, failure in self.failures.items() if failure is None]

    @property
    def failed(self) -> dict[str, str]:
        return {name: failure for name, failure in self.failures.items() if failure is not None}


def run(config: pytest.Config, suite: Suite, here: Path) -> Outcome:
    """Run a suite in its own environment, in the folder ``here``."""
    # The fake gateway runs in the environment of the suite, so it needs our requirements.
    requirements = (suite.package, "pytest-xdist", *suite.needs, *our_requirements("testing"))
    python = environment(config, f"{suite.name}-tests", *requirements) / "python"
    _copy_tests(config, suite, python, here / "tests")
    shutil.copy(CONFTESTS / f"{suite.name}_suite.py", here / "tests" / "conftest.py")
    report = here / "report.xml"
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [f"--numprocesses={suite.workers}", f"--junitxml={report}"]
    left_out = [f"--deselect=tests/{name}" for name in suite.left_out]
    chosen = [f"tests/{name}" for name in suite.chosen]
    env = {n: v for n, v in os.environ.items() if not n.startswith(("JUPYTER", "PYTEST", "PYTHON"))}
    done = subprocess.run(
        [*command, *left_out, *chosen],
        env={**env, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1,localhost"},
        cwd=here,
        capture_output=True,
        text=True,
        timeout=RUNNING,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    return Outcome(_failures(report), done.stdout + done.stderr)


def _copy_tests(config: pytest.Config, suite: Suite, python: Path, to: Path) -> None:
    if suite.folder is None:
        _unpack(_source(config, suite.package), "tests", to)
        (to / "__init__.py").touch()
    else:
        (found,) = python.parent.parent.glob(f"lib/*/site-packages/{suite.folder}")
        shutil.copytree(found, to)


def _source(config: pytest.Config, package: str) -> Path:
    """The source distribution of a package, kept in pytest's cache."""
    assert config.cache is not None
    folder = Path(config.cache.mkdir("sources")) / package
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            subprocess.run(
                [*pip, "--no-binary", ":all:", "--dest", f"{folder}.part", package],
                check=True,
                timeout=FETCHING,
            )
            Path(f"{folder}.part").rename(folder)
    (archive,) = folder.iterdir()
    return archive


def _unpack(archive: Path, folder: str, to: Path) -> None:
    """Write the files that are below ``folder`` in a source distribution."""
    with tarfile.open(archive) as files:
        for member in files:
            _, *parts = Path(member.name).parts
            data = files.extractfile(member)
            if data is None or parts[:1] != [folder] or ".." in parts:
                continue
            path = to.joinpath(*parts[1:])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.read())


def _failures(report: Path) -> dict[str, str | None]:
    failures: dict[str, str | None] = {}
    for case in ET.parse(report).iter("testcase"):
        place = case.get("classname", "").rpartition(".")[2]
        name = case.get("name", "")
        found = [case.find(tag) for tag in ("failure", "error", "skipped")]
        told = [one.get("message", "") for one in found if one is not None]
        key = f"{place}::{name}" if place.startswith("Test") else name
        failures[key] = told[0] if told else None
    return failures
