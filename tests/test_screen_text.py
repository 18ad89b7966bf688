from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import BOUNDED
from tables import rows

from jkg_client.cli.screen_text import Filter, filter_for
from jkg_client.protocol.terminal import picture, strip_ansi


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


PIECES = ["a", "bc\n", "def", "\r", "\b", "\x1b[31m", "\x1b[", "A", "K", "\x1b[A", "\x1b[2K"]
CHUNKS = st.lists(st.sampled_from(PIECES), max_size=30)


@pytest.fixture(autouse=True)
def no_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def filtered(one: Filter, *chunks: str) -> list[str]:
    return [*map(one.feed, chunks), one.end()]


# One row for each way to print, with the text in the file after each chunk and at the end.
@pytest.mark.field("B4")
@rows(
    ("chunks", "shown"),
    [
        (["one\n", "two\n"], ["one\n", "two\n", ""]),
        (["begun", " and ended\n"], ["", "begun and ended\n", ""]),
        (["\x1b[31mred\x1b[0m\n", "no end"], ["red\n", "", "no end"]),
        (["10%\r", "20%\r", "\n", "done\n"], ["", "", "", "20%\ndone\n", ""]),
        (["first\n10%\r", "20%\n"], ["first\n", "", "20%\n"]),
        (["\router 0\n", "\rinner 9\x1b[A", "\router 1\n\n"], ["", "", "", "outer 1\ninner 9\n"]),
        (["cut\x1b[3", "1m off\n"], ["", "cut off\n", ""]),
    ],
)
def test_a_file_gets_lines_when_they_are_final(chunks: list[str], shown: list[str]) -> None:
    assert filtered(filter_for(io.StringIO()), *chunks) == shown


@BOUNDED
@given(CHUNKS)
def test_a_file_never_gets_an_escape_code(chunks: list[str]) -> None:
    shown = "".join(filtered(filter_for(io.StringIO()), *chunks))
    assert not set("\x1b\r\b") & set(shown)


def test_a_long_progress_bar_is_held_back_in_little_memory() -> None:
    one = filter_for(io.StringIO())
    chunks = [f"\r\x1b[32m{i:7}\x1b[0m\n\x1b[A" for i in range(5_000)]
    assert filtered(one, *chunks) == [""] * 5_000 + ["   4999\n"]


def test_lines_that_the_cursor_cannot_reach_are_shown() -> None:
    one = filter_for(io.StringIO())
    shown = filtered(one, "\x1b[A", *[f"{i}\n" for i in range(9000)])
    assert "".join(shown) == "".join(f"{i}\n" for i in range(9000))
    assert "".join(shown[:-1])


def test_a_terminal_gets_the_text_of_the_kernel_unchanged() -> None:
    chunks = ["\x1b[31mred", "\r", "\x1b[2K", "x"]
    assert filtered(filter_for(Terminal()), *chunks) == [*chunks, ""]


@pytest.mark.field("B4")
@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_without_colours_gets_bars_and_no_escape_codes(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    chunks = ["\x1b[3", "1mred\x1b", "[0m\r", "x"]
    assert filtered(filter_for(Terminal()), *chunks) == ["", "red", "\r", "x", ""]


@BOUNDED
@given(st.lists(st.sampled_from(["a", "b\n", "\x1b[31m", "\x1b]0;t\x07"]), max_size=20))
def test_without_movements_a_file_gets_all_of_the_text(chunks: list[str]) -> None:
    shown = "".join(filtered(filter_for(io.StringIO()), *chunks))
    assert shown == picture("".join(chunks)) == strip_ansi("".join(chunks))
