from __future__ import annotations

import contextlib
import pickle
import re

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tables import rows

from jkg_client.code_blocks import (
    CodeBlock,
    MarkdownCodeExtractor,
    MessageContent,
    UnknownLanguage,
    is_data,
    to_cell,
)

BOUNDED = settings(max_examples=50, deadline=None)


def extract(message: MessageContent) -> list[tuple[str, str]]:
    blocks = MarkdownCodeExtractor().extract_code_blocks(message)
    return [(block.language, block.code) for block in blocks]


def cell(language: str, code: str, kernel_language: str = "python") -> str:
    return to_cell(CodeBlock(code, language), kernel_language)


def test_a_block_is_built_by_keyword_or_position() -> None:
    assert CodeBlock("x", "python") == CodeBlock(language="python", code="x")


def test_a_block_does_not_change() -> None:
    block = CodeBlock("x", "python")
    with pytest.raises(FrozenInstanceError):
        block.code = "y"  # type: ignore[misc]  # that it fails is the point


# One row for each rule of https://spec.commonmark.org/0.31.2/#fenced-code-blocks, and for further
# rules that answers of language models need.
FENCES = {
    "backticks": ("```python\nx\n```\n", [("python", "x")]),
    "tildes": ("~~~python\nx\n~~~\n", [("python", "x")]),
    "text around": ("a\n```python\nx\n```\nb", [("python", "x")]),
    "no newline at the end": ("```python\nx\n```", [("python", "x")]),
    "two blocks": ("```r\na\n```\n\n~~~julia\nb\n~~~", [("r", "a"), ("julia", "b")]),
    "block after block": ("```r\na\n```\n```julia\nb\n```", [("r", "a"), ("julia", "b")]),
    "tildes do not close backticks": ("```r\n~~~\n```", [("r", "~~~")]),
    "backticks do not close tildes": ("~~~r\n```\n~~~", [("r", "```")]),
    "two are no fence": ("``r\nx\n``", []),
    "a shorter fence does not close": ("````r\n```\nx\n```\n````", [("r", "```\nx\n```")]),
    "a longer one closes": ("```r\nx\n`````\ny", [("r", "x")]),
    "spaces behind the closing fence": ("```r\nx\n``` \t\ny", [("r", "x")]),
    "a word behind it does not close": ("```r\nx\n``` y\n```", [("r", "x\n``` y")]),
    "a nested block in Markdown": (
        "````markdown\n```python\nx\n```\n````",
        [("markdown", "```python\nx\n```")],
    ),
    "inline code on a line of its own": ("```x```\n```r\ny\n```", [("r", "y")]),
    "inline code in text": ("Use ```x``` or ``` y.\n", []),
    "backticks in the code": ("```r\na ``` b `c`\n```", [("r", "a ``` b `c`")]),
    "tildes allow backticks in the info": ("~~~ r ``` ~~~\nx\n~~~", [("r", "x")]),
    "windows newlines": ("```r\r\nx\r\n\r\ny\r\n```\r\n", [("r", "x\n\ny")]),
    "other line separators are code": ("```r\na\u2028b\x0cc\n```", [("r", "a\u2028b\x0cc")]),
    "never closed": ("```r\nx\ny", [("r", "x\ny")]),
    "never closed, newline at the end": ("```r\nx\n", [("r", "x")]),
    "only an opening fence": ("```r", []),
    "empty": ("```r\n```", []),
    "blank": ("```r\n \n\t\n```", []),
    "blank lines around are kept": ("```r\n\nx\n\n\n```", [("r", "\nx\n\n")]),
    "inner indentation": ("```r\n  if:\n      x\n```", [("r", "  if:\n      x")]),
    "indented": ("   ```r\n   if:\n     x\n   ```", [("r", "if:\n  x")]),
    "indented, lines that are less so": (
        "   ```r\n x\ny\n\n   z\n   ```",
        [("r", " x\ny\n\n   z")],
    ),
    "indented deep": ("        ```r\n        x\n        ```", [("r", "x")]),
    "indented by a tab": ("\t```r\n\tif:\n\t\tx\n\t```", [("r", "if:\n\tx")]),
    "fence by a tab, code by spaces": ("\t```r\n    if:\n      x\n\t```", [("r", "if:\n  x")]),
    "fence by spaces, code by a tab": ("  ```r\n\tx\n  ```", [("r", "  x")]),
    "closing fence less indented": ("   ```r\n   x\n```\ny", [("r", "x")]),
    "closing fence indented": ("```r\nx\n   ```\ny", [("r", "x")]),
    "a fence in a docstring": (
        '```r\n"""\n    ```\n    ```\n"""\n```',
        [("r", '"""\n    ```\n    ```\n"""')],
    ),
    "in a list": ("1. one\n\n   ```r\n   x\n   ```\n2. two", [("r", "x")]),
    "behind a list mark": ("- ```r\n  if:\n    x\n  ```", [("r", "if:\n  x")]),
    "behind a number": ("10. ```r\n    x\n    ```", [("r", "x")]),
    "quoted": ("> ```r\n> if:\n>   x\n>\n> y\n> ```\nz", [("r", "if:\n  x\n\ny")]),
    "quoted without a space": (">```r\n>x\n>```", [("r", "x")]),
    "quoted twice": ("> > ```r\n> > > x\n> > ```", [("r", "> x")]),
    "the quote ends before the fence": ("> ```r\n> x\ny\n```r\nz\n```", [("r", "x"), ("r", "z")]),
}


