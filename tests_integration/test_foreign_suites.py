"""Test suites that we did not write pass on the fake gateway."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from environments import environment

from jkg_client.testing import FakeGateway

RUNNING = 300.0
"""Seconds for a suite."""

# In place of a fixture that starts a real server.
CONFTEST = """
import os
import pytest


@pytest.fixture
def jupyter_server():
    return os.environ["FAKE_PORT"], "any"
"""


@pytest.mark.field("F11")
def test_the_tests_of_jupyter_kernel_client_pass(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    # With the extra that its own tests need.
    requirements = ("jupyter-kernel-client[test]==1.0.2",)
    folder = environment(pytestconfig, "kernel-client-tests", *requirements)
    (tests,) = folder.parent.glob("lib/*/site-packages/jupyter_kernel_client/tests")
    shutil.copytree(tests, tmp_path / "suite", ignore=shutil.ignore_patterns("conftest.py"))
    (tmp_path / "suite" / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    # It says "Bearer", which kernel gateways do not take for a token.
    with FakeGateway(token=None) as gateway:
        env = {
            n: v for n, v in os.environ.items() if not n.startswith(("JUPYTER", "PYTEST", "PYTHON"))
        }
        done = subprocess.run(
            [folder / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "suite"],
            env={**env, "FAKE_PORT": str(gateway.connection_info.port), "NO_PROXY": "localhost"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=RUNNING,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"(\d+) passed", done.stdout)
    assert found is not None
    assert int(found[1]) >= 25
