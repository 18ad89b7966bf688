"""No text makes finding blocks and making cells slow: twice the text takes twice the time."""

from __future__ import annotations

import contextlib
import time
from typing import Callable

import pytest

from jkg_client.code_blocks import (
    CodeBlock,
    MarkdownCodeExtractor,
    UnknownLanguage,
    to_cell,
    unfenced,
)

# Repeated, each of them has made an expression or a loop of somebody's slow.
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
    *["python -m pip ", "sudo -x ", "sudo ", "-x ", "A=1 ", "env ", "$ a\\\n", "$ a\n"],
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


# What is done with texts from outside, and in which place they stand.
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
"""Characters of the smallest text."""

NOISE = 0.02
"""Seconds that any run may take besides."""


def _seconds(task: Callable[[str], object], text: str) -> float:
    """CPU seconds of this thread for ``task``."""
    start = time.thread_time()
    task(text)
    return time.thread_time() - start


def _is_linear(task: Callable[[str], object], piece: str) -> bool:
    small, middle, large = (
        _seconds(task, piece * (SIZE * times // len(piece))) for times in (1, 2, 4)
    )
    # What is quadratic takes 16 times as long for 4 times the text.
    return middle <= 3 * small + NOISE and large <= 8 * small + NOISE


@pytest.mark.field("B14")
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("piece", PIECES)
def test_twice_the_text_takes_about_twice_the_time(
    piece: str, task: Callable[[str], object]
) -> None:
    assert any(_is_linear(task, piece) for _ in range(3))


@pytest.mark.field("B14")
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize(
    "text",
    [
        *["`" * 80_000 + "a`", "sudo " + "-x " * 10_000 + "pip", "!pip\n" * 100_000],
        *["cat <<A\n" * 50_000, "'" * 200_001, "```\n" * 50_000, "x ```python\n" * 20_000],
    ],
    ids=["backticks", "options", "pip", "here-documents", "quotes", "fences", "behind text"],
)
def test_large_texts_take_a_moment(text: str, task: Callable[[str], object]) -> None:
    assert _seconds(task, text) < 10  # most take less than 0.2