@rows(("text", "blocks"), FENCES.values(), ids=FENCES)
def test_fences_are_read_as_commonmark_says(text: str, blocks: list[tuple[str, str]]) -> None:
    assert extract(text) == blocks


@rows(
    ("info", "language"),
    [
        ("python", "python"),
        (" python ", "python"),
        ("\tpython", "python"),
        ("Python", "python"),
        ("python {.line-numbers}", "python"),
        ("python{1,3}", "python"),
        ("{python}", "python"),
        ("{.python .numberLines}", "python"),
        ("{r, echo=FALSE}", "r"),
        ('python title="x"', "python"),
        ("python,ignore", "python"),
        ("python:src/x.py", "python"),
        ("python3.11", "python3.11"),
        ("c++", "c++"),
        ("C#", "c#"),
        ("objective-c", "objective-c"),
        ("shell-session", "shell-session"),
        ('title="x"', ""),
        ("{=html}", ""),
        ("!?", ""),
        ("", ""),
    ],
)
def test_the_first_word_of_the_info_string_is_the_language(info: str, language: str) -> None:
    assert extract(f"~~~{info}\nx y\n~~~") == [(language, "x y")]


@rows(
    ("code", "language"),
    [
        ("pip install x", "sh"),
        ("\npip3 install x", "sh"),
        ("python x.py", "sh"),
        ("python3 x.py", "sh"),
        ("$ ls", "sh"),
        ("git clone x", "sh"),
        ("sudo apt-get install x", "sh"),
        ("curl -L http://x", "sh"),
        ("export A=1", "sh"),
        ("cd x && ls", "sh"),
        ("git = 1", ""),
        ("export const a = 1;", ""),
        ("cd x\nf()", ""),
        ("git in x", ""),
        ("uv - x", ""),
        ("tar -x", ""),
        ("python = 3", ""),
        ("pipeline = 3", ""),
        ("$x", ""),
        ('print("hello extract code")', "python"),
        ("x = 1\nfrom a.b import c, d", "python"),
        ("import os, sys", "python"),
        ("import numpy as np  # fast", "python"),
        ("async def f(x):\n    pass", "python"),
        ("class A:\n    pass", "python"),
        ("class A(B):\n    pass", "python"),
        ("class A {\n}", ""),
        ("import java.util.List;", ""),
        ("import x from 'y'", ""),
        ("using System;\nnamespace A\n{\n    class B\n    {\n    }\n}", ""),
        ("x = 1", ""),
        ("!pip install x", ""),
    ],
)
def test_the_language_of_an_unlabelled_block_is_guessed_only_if_obvious(
    code: str, language: str
) -> None:
    assert extract(f"```\n{code}\n```") == [(language, code)]


def test_a_default_language_replaces_the_guess_but_no_label() -> None:
    blocks = MarkdownCodeExtractor(default_language="r").extract_code_blocks(
        "```\nprint(1)\n```\n```python\nprint(2)\n```"
    )
    assert [block.language for block in blocks] == ["r", "python"]


IMAGE = {"type": "image_url", "image_url": {"url": "data:,```"}}


