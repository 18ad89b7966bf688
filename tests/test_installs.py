"""Cells that end with an installation, and its exit status."""

from __future__ import annotations

from typing import Any

import pytest
from tables import rows

from jkg_client.installs import install_command, with_status
from jkg_client.protocol.outputs import Stream
from jkg_client.protocol.result import ExecutionResult


@pytest.mark.field("B9")
@rows(
    "line",
    [
        "%pip install x",
        "!pip install x",
        "! pip3 install -q x",
        "pip install x",
        "%conda install x",
        "%uv pip install x",
        "!uv pip install x",
        "!python -m pip install x",
        "!{sys.executable} -m pip install x",
        "!sudo pip install x",
        "%pip --quiet install x",
    ],
)
def test_a_cell_may_end_with_an_installation(line: str) -> None:
    assert install_command(f"x = 1\n{line}\n\n") == line


@pytest.mark.field("B9")
def test_a_command_of_several_lines_is_one_command() -> None:
    assert install_command("x = 1\n%pip install \\\n  a") == "%pip install    a"


@pytest.mark.field("B9")
@rows(
    ("cell", "typed", "shown"),
    [
        ("!pip install -qq x", "!pip install x", "!pip install x"),
        ("!pip install -qq x", "!pip install -qq x", "!pip install -qq x"),
        ("!pip install -qq x", ">>> !pip install x\nERROR", "!pip install x"),
        ("%pip install -qq -r a -qq", "%pip install -r a -qq", "%pip install -r a -qq"),
    ],
)
def test_the_command_is_shown_as_the_user_has_typed_it(cell: str, typed: str, shown: str) -> None:
    assert install_command(cell, typed) == shown


@rows(
    "cell",
    [
        "",
        "pip = install = 1",
        "%pip install x\nx",
        "%pip list",
        "!pip freeze",
        "if x:\n    %pip install x",
        "x = !pip install x",
        "print('pip install x')",
        "%pip installed x",
        "x" * 100_000,
        "!" + "-x " * 100_000 + "pip install x",
    ],
)
def test_other_cells_have_no_exit_status(cell: str) -> None:
    assert install_command(cell) is None


def ran(answer: Any, status: Any = "ok") -> ExecutionResult:
    outputs = (Stream("stdout", "ERROR: none found\n"),)
    return ExecutionResult(status=status, outputs=outputs, user_expressions=answer)


def said(status: Any) -> dict[str, Any]:
    return {"_exit_code": {"status": "error", "ename": "KeyError", "evalue": status}}


@pytest.mark.field("B9")
def test_a_failed_installation_is_reported() -> None:
    result = with_status(ran(said("2")), "%pip install x")
    assert (result.status, result.failure, result.user_expressions) == ("ok", None, {})
    assert result.output == (
        "ERROR: none found\nNote: '%pip install x' failed with exit status 2.\n"
    )


@pytest.mark.field("B9")
def test_the_note_about_the_failure_is_on_a_separate_line() -> None:
    before = ExecutionResult(
        status="ok", outputs=(Stream("stdout", "no end"),), user_expressions=said("1")
    )
    assert with_status(before, "!pip install x").output.startswith("no end\nNote: ")


@rows(
    "answer",
    [
        {},
        {"_exit_code": {"status": "ok", "data": {"text/plain": "None"}, "metadata": {}}},
        said("x"),
        said(None),
        said("9" * 10_000),
        {"_exit_code": {"status": "error", "ename": "NameError"}},
        {"_exit_code": "1"},
    ],
)
def test_without_a_failed_status_there_is_no_note(answer: Any) -> None:
    result = with_status(ran(answer), "%pip install x")
    assert (result.status, result.output) == ("ok", "ERROR: none found\n")


def test_a_cell_that_failed_before_stays_as_it_is() -> None:
    assert with_status(ran(said("1"), "timeout"), "%pip install x").status == "timeout"
