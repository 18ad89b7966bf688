"""Sessions with prompts and outputs: only the typed code is run."""

from __future__ import annotations

import pytest
from tables import rows

from jkg_client.code_blocks import CodeBlock, to_cell

# A Python session, and its typed code.
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
    "# Try:\n\n>>> a\n1": "a",
    "In [1]: if x:\n   ...:     y\n   ...:\nOut[1]: 1": "if x:\n    y\n",
}

# A shell session, and its typed commands.
SHELL = {
    "$ echo \"it\" \\\n  's'\nit's\n$ pwd\n/home\n": "echo \"it\" \\\n  's'\npwd",
    "me@host:~/x$ ls\na.txt": "ls",
    "$ echo 1\n1\n$ diff a b\n1c1\n> x": "echo 1\ndiff a b",
    "(env) me@host:~$ ls\na\n[me@host x]$ pwd\n/x\nroot@host:/# id\n0\nme@mac x % date\n1": (
        "ls\npwd\nid\ndate"
    ),
    "bash-5.1$ w\n1": "w",
    "# Look:\n$ ls\na.txt": "ls",
    "$\tls\na.txt": "ls",
    "% ls\na.txt\n% curl x\n  % Total\n": "ls\ncurl x",
    "\u276f ls\na.txt": "ls",
    "➜  x ls\na.txt\n➜  x git:(main) ✗ pwd\n/x": "ls\npwd",
    "~/x $ ls\na.txt": "ls",
    "mac:~ me$ ls\na.txt": "ls",
    "$ for i in 1 2; do\n>   echo $i\n> done\n1\n2": "for i in 1 2; do\n  echo $i\ndone",
    "$ for i in 1 2; do\n  echo ${i}\ndone\n1\n2": "for i in 1 2; do\n  echo ${i}\ndone",
    "$ f() {\n  ls\n}\n$ f\na": "f() {\n  ls\n}\nf",
    "$ case x in\n  a) ls;;\nesac\n$ pwd\n/x": "case x in\n  a) ls;;\nesac\npwd",
    "$ a && \\\n  b |\n  c\n1": "a && \\\n  b |\n  c",
    "$ python -c '\nx # \"\n'\n1\n$ ls # it's\na": "python -c '\nx # \"\n'\nls # it's",
    "$ cat > f <<A\nhi\n$ x\nA\n$ cat f\nhi": "cat > f <<A\nhi\n$ x\nA\ncat f",
    "$ echo 'a <<B'\na <<B\n$ ls; pwd\nx": "echo 'a <<B'\nls; pwd",
    "$ done\ndone: no such thing\n$ if true; then\n> ls\n> fi\nx": "done\nif true; then\nls\nfi",
    "$ cat <<A\n> hi\n> A\nhi": "cat <<A\nhi\nA",
}


@pytest.mark.field("A5")
@rows(("session", "typed"), PYTHON.items())
@rows("language", ["pycon", "python-console", "python", ""])
def test_only_the_typed_code_of_a_python_session_is_run(
    session: str, typed: str, language: str
) -> None:
    assert to_cell(CodeBlock(session, language), "python") == typed


@pytest.mark.field("A5")
@rows("code", ["x = 1", "x >> 1", "# >>> x", "x = [\n    ...\n]"])
@rows("language", ["pycon", "python"])
def test_code_without_prompts_is_unchanged(language: str, code: str) -> None:
    assert to_cell(CodeBlock(code, language), "python") == code


@pytest.mark.field("A5")
def test_a_label_marks_a_session_that_does_not_begin_with_a_prompt() -> None:
    session = "Python 3.11.7 (main)\n>>> a\n1"
    assert to_cell(CodeBlock(session, "pycon"), "python") == "a"


@rows(("session", "typed"), SHELL.items())
@rows("language", ["console", "terminal", "bash-session", "shell-session"])
def test_only_the_typed_commands_of_a_shell_session_are_run(
    session: str, typed: str, language: str
) -> None:
    assert to_cell(CodeBlock(session, language), "python") == f"%%bash\n{typed}"


@pytest.mark.field("A5")
@rows(("session", "typed"), SHELL.items())
def test_a_shell_block_that_begins_with_a_prompt_is_a_session(session: str, typed: str) -> None:
    assert to_cell(CodeBlock(f"\n{session}", "bash"), "python") == f"%%bash\n{typed}"


@rows(
    "code",
    [
        "ls\npwd",
        "# ls\npwd",
        "$HOME/x\ny",
        "echo x > y\n> z",
        "ls\n    $x y",
        "#!/bin/sh\n# $ x\nls",
    ],
)
@rows("language", ["bash", "console"])
def test_shell_code_without_prompts_is_unchanged(language: str, code: str) -> None:
    assert to_cell(CodeBlock(code, language), "python") == f"%%bash\n{code}"