@rows(
    ("message", "blocks"),
    [
        (None, []),
        ("", []),
        ([], []),
        ([{"type": "text", "text": "```r\nx\n```"}], [("r", "x")]),
        (
            [
                {"type": "text", "text": "```r\nx"},
                IMAGE,
                {"type": "text", "text": "```r\ny\n```"},
            ],
            [("r", "x"), ("r", "y")],
        ),
        ([{"type": "text", "text": None}, {"type": "text"}, {}], []),
        ([{"type": "text", "text": "```r\nx"}, {"type": "text", "text": "\n```"}], [("r", "x")]),
        ([{"type": "text", "text": "Run: "}, {"type": "text", "text": "```r\nx"}], [("r", "x")]),
        (
            [
                {"type": "text", "text": "```r\nx\n```"},
                {"type": "text", "text": "Text"},
                {"type": "output_text", "text": "```r\ny\n```"},
            ],
            [("r", "x"), ("r", "y")],
        ),
        (
            [
                {"type": "reasoning", "text": "```r\ndraft\n```"},
                {"type": "thinking", "thinking": "```r\ndraft\n```"},
                {"type": "text", "text": "```r\nx\n```"},
            ],
            [("r", "x")],
        ),
        (["```r\nx\n```"], [("r", "x")]),
        ([{"text": "```r\ndraft\n```", "thought": True}, {"text": "```r\nx\n```"}], [("r", "x")]),
        ([{"type": "reasoning_content", "text": "```r\ndraft\n```"}], []),
        ([{"type": "text", "text": {"value": "```r\nx\n```"}}], [("r", "x")]),
    ],
)
def test_messages_come_as_text_parts_or_nothing(
    message: MessageContent, blocks: list[tuple[str, str]]
) -> None:
    assert extract(message) == blocks


MARKDOWN = st.text(alphabet=st.sampled_from('`~> \t\n\r-1.xp{}="é\x00')) | st.text()


@BOUNDED
@given(MARKDOWN)
@example("```" + "." * 50_000 + "=")
@example("> " * 50_000)
@example("- " * 50_000)
@example("```" * 50_000)
@example("```\n" * 5_000)
def test_no_text_makes_the_extractor_raise(text: str) -> None:
    for language, code in extract(text):
        assert language == language.lower()
        assert code.strip()


@BOUNDED
@given(st.text(alphabet=st.sampled_from("`~> \t\nxé'\"\\")), st.sampled_from("`~"))
def test_code_inside_a_long_enough_fence_comes_back_exactly(code: str, mark: str) -> None:
    fence = mark * max(3, 1 + max(map(len, re.findall(f"{mark}+", code)), default=0))
    expected = [("python", code)] if code.strip() else []
    assert extract(f"Text\n{fence}python\n{code}\n{fence}\ntext") == expected


@pytest.mark.field("A5")
@rows(
    ("language", "code", "kernel_language", "expected"),
    [
        ("python", "x = 1\n", "python", "x = 1\n"),
        ("Python", "x", "python", "x"),
        ("py", "x", "python", "x"),
        ("python3", "x", "python", "x"),
        ("ipython", "%who", "python", "%who"),
        ("ipython3", "%who", "python", "%who"),
        ("python", "x", "ipython", "x"),
        ("python3.11", "x", "python", "x"),
        ("PYTHON 3", "x", "python", "x"),
        ("tool_code", "x", "python", "x"),
        ("jupyter", "x", "python", "x"),
        ("python-exec", "x", "python", "x"),
        ("run_python", "x", "python", "x"),
        ("python_repl", "x", "python", "x"),
        ("jupyter_python", "x", "python", "x"),
        ("jupyter-cell", "x", "python", "x"),
        ("x-python", "x", "python", "x"),
        ("pypy3", "x", "python", "x"),
        ("code", "x", "python", "x"),
        ("code", "x <- 1", "R", "x <- 1"),
        ("src/main.py", "x", "python", "x"),
        ("language-python", "x", "python", "x"),
        ("", "x", "python", "x"),
        ("", "x <- 1", "R", "x <- 1"),
        ("r", "x <- 1", "R", "x <- 1"),
        ("R", "!pip install x", "R", "!pip install x"),
        ("js", "x", "javascript", "x"),
        ("js", "x", "typescript", "x"),
        ("jsx", "x", "typescript", "x"),
        ("TSX", "x", "typescript", "x"),
        ("ts", "x", "typescript", "x"),
        ("c++", "x", "C++", "x"),
        ("cpp", "x", "c++17", "x"),
        ("c#", "x", "csharp", "x"),
        ("rscript", "x", "R", "x"),
        ("postgresql", "x", "sql", "x"),
        ("json", "{}", "json", "{}"),
        ("bash", "ls", "python", "%%bash\nls"),
        ("shell", "ls", "python", "%%bash\nls"),
        ("console", "ls", "python", "%%bash\nls"),
        ("zsh", "ls", "python", "%%bash\nls"),
        ("shell-command", "ls", "python", "%%bash\nls"),
        ("git-bash", "ls", "python", "%%bash\nls"),
        ("linux-shell", "ls", "python", "%%bash\nls"),
        ("sh_script", "ls", "python", "%%sh\nls"),
        ("deploy.sh", "ls", "python", "%%sh\nls"),
        ("sh", "ls", "python", "%%sh\nls"),
        ("SH", "ls", "python", "%%sh\nls"),
        ("bash", "ls\r\npwd\r\n", "python", "%%bash\nls\npwd\n"),
        ("bash", "ls", "bash", "ls"),
        ("shell", "!ls", "bash", "ls"),
        ("", "ls", "bash", "ls"),
    ],
)
def test_a_block_becomes_a_cell_for_its_kernel(
    language: str, code: str, kernel_language: str, expected: str
) -> None:
    assert cell(language, code, kernel_language) == expected


