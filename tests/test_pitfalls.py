"""Every scenario of docs/pitfalls.md has a test that is marked with its number."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path

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


class Found:
    """A plugin of pytest that keeps the names of the tests that were chosen."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        parser.addini("faulthandler_timeout", "set in setup.cfg, for a plugin that is left out")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.names.update(item.name for item in session.items)


def test_tests_are_found_by_the_number_of_their_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    # pytest runs once more in this process, because a new one would need a second for its imports.
    monkeypatch.setenv("PYTEST_ADDOPTS", "")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.chdir(ROOT)
    words = ["--collect-only", "-q", "-s", "--assert=plain", "-p", "no:cacheprovider"]
    # The handler of faults belongs to the other run.
    words += ["-p", "no:faulthandler", "-k", "pitfall_04", "tests/test_exchange.py"]
    found = Found()
    assert pytest.main(words, plugins=[found]) == 0
    assert found.names == {"test_a_status_without_a_parent_reports_a_dead_kernel"}


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
