"""The recipes of docs/testing.md for tests in an event loop, run by both plugins."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from environments import environment, our_requirements

ROOT = Path(__file__).parent.parent
RUNNING = 120

RECIPE = """
import pytest
from jkg_client import AsyncJupyterCodeExecutor, CodeBlock


@pytest.fixture
def gateway(session_fake_gateway):
    yield session_fake_gateway
    session_fake_gateway.reset()


async def run(gateway, code):
    async with AsyncJupyterCodeExecutor(gateway) as executor:
        return await executor.execute_code_blocks([CodeBlock(code, "python")])


@pytest.mark.{plugin}
async def test_a_cell_runs(gateway):
    assert (await run(gateway, "print(6 * 7)")).output == "42\\n"


@pytest.mark.{plugin}
async def test_a_script_counts_for_one_test(gateway):
    gateway.script("train()").stream("scripted")
    assert (await run(gateway, "train()")).output == "scripted"


@pytest.mark.{plugin}
async def test_the_script_of_another_test_is_forgotten(gateway):
    assert "NameError" in (await run(gateway, "train()")).output
"""


# The example of the page. The other tests of the page cannot run it: they have no plugin.
(OF_THE_PAGE,) = re.findall(
    r"^```py\n(.*?)^```",
    (ROOT / "docs" / "testing.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)

RECIPES = [
    ("asyncio", "pytest-asyncio", "pytest_asyncio.plugin", RECIPE, "3 passed"),
    ("anyio", "anyio", "anyio.pytest_plugin", RECIPE, "3 passed"),
    ("asyncio", "pytest-asyncio", "pytest_asyncio.plugin", OF_THE_PAGE, "2 passed"),
]


@pytest.mark.parametrize(("plugin", "package", "module", "recipe", "outcome"), RECIPES)
def test_one_gateway_serves_all_tests_in_an_event_loop(
    plugin: str,
    package: str,
    module: str,
    recipe: str,
    outcome: str,
    pytestconfig: pytest.Config,
    tmp_path: Path,
) -> None:
    folder = environment(pytestconfig, f"recipe-{plugin}", package, *our_requirements("testing"))
    (tmp_path / "test_recipe.py").write_text(recipe.replace("{plugin}", plugin), encoding="utf-8")
    plugins = ["-p", "jkg_client.testing.plugin", "-p", module, "-p", "no:cacheprovider"]
    done = subprocess.run(
        [
            folder / "python",
            "-m",
            "pytest",
            "-q",
            "-W",
            "error::ResourceWarning",
            *plugins,
            "test_recipe.py",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=RUNNING,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcome in done.stdout
