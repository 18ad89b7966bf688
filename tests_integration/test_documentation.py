"""The code in README and docs, run as it stands, prints what stands below it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jkg_client import JupyterConnectable, LocalJupyterServer

ROOT = Path(__file__).parent.parent
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n+```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _examples() -> Iterator[tuple[str, str, str]]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in EXAMPLE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{page.name}:{line}", match.group(1), match.group(2)


EXAMPLES = list(_examples())


@pytest.fixture(scope="module")
def remote() -> Iterator[JupyterConnectable]:
    with LocalJupyterServer() as running:
        yield running


def test_every_example_has_its_output_beside_it() -> None:
    blocks = sum(page.read_text(encoding="utf-8").count("\n```python\n") for page in PAGES)
    assert blocks == len(EXAMPLES) > 0


@pytest.mark.parametrize(
    ("code", "output"), [row[1:] for row in EXAMPLES], ids=[row[0] for row in EXAMPLES]
)
def test_the_example_prints_what_the_page_says(
    code: str, output: str, remote: JupyterConnectable, tmp_path: Path
) -> None:
    info = remote.connection_info
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        cwd=tmp_path,
        check=False,
        env={
            **os.environ,
            "PYTHONIOENCODING": "utf-8",
            "JUPYTER_GATEWAY_URL": info.url,
            "JUPYTER_GATEWAY_AUTH_TOKEN": info.token or "",
        },
    )
    assert (done.stdout, done.stderr) == (output, "")


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