@rows("code", ["", " ", "\n\t\n", "\r\n"])
@rows("language", ["bash", "sh", "console"])
def test_a_blank_shell_block_is_a_blank_cell(language: str, code: str) -> None:
    assert cell(language, code).strip() == ""


@rows(
    ("language", "kernel_language"),
    [
        *[
            ("rust", "python"),
            ("json", "python"),
            ("bash", "R"),
            ("python", "R"),
            ("python", "bash"),
        ],
        *[("cmd", "python"), ("powershell", "python"), ("fish", "python"), ("js", "python")],
        *[
            ("ts", "javascript"),
            ("pycon", "R"),
            ("sql", "python"),
            ("run", "python"),
            ("tsx", "javascript"),
        ],
    ],
)
def test_another_language_is_refused_by_name(language: str, kernel_language: str) -> None:
    with pytest.raises(UnknownLanguage) as caught:
        cell(language, "x", kernel_language)
    assert isinstance(caught.value, ValueError)
    assert (caught.value.language, caught.value.kernel_language) == (language, kernel_language)
    assert repr(language) in str(caught.value)
    assert kernel_language in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.field("A4")
@rows(
    "language",
    [
        *["json", "jsonl", "yaml", "toml", "xml", "html", "css", "text", "txt", "plaintext", "csv"],
        *["markdown", "md", "output", "result", "diff", "patch", "tsv", "log", "mermaid", "latex"],
        *["ini", "dotenv", "http", "JSON", "config.yaml", "README.md", "dockerfile", "traceback"],
    ],
)
def test_data_and_prose_are_not_code_except_on_a_kernel_for_them(language: str) -> None:
    assert is_data(language, "python")
    assert not is_data(language, language)


@pytest.mark.field("A4")
@rows("language", ["", "python", "bash", "rust", "sql", "klingon", "powershell"])
def test_programming_languages_are_not_data_even_if_no_kernel_runs_them(language: str) -> None:
    assert not is_data(language, "python")


def test_a_python_kernel_says_that_it_runs_shells_too() -> None:
    with pytest.raises(UnknownLanguage, match=r"'rust'.*python, bash, sh$"):
        cell("rust", "x")


