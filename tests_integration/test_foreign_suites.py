"""Test suites that we did not write pass on the fake gateway."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from environments import environment, our_requirements

ROOT = Path(__file__).parent.parent

RUNNING = 300.0
"""Seconds for a suite."""

# In place of a fixture that starts a real server. The client says "Bearer", which kernel
# gateways do not take for a token.
CONFTEST = """
import pytest
from jkg_client.testing import FakeGateway


@pytest.fixture
def jupyter_server():
    with FakeGateway(token=None) as gateway:
        yield str(gateway.connection_info.port), "any"
"""


@pytest.mark.field("F11")
def test_the_tests_of_jupyter_kernel_client_pass(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    # Kernels need what they send each other, so the fake gateway runs there, too.
    requirements = ("jupyter-kernel-client[test]==1.0.2", *our_requirements("testing"))
    folder = environment(pytestconfig, "kernel-client-tests", *requirements)
    (tests,) = folder.parent.glob("lib/*/site-packages/jupyter_kernel_client/tests")
    shutil.copytree(tests, tmp_path / "suite", ignore=shutil.ignore_patterns("conftest.py"))
    (tmp_path / "suite" / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    env = {n: v for n, v in os.environ.items() if not n.startswith(("JUPYTER", "PYTEST", "PYTHON"))}
    done = subprocess.run(
        [folder / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "suite"],
        env={**env, "PYTHONPATH": str(ROOT), "NO_PROXY": "localhost"},
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
