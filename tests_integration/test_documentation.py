"""The unchanged code in README and docs prints the output that the page shows.

``tests/documentation.py`` describes the form of these examples.
The tests of the frameworks run the pages about frameworks: ``test_autogen.py``, ``test_ag2.py``,
``test_langchain.py``, ``test_mcp.py`` and ``test_smolagents.py``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_engine import require_docker
from documentation import ROOT, Example, examples, run
from hubs import running_hub
from test_reference import EXAMPLES as REFERENCE

from jkg_client import DockerJupyterServer, JupyterConnectable, LocalJupyterServer

FRAMEWORKS = {
    ROOT / "docs" / f"{name}.md" for name in ("ag2", "autogen", "langchain", "mcp", "smolagents")
}
PAGES = [
    ROOT / "README.md",
    *sorted(set((ROOT / "docs").glob("*.md")) - FRAMEWORKS),
]
# Whole programs of the reference. Not those with containers: they are slow, and have a page.
PROGRAMS = {
    name: code
    for name, code in REFERENCE
    if code.startswith("from jkg_client import") and "DockerJupyterServer" not in code
}
EXAMPLES = [example for page in PAGES for example in examples(page)]


@pytest.fixture(scope="module")
def remote() -> Iterator[JupyterConnectable]:
    with LocalJupyterServer() as running:
        yield running


@pytest.fixture(scope="module")
def hub_variables(pytestconfig: pytest.Config) -> Iterator[dict[str, str]]:
    """The environment variables that a hub gives to its services."""
    with running_hub(pytestconfig) as hub:
        yield {
            "JUPYTERHUB_API_URL": f"{hub.url}/hub/api",
            "JUPYTERHUB_API_TOKEN": hub.token("reader"),
        }


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_the_example_prints_the_output_of_the_page(
    example: Example,
    remote: JupyterConnectable,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    request: pytest.FixtureRequest,
) -> None:
    if "recordings/" in example.code:
        shutil.copytree(ROOT / "tests" / "recordings", tmp_path / "recordings")
    if "DockerJupyterServer" in example.code:
        require_docker(pytestconfig).close()
        # Otherwise the example would also print a warning about containers of killed tests.
        DockerJupyterServer.remove_orphans()
    info = remote.connection_info
    env = {"JUPYTER_GATEWAY_URL": info.url, "JUPYTER_GATEWAY_AUTH_TOKEN": info.token or ""}
    if "JupyterHubServer" in example.code:
        env.update(request.getfixturevalue("hub_variables"))
    printed = run(example, tmp_path, env)
    assert example.expects(printed), printed


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_of_the_reference_runs(name: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAMS[name], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_first_command_of_the_readme_runs_the_hello_example() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"\[local\]\" && python (\S+)$", readme, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, str(ROOT / script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "exit_code=0 output='Hello, World!\\n' output_files=[]\n"


@pytest.mark.field("G1")
def test_kernels_installed_on_this_machine_are_hidden_from_the_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kernels" / "deno"
    folder.mkdir(parents=True)
    spec = '{"argv": ["deno"], "display_name": "Deno", "language": "typescript"}'
    (folder / "kernel.json").write_text(spec, encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    with LocalJupyterServer() as server, server.get_client() as client:
        assert list(client.list_kernel_specs()["kernelspecs"]) == ["python3"]