@rows(
    ("code", "commands"),
    [
        ("!echo hi", "echo hi"),
        ("  !echo hi", "  echo hi"),
        ("cd x\n!echo hi\n!./run", "cd x\necho hi\n./run"),
        ('!"$CMD" x', '"$CMD" x'),
        ("! grep x y", "! grep x y"),
        ("echo !x", "echo !x"),
        ("!", "!"),
        ("%pip install -q x", "pip install -q x"),
        ("%cd x", "%cd x"),
        ("$ ls\n$ pwd", "ls\npwd"),
        ("$ ls\na.txt", "ls"),
        ("ls\n$ pwd", "ls\npwd"),
        ("cat <<EOF\n!x\n$ y\nEOF\n!ls", "cat <<EOF\n!x\n$ y\nEOF\nls"),
        ("cat <<-'A'\n!x\n\tA\n!ls", "cat <<-'A'\n!x\n\tA\nls"),
        ("cat <<<x\n!ls", "cat <<<x\nls"),
        ("echo '\n!x\n'\n!ls", "echo '\n!x\n'\nls"),
        ("echo \\\n!x", "echo \\\n!x"),
        ("# it's\n!ls", "# it's\nls"),
    ],
)
def test_marks_of_notebooks_and_prompts_are_removed_from_shell_code(
    code: str, commands: str
) -> None:
    assert cell("bash", code) == f"%%bash\n{commands}"
    assert cell("bash", code, "bash") == commands


def test_only_the_typed_commands_of_a_terminal_session_are_run() -> None:
    session = "$ echo \"it\" \\\n  's'\nit's\n$ pwd\n/home\n"
    assert cell("console", session) == "%%bash\necho \"it\" \\\n  's'\npwd"


# A session, and the commands that were typed.
SESSIONS = [
    ("$ echo waiting for you\nwaiting for you\n$ echo done", "echo waiting for you\necho done"),
    (
        "$ for i in 1 2; do\n> echo done\n> done\ndone\ndone\n$ ls",
        "for i in 1 2; do\necho done\ndone\nls",
    ),
    ("$ if true; then echo a; fi\na", "if true; then echo a; fi"),
    ("$ f() {\n> echo x\n> }\n$ f\nx", "f() {\necho x\n}\nf"),
    ("$ case x in\n> x) echo 1;;\n> esac\n1", "case x in\nx) echo 1;;\nesac"),
    ("$ { echo ${x} {a,b}; }\na b", "{ echo ${x} {a,b}; }"),
]


@rows(("session", "commands"), SESSIONS)
def test_a_command_of_a_session_continues_until_it_is_complete(session: str, commands: str) -> None:
    assert cell("bash", session) == f"%%bash\n{commands}"


@pytest.mark.parametrize("code", ["%%sh\nls", "\n%%time\n!ls", "%%python\nprint(1)"])
def test_a_cell_magic_in_a_shell_block_is_kept(code: str) -> None:
    assert cell("bash", code) == code


