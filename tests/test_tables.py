from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from tables import rows, table


def halves(numbers: list[int], ran: list[int]) -> None:
    """A table with rows that fail in three ways."""
    with table() as row:
        for number in numbers:
            with row(number):
                ran.append(number)
                assert 2 / number == 1
        with row("nothing raised"), pytest.raises(ValueError):
            int("5")


def test_all_rows_run_and_those_that_fail_are_listed() -> None:
    ran: list[int] = []
    with pytest.raises(pytest.fail.Exception) as caught:
        halves([1, 0, 2], ran)
    said = str(caught.value)
    assert ran == [1, 0, 2]
    assert said.startswith("3 of 4 rows failed\nrow 1:\nTraceback")
    assert "row 0:\nTraceback" in said
    assert "ZeroDivisionError: division by zero" in said
    assert "row 'nothing raised':\nTraceback" in said
    assert "DID NOT RAISE" in said


def test_a_table_without_failures_passes() -> None:
    with table() as row, row("only"):
        assert True


def test_a_table_without_rows_shows_nothing_and_fails() -> None:
    with pytest.raises(AssertionError, match="no rows"), table():
        pass


def test_ctrl_c_ends_the_table() -> None:
    with pytest.raises(KeyboardInterrupt), table() as row, row("interrupted"):
        raise KeyboardInterrupt


ROWS = [("1", 1), pytest.param("2", 3, marks=pytest.mark.field("B4")), ("3", 3)]
RAN: list[tuple[str, int]] = []


@rows("more", [0, 1])
@rows(("text", "number"), ROWS)
def reads(text: str, number: int, more: int) -> None:
    RAN.append((text, number + more))
    assert int(text) == number


def test_a_test_runs_with_each_row_of_each_table_and_has_no_arguments_left() -> None:
    RAN.clear()
    with pytest.raises(pytest.fail.Exception) as caught:
        reads()
    assert RAN == [("1", 1), ("2", 3), ("3", 3), ("1", 2), ("2", 4), ("3", 4)]
    assert "1 of 3 rows failed\nrow ('2', 3):\nTraceback" in str(caught.value)
    assert not inspect.signature(reads).parameters


def test_a_row_that_lacks_a_value_or_is_skipped_is_refused() -> None:
    for row in (("1",), pytest.param("1", 1, marks=pytest.mark.skip)):
        with pytest.raises(AssertionError):
            rows(("text", "number"), [row])


@rows(("text", "number"), ROWS[::2])
def test_the_other_arguments_are_fixtures(text: str, number: int, tmp_path: Path) -> None:
    assert int(text) == number
    assert tmp_path.is_dir()
