"""Sessions with prompts and outputs: only the typed code is run."""

from __future__ import annotations

import pytest
from tables import rows

from jkg_client.code_blocks import CodeBlock, to_cell

# What a session of Python shows, and what was typed in it.
PYTHON = {
    ">>> 1 + 1\n2": "1 + 1",
    ">>> x = 1\n>>> x\n1\n": "x = 1\nx",
    ">>> for i in range(2):\n...     print(i)\n...\n0\n1\n>>> i": (
        "for i in range(2):\n    print(i)\n\ni"
    ),
    "\n>>> f(\n...   1\n... )\nTraceback (most recent call last):\n    ...\nValueError\n": (
        "f(\n  1\n)"
    ),
    "    >>> if x:\n    ...     y\n    1": "if x:\n    y",
    ">>> a\r\n1\r\n>>> b\r\n2\r\n": "a\nb",
    ">>>\n>>> a": "\na",
    "In [1]: x = 1\n\nIn [2]: x\nOut[2]: 1": "x = 1\nx",
    "In [1]: if x:\n   ...:     y\n   ...:\nOut[1]: 1": "if x:\n    y\n",
}

# Likewise of a shell.
SHELL = {
    "$ echo \"it\" \\\n  's'\nit's\n$ pwd\n/home\n": "echo \"it\" \\\n  's'\npwd",
    "me@host:~/x$ ls\na.txt": "ls",
    "ls\npwd": "ls\npwd",
}


@pytest.mark.field("A5")
@rows(("session", "typed"), PYTHON.items())
@rows("language", ["pycon", "python-console", "python", ""])
def test_of_a_session_of_python_only_what_was_typed_is_run(
    session: str, typed: str, language: str
) -> None:
    assert to_cell(CodeBlock(session, language), "python") == typed


@pytest.mark.field("A5")
@rows("code", ["x = 1", "x >> 1", "# >>> x", "x = [\n    ...\n]"])
@rows("language", ["pycon", "python"])
def test_code_without_prompts_stays_as_it_is(language: str, code: str) -> None:
    assert to_cell(CodeBlock(code, language), "python") == code


@pytest.mark.field("A5")
def test_a_label_tells_of_a_session_that_does_not_begin_with_a_prompt() -> None:
    session = "Python 3.11.7 (main)\n>>> a\n1"
    assert to_cell(CodeBlock(session, "pycon"), "python") == "a"


@rows(("session", "typed"), SHELL.items())
@rows("language", ["console", "terminal", "bash-session", "shell-session"])
def test_of_a_session_of_a_shell_only_what_was_typed_is_run(
    session: str, typed: str, language: str
) -> None:
    assert to_cell(CodeBlock(session, language), "python") == f"%%bash\n{typed}"
