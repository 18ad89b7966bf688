"""A fake kernel installs no packages, except if a script allows it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_client import RawClient, RawKernel, raw_client
from tables import rows

from jkg_client import CodeBlock, JupyterCodeExecutor
from jkg_client.testing import FakeGateway

# Without a network, pip would fail, too, but with another message.
REFUSED = "installs and removes no packages"


@pytest.fixture(autouse=True)
def activated(monkeypatch: pytest.MonkeyPatch) -> None:
    """``python`` and ``pip`` are found, even if the environment of the tests is not activated."""
    folder = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join([folder, os.environ["PATH"]]))


@pytest.fixture
def client() -> Iterator[RawClient]:
    with raw_client() as client:
        yield client


@pytest.fixture
def kernel(client: RawClient) -> Iterator[RawKernel]:
    with client.connect() as kernel:
        yield kernel


# Ways to install.
PYTHON = [
    (
        "import subprocess, sys\nr = subprocess.run([sys.executable, '-m', 'pip', 'install',"
        " 'nosuch'], stderr=subprocess.STDOUT, stdout=subprocess.PIPE)\nprint(r.stdout.decode())"
    ),
    "import subprocess, sys\nprint(subprocess.getoutput(sys.executable + ' -m pip install x'))",
    "import subprocess\nprint(subprocess.getoutput('pip install nosuch'))",
    "import subprocess\nprint(subprocess.getoutput('pip uninstall -y attrs'))",
    "import os, sys\nos.system(f'{sys.executable} -m pip --quiet install nosuch')",
    "import pip\ntry: pip.main(['install', 'nosuch'])\nexcept SystemExit as e: print(e)",
    (
        "from pip._internal.cli.main import main\n"
        "try: main(['install', 'nosuch'])\nexcept SystemExit as e: print(e)"
    ),
    (
        "import runpy, sys\nsys.argv = ['pip', 'install', 'nosuch']\n"
        "try: runpy.run_module('pip', run_name='__main__')\nexcept SystemExit as e: print(e)"
    ),
    "import subprocess\nprint(subprocess.getoutput('uv pip install nosuch'))",
    "import subprocess\nprint(subprocess.getoutput('conda install -y nosuch'))",
    "import subprocess\nprint(subprocess.getoutput('apt-get install -y nosuch'))",
    *(
        f"import subprocess, sys\ntry: subprocess.run({command})\nexcept OSError as e: print(e)"
        for command in (
            "[sys.executable, '-I', '-m', 'pip', 'install', 'nosuch']",
            "[sys.executable, '-BE', '-m', 'pip', 'install', 'nosuch']",
            "[sys.executable, '-m', 'pip', 'install', 'nosuch'], env={}",
            "['/usr/bin/apt-get', 'install', '-y', 'nosuch']",
        )
    ),
]
IPYTHON = [
    "%pip install nosuch",
    "pip install nosuch",
    "!pip install nosuch",
    "!pip3 install nosuch 2>&1",
    "!python -m pip install nosuch",
    "%%bash\npip install nosuch 2>&1",
    "%%sh\nuv pip install nosuch 2>&1",
]


@pytest.mark.field("F12")
@rows("code", PYTHON)
def test_nothing_is_installed(kernel: RawKernel, code: str) -> None:
    assert REFUSED in kernel.text(code)


@pytest.mark.ipython
@pytest.mark.field("F12")
@rows("code", IPYTHON)
def test_nothing_is_installed_by_magics_and_shell_cells(kernel: RawKernel, code: str) -> None:
    assert REFUSED in kernel.text(code)


def test_commands_that_install_nothing_are_allowed(kernel: RawKernel) -> None:
    code = (
        "import subprocess, sys\nprint(subprocess.getoutput(f'{sys.executable} -m pip --version'))"
    )
    assert kernel.text(code).startswith("pip ")


def test_a_cell_that_only_mentions_an_installation_runs(kernel: RawKernel) -> None:
    assert kernel.text("print('pip install numpy')") == "pip install numpy\n"


def test_a_script_may_allow_an_installation(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[build-system]\nrequires = []\n")
    code = (
        "import subprocess, sys\nprint(subprocess.getoutput("
        f"f'{{sys.executable}} -m pip install --no-index --target {tmp_path}/t nosuch-package-zz'))"
    )
    with raw_client() as client, client.connect() as kernel:
        client.gateway.script(code).installs()
        said = kernel.text(code)
        assert REFUSED not in said
        assert "nosuch-package-zz" in said
        assert REFUSED in kernel.text(code.replace("nosuch-package-zz", "another"))


@pytest.mark.ipython
def test_the_error_is_in_the_result_of_the_block() -> None:
    with FakeGateway() as gateway, JupyterCodeExecutor(gateway) as executor:
        result = executor.execute_code_blocks([CodeBlock("pip install nosuch", "bash")])
    assert result.exit_code != 0
    assert "gateway.script" in result.output


def test_the_pip_of_the_tests_is_not_changed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--help"], capture_output=True, check=True
    )
    assert b"Usage" in done.stdout
