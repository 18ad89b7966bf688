"""Every scenario of docs/pitfalls.md has a test that is marked with its number."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
from pathlib import Path
from typing import NoReturn

import pytest
from marks import marks

from jkg_client import CodeBlock, JupyterCodeExecutor
from jkg_client.testing import FakeGateway

ROOT = Path(__file__).parent.parent
SCENARIOS = [*range(1, 54)]
ROW = re.compile(r"^\| (\d+) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)


def marked() -> dict[int, str]:
    """Names of the tests, by number."""
    return {int(number): name for number, name in marks("pitfall")}


def test_each_scenario_has_a_test() -> None:
    assert set(SCENARIOS) - set(marked()) == set()


def test_only_tests_of_scenarios_are_marked() -> None:
    assert set(marked()) - set(SCENARIOS) == set()
    assert [name for _, name in marks("pitfall") if name[:5] != "test_"] == []


def test_the_page_has_each_scenario_once_and_in_order() -> None:
    page = (ROOT / "docs" / "pitfalls.md").read_text(encoding="utf-8")
    assert [int(number) for number in ROW.findall(page)] == SCENARIOS


# Since 3.12, Python warns of each fork in a process with threads.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_tests_are_found_by_the_number_of_their_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    found = tmp_path / "found"
    # A new interpreter would have to import all modules again.
    pid = os.fork()
    if pid == 0:
        _collect("pitfall_04", found)
    os.waitpid(pid, 0)
    names = set(re.findall(r"::(\w+)", found.read_text(encoding="utf-8")))
    assert names == {"test_a_status_without_a_parent_reports_a_dead_kernel"}


def _collect(keyword: str, path: Path) -> NoReturn:
    try:
        os.chdir(ROOT)
        options = ["--collect-only", "-q", "--assert=plain", "-p", "no:cacheprovider"]
        with path.open("w", encoding="utf-8") as stream, contextlib.redirect_stdout(stream):
            pytest.main([*options, "-k", keyword, "tests/test_exchange.py"])
    finally:
        os._exit(0)


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.pitfall(51)
@pytest.mark.parametrize("subprotocol", [True, False])
def test_a_pickle_from_the_kernel_is_never_unpickled(subprotocol: bool, tmp_path: Path) -> None:
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    kinds = ("image/png", "application/octet-stream", "application/x-python-pickle", "text/plain")
    with FakeGateway(subprotocol=subprotocol) as server:
        cell = server.script("cell").message("comm_msg", {"data": {}}, buffers=(bomb,))
        for kind in kinds:
            cell.display({kind: bomb})
        cell.message("display_data", {"data": {}, "metadata": {}}, buffers=(bomb,))
        cell.stream(repr(bomb)).error("E", repr(bomb))
        with JupyterCodeExecutor(server, output_dir=tmp_path / "files") as executor:
            result = executor.execute_code_blocks([CodeBlock("cell", "python")])
    (path,) = result.output_files
    assert Path(path).read_bytes() == bomb
    assert not (tmp_path / "exploded").exists()
    pickle.loads(bomb)
    assert (tmp_path / "exploded").exists()