# A «·» marks where ``-qq`` goes; without one the code stays as it is.
PYTHON_PIP = [
    "!pip install· x",
    "! pip install· x",
    "!!pip install· x",
    "!pip3 install· x",
    "!pip3.11 install· x",
    "!python -m pip install· x",
    "!{sys.executable} -m pip install· x",
    '!"{sys.executable}" -m pip install· x',
    "!/usr/bin/pip install· 'x>=1' y",
    "%pip install· x",
    "pip install· x",
    "if x:\n    !pip install· y\n    %pip install· z\n",
    "import x\r\n!pip install· y\r\nz\r\n",
    "!cd x && pip install· . ; pip list",
    "!pip install·",
    "!pip install· x\n!pip install· y",
    "!pip install· \\\n    x",
    "!pip \\\n    install· x",
    "!pip install \\\n    -q x",
    "!pip install -q x",
    "!pip -q install x",
    "!pip install x -qqq",
    "!pip install --quiet x",
    "!pip install -v x",
    "!pip install --verbose x",
    "!pip install -Uq x",
    "!pip install· -U -r requirements-v.txt",
    "!pip install· x  # not -q",
    "!pip list",
    "!pip uninstall -y x",
    "!pip download install",
    "!pipx install x",
    "!echo pip install x",
    "!echo 'pip install x'",
    "# !pip install x",
    "x = 1  # !pip install x",
    "print('!pip install x')",
    "text = '''\n!pip install x\n'''\n!pip install· x",
    'text = f"""\n!pip install x\n"""\n!pip install· x',
    'text = r"""\\\\"""\n!pip install· x',
    "text = '''\n\\'''\n!pip install x\n'''",
    "text = '''never closed\n!pip install x\n",
    "text = 'a\\\n!pip install x'",
    "text = 'it' \\\n% '!pip install x'\n!pip install· x",
    "text = ('%s'\n% '''\n!pip install x\n''')\n!pip install· x",
    "!echo it's\n!pip install· x",
    "%env A=it's '''\n!pip install· x",
    "out = !echo it's (\n!pip install· x",
    "out = !pip install x",
    "pip = '''\n!pip install x\n'''",
    "f(])\n!pip install· x",
    "%%time\n!pip install· x",
    "%%capture out\n%%time\n\n!pip install· x",
    "%%bash\npip install· x\n!pip",
    "\n%%sh -e\npip install· x",
    "%%script --no-raise-error bash\npip install· x",
    "%%time\n%%bash\npip install· x",
    "%%writefile x.py\n!pip install x",
    "%%html\npip install x",
]
SHELL_PIP = [
    "pip install· x",
    "  pip3 install· x",
    "python -m pip install· x",
    "python3.11 -u -m pip install· x",
    '"$PYTHON" -m pip install· x',
    "$PYTHON -m pip install· x",
    "cd x && pip install· . || pip install· y; pip install· z & pip install· a",
    "(cd x; pip install· .)",
    "{ pip install· x; }",
    "x=$(pip install· x | tail -1)",
    "x=`pip install· y`",
    "sudo pip install· x",
    "sudo -H pip install· x",
    "A=1 B= pip install· x",
    "env A=1 pip install· x",
    "! pip install· x",
    "if pip install· x; then pip install· y; else pip install· z; fi",
    "for x in a b; do pip install· $x; done",
    "pip --no-cache-dir install· x",
    "pip install· x && pip install -q y",
    "pip install· 'x -q'",
    "pip install· x \\\n  y\npip list",
    "pip install x \\\n  -q",
    "pip install· x 2>&1",
    "pip install· x > log.txt",
    "echo pip install x",
    "echo 'pip install x'",
    'echo "a\npip install x\n"\npip install· x',
    "echo $'it\\'s\npip install x'\npip install· x",
    "echo \\'\npip install· x",
    "echo $#\npip install· x",
    "bash -c 'pip install x'",
    "# pip install x",
    "ls # it's\npip install· x",
    "cat > x <<EOF\npip install x\nEOF\npip install· x",
    "cat > x <<'A' && ls\npip install x\n A\nA\npip install· x",
    "cat <<-A\npip install x\n\t\tA\npip install· x",
    'cat <<"A"\npip install x\n',
    "cat <<< pip\npip install· x",
    "echo $((1 << 2))\npip install· x",
    "uv pip install x",
    "conda install x",
    "pip install-x",
    "pipinstall x",
]


def _marked(code: str) -> tuple[str, str]:
    return code.replace("·", ""), code.replace("·", " -qq")


@rows("code", PYTHON_PIP)
def test_pip_is_quiet_in_python_cells(code: str) -> None:
    plain, quiet = _marked(code)
    assert cell("python", plain) == quiet
    assert cell("", plain) == quiet
    assert cell("python", quiet) == quiet


@rows("code", SHELL_PIP)
def test_pip_is_quiet_in_shell_blocks(code: str) -> None:
    plain, quiet = _marked(code)
    assert cell("bash", plain) == f"%%bash\n{quiet}"
    assert cell("python", f"%%bash\n{plain}") == f"%%bash\n{quiet}"
    assert cell("bash", quiet, "bash") == quiet


PIECES = [
    *("pip install", "pip", "install", "-q", "-m", "sudo", "<<A", "A", "%%bash\n", "\n", "\r\n"),
    *("'''", '"""', *" !%'\"\\#(){}[]=;&|`$"),
]
CODE = st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map("".join)


@BOUNDED
@given(CODE, st.sampled_from(["python", "bash", ""]))
def test_quiet_pip_only_adds_its_option_and_only_once(code: str, language: str) -> None:
    quiet = cell(language, code, language or "python")
    assert cell(language, quiet, language or "python") == quiet
    if language != "bash":
        assert quiet.replace(" -qq", "") == code.replace(" -qq", "")


@BOUNDED
@given(CODE.filter(lambda code: "pip" not in code))
def test_python_without_pip_is_not_touched(code: str) -> None:
    assert cell("python", code) == code


@BOUNDED
@given(CODE, st.text(), st.text())
def test_every_block_becomes_a_cell_or_is_refused(code: str, language: str, spoken: str) -> None:
    with contextlib.suppress(UnknownLanguage):
        assert isinstance(cell(language, code, spoken), str)
