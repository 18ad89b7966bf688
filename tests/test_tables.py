from __future__ import annotations

import pytest
from tables import table


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
