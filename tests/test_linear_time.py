"""Finding blocks and making cells takes linear time for any text."""

from __future__ import annotations

import contextlib
import time
from typing import Callable

import pytest

from jkg_client.code_blocks import (
    CodeBlock,
    MarkdownCodeExtractor,
    UnknownLanguage,
    is_data,
    to_cell,
    unfenced,
)
from jkg_client.code_blocks.sessions import shell_commands

# Many repetitions of one of these texts have made a regular expression or a loop slow.
PIECES = [
    *["`", "``` ", "```\n", "```a\n", "```a\nx\n``` y\n", "```python\nx\n``` y\n", "````\n```\n"],
    *["```python\n'''\n```\n", "```python\n'''x'''y'''\n```\n", "```python\n\"\"\"\n```\n'''\n"],
    *[
        "```markdown\n```python\n",
        "```bash\ncat <<A\n```\n",
        "```python\nx```\n",
        "```python\n```b\n",
    ],
    *["x ```python\n", "x ```\n", "x```\n", "x`a```b", "  ```\n", "```r\n        ```\n", "# ```\n"],
    *["~", "~~~\n~~~\n", "> ", ">", "> ```\n", "- ", "1. ", "- ```\n", "\u200b", "\ufeff```\n"],
    *["<think>", "<think>\n", "</think>\n", "<think></think>", "<!--", "--><!--\n", "[THINK]"],
    *["a", " ", "\t", "\n", "\r\n", "\\", "\\\n", "\\\r\n", '"', "'", "'''", '"""', "$'", "#"],
    *["(", "[{", ")", "=", "= ", "=!", "= !", "%", "%%", "%%time\n", "!", "!!", "!pip\n"],
    *["!pip install x\n", "pip install x\n", "pip install x;", "%pip install ", "pip -m "],
    *[
        "python -m pip ",
        "sudo -x ",
        "sudo ",
        "-x ",
        "A=1 ",
        "env ",
        "$ a\\\n",
        "$ a\n",
        "$ 'a'\n",
        "$ if\n",
    ],
    *["<<a", "<<a ", "<<a\n", "<<'a", "<<-a\na\n", "<<<a", ">>> x\n", "... \n", ">>> ", "In [1]: "],
    *[
        "{",
        "{.",
        "{a}",
        ".",
        "#a ",
        "import a, ",
        "class A():",
        "def f(",
        "print(",
        "from a import ",
    ],
    *["Output:\n```\n", "Output: ", "# Output\n\n", "├", "Traceback (most recent call last):\n"],
]


def _cell(language: str) -> Callable[[str], object]:
    def make(text: str) -> None:
        with contextlib.suppress(UnknownLanguage):
            to_cell(CodeBlock(text, language), "python")

    return make


def _label(text: str) -> None:
    with contextlib.suppress(UnknownLanguage):
        to_cell(CodeBlock("x", text), "python")


def _extract(text: str) -> None:
    MarkdownCodeExtractor().extract_code_blocks(text)


# The operations on texts from outside, and the place of the text in each of them.
TASKS: dict[str, Callable[[str], object]] = {
    "a message": _extract,
    "a block's code": lambda text: _extract(f"```\n{text}\n```"),
    "a block's label": lambda text: _extract(f"~~~{text}\nx\n~~~"),
    "a cell of Python": lambda text: _cell("python")(f"{text} pip install"),
    "a cell of bash": lambda text: _cell("bash")(f"{text} pip install"),
    "a command": lambda text: _cell("bash")(f"pip {text} install"),
    "a session of a shell": _cell("console"),
    "a session of Python": _cell("pycon"),
    "a label": _label,
    "a tool's argument": unfenced,
    "a tool's argument in bash": lambda text: unfenced(text, "bash"),
}

SIZE = 6_000
"""Number of characters of a text."""

MOMENT = 0.012
"""Shorter times are not checked further: quadratic time would be longer for such a text."""


def _seconds(task: Callable[[str], object], text: str) -> float:
    """CPU seconds of this thread for ``task``."""
    start = time.thread_time()
    task(text)
    return time.thread_time() - start


def _is_linear(task: Callable[[str], object], piece: str) -> bool:
    if _seconds(task, piece * (SIZE // len(piece))) < MOMENT:
        return True
    small, middle, large = (
        _seconds(task, piece * (SIZE * times // len(piece))) for times in (1, 2, 4)
    )
    # Quadratic time is 16 times as long for 4 times the text.
    return middle <= 3 * small + MOMENT and large <= 8 * small + MOMENT


@pytest.mark.field("B14")
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_twice_the_text_takes_about_twice_the_time(task: Callable[[str], object]) -> None:
    slow = [piece for piece in PIECES if not any(_is_linear(task, piece) for _ in range(3))]
    assert not slow


@pytest.mark.field("B14")
@pytest.mark.parametrize(
    "text",
    [
        *["`" * 80_000 + "a`", "sudo " + "-x " * 10_000 + "pip", "!pip\n" * 10_000],
        *["cat <<A\n" * 10_000, "'" * 100_001, "```\n" * 5_000, "x ```python\n" * 3_000],
    ],
    ids=["backticks", "options", "pip", "here-documents", "quotes", "fences", "behind text"],
)
def test_large_texts_take_a_moment(text: str) -> None:
    seconds = {name: _seconds(task, text) for name, task in TASKS.items()}
    assert max(seconds.values()) < 5, seconds  # most take less than 0.1


@pytest.mark.parametrize(
    "page",
    ["```\nx\n```\n" * 30_000, "<think>\n</think>\n```\nx\n```\n" * 13_000],
    ids=["fences", "tags"],
)
def test_a_page_with_too_many_fences_is_read_in_part_with_a_note(page: str) -> None:
    *blocks, note = MarkdownCodeExtractor().extract_code_blocks(page)
    assert {block.code for block in blocks} == {"x"}
    assert is_data(note.language)
    assert "were not read" in note.code


def test_an_incomplete_block_of_a_long_page_is_not_run() -> None:
    strings = "'''\n" * 60_000
    page = f"```python\nx\n```\n```python\n{strings}```\n"
    blocks = MarkdownCodeExtractor().extract_code_blocks(page)
    assert [block.code for block in blocks if not is_data(block.language)] == ["x"]


def _quieted(code: str, language: str) -> int:
    """How many commands of the code become quiet."""
    cell = to_cell(CodeBlock(code, language), "python")
    assert cell.replace(" -qq", "").endswith(code)
    return cell.count(" -qq")


@pytest.mark.field("B14")
@pytest.mark.parametrize("language", ["python", "bash"])
def test_code_after_too_many_strings_is_not_changed(language: str) -> None:
    install, strings = "pip install a\n", "'a' 1\n"
    assert _quieted(f"{install}{strings * 1000}{install}", language) == 2
    assert _quieted(f"{install}{strings * 100_000}{install}", language) == 1


@pytest.mark.field("B14")
def test_a_session_that_is_too_long_is_not_changed() -> None:
    for_ever = "$ if\n"
    assert shell_commands(for_ever * 1000) == "if\n" * 1000
    session = for_ever * 101_000
    assert shell_commands(session) == session


@pytest.mark.field("B14")
def test_a_command_that_is_too_long_is_not_changed() -> None:
    names = "package " * 8_000
    assert _quieted(f"pip install {names}", "bash") == 1
    assert _quieted(f"pip install {names}{names}; pip install x", "bash") == 1
    assert _quieted(f"!pip install {names}\n!pip install x", "python") == 2
    assert _quieted(f"!pip install {names}{names}\n!pip install x", "python") == 1
