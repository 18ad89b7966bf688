"""Saving a session, without a kernel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jkg_client import ExecutionResult
from jkg_client.client.saved_session import SavesSession
from jkg_client.protocol.session import Session
from jkg_client.session_file import SessionFile


class Runner(SavesSession):
    """Has run one cell, and names its kernel when the notebook is saved."""

    def __init__(self, path: Path | None) -> None:
        self._session_file = SessionFile(Session(), path)
        self._session_file.session.ran("1", ExecutionResult(status="ok"))

    def _complete_session(self) -> None:
        self._session_file.session.kernel_name = "mine"


def notebook(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_notebook_is_complete_when_it_is_saved(tmp_path: Path) -> None:
    runner = Runner(None)
    runner.add_markdown("# Then")
    runner.save_notebook(str(tmp_path / "a.ipynb"))
    saved = notebook(tmp_path / "a.ipynb")
    assert [cell["source"] for cell in saved["cells"]] == ["1", "# Then"]
    assert saved["metadata"]["kernelspec"]["name"] == "mine"


def test_markdown_is_in_a_notebook_that_is_kept_up_to_date_at_once(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "a.ipynb")
    runner.add_markdown("# Then")
    assert [cell["source"] for cell in notebook(tmp_path / "a.ipynb")["cells"]] == ["1", "# Then"]


def test_markdown_is_text() -> None:
    with pytest.raises(ValueError, match=r"^text must be a string, not bytes$"):
        Runner(None).add_markdown(b"x")  # type: ignore[arg-type]  # that is the point


def test_the_path_of_a_notebook_is_checked() -> None:
    with pytest.raises(ValueError, match=r"^path must "):
        Runner(None).save_notebook(1)  # type: ignore[arg-type]  # that is the point
