"""The page about tests does what it says; the other pages need a real server."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from documentation import ROOT, Example, examples, run

EXAMPLES = examples(ROOT / "docs" / "testing.md")


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_the_example_prints_what_the_page_says(example: Example, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "recordings", tmp_path / "recordings")
    printed = run(example, tmp_path)
    assert example.expects(printed), printed
