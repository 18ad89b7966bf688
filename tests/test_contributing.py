"""The first change that CONTRIBUTING.md walks through can be made as it is described."""

from __future__ import annotations

import ast
import re

import pytest
from documentation import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DIFFS = re.findall(r"^ *```diff\n(.*)\n *\+(.*)\n *```$", PAGE, re.MULTILINE)
FILES = ["tests/test_rendering.py", "jkg_client/rendering.py"]


def literals(source: str) -> list[str]:
    """The elements of tables, as they are read by Python."""
    tables = (
        node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.List, ast.Dict))
    )
    return [ast.dump(element) for table in tables for element in ast.iter_child_nodes(table)]


def test_both_steps_show_a_line_and_the_one_before_it() -> None:
    assert len(DIFFS) == len(FILES)


@pytest.mark.parametrize(("file", "diff"), list(zip(FILES, DIFFS)))
def test_the_line_fits_behind_the_one_before_it(file: str, diff: tuple[str, str]) -> None:
    before, line = diff[0].strip(), diff[1].strip()
    # Somebody may be making this change.
    source = (ROOT / file).read_text(encoding="utf-8").replace(f"    {line}\n", "")
    assert source.count(f"    {before}\n") == 1
    changed = source.replace(f"    {before}\n", f"    {before}\n    {line}\n")
    added = set(literals(changed)) - set(literals(source))
    assert len(added) >= 1
    assert any("image/apng" in one for one in added)


def test_the_files_and_modules_that_the_page_names_exist() -> None:
    names = set(re.findall(r"`([\w./]+/[\w./]+\.(?:py|md))`", PAGE))
    assert len(names) > 8
    places = (ROOT, ROOT / "jkg_client")
    assert [name for name in names if not any((at / name).exists() for at in places)] == []
