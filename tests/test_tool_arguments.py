"""Arguments of tools: the code in them is run, without the text around it."""

from __future__ import annotations

import pytest
from tables import rows

from jkg_client.code_blocks import CodeBlock, unfenced

# The argument, and the block that it means.
FENCED = {
    "a block": ("```python\nprint(1)\n```", ("print(1)", "python")),
    "without a label": ("```\nprint(1)\n```", ("print(1)", "")),
    "a newline behind": ("\n```py\nprint(1)\n```\n", ("print(1)", "py")),
    "windows newlines": ("```python\r\na\r\nb\r\n```\r\n", ("a\nb", "python")),
    "tildes": ("~~~python\nprint(1)\n~~~", ("print(1)", "python")),
    "words before": ("Here it is:\n\n```python\nprint(1)\n```", ("print(1)", "python")),
    "words before, in one line": ("Here it is: ```python\nprint(1)\n```", ("print(1)", "python")),
    "words around": ("Here's:\n```python\nx\n```\nIt's done.", ("x", "python")),
    "its output, too": ("```python\nx\n```\nOutput:\n```text\n1\n```", ("x", "python")),
    "a session": ("```pycon\n>>> 1\n1\n```", (">>> 1\n1", "pycon")),
    "a shell": ("```bash\nls\n```", ("ls", "bash")),
    "a command without a label": ("```\npip install x\n```", ("pip install x", "")),
    "several of one language": ("```python\na\n```\n```py\nb\n```", ("a\n\nb", "python")),
    "cut off": ("```python\nprint(1)", ("print(1)", "python")),
    "closed behind the code": ("```python\nprint(1)```", ("print(1)", "python")),
    "in a line": ("```print(1)```", ("print(1)", "")),
    "in a line with a label": ("```python print(1)```", ("print(1)", "python")),
    "only the label is left": ("Python\nprint(1)", ("print(1)", "")),
    "only the label of a tool is left": ("tool_code\nprint(1)", ("print(1)", "")),
    "only the label of IPython is left": ("ipython\nprint(1)", ("print(1)", "")),
    "a byte order mark": ("\ufeffprint(1)", ("print(1)", "")),
    "arguments in a block": ('```json\n{"code": "print(1)"}\n```', ("print(1)", "")),
    "data in a block": ('```json\n{"a": 1}\n```', ('{"a": 1}', "json")),
    "only the end is left": ("print(1)\n```\n", ("print(1)", "")),
    "as inline code": ("`print(1)`", ("print(1)", "")),
    "with a docstring": (
        '```python\n"""Do.\n\n```\nx\n```\n"""\n```',
        ('"""Do.\n\n```\nx\n```\n"""', "python"),
    ),
    "behind a thought": ("<think>```python\na\n```</think>\n```python\nb\n```", ("b", "python")),
}

# Code that was escaped once too often, and the code that was meant.
ESCAPED = {
    "newlines": (r"x = 1\nprint(x)", "x = 1\nprint(x)"),
    "windows newlines": (r"x = 1\r\nprint(x)", "x = 1\nprint(x)"),
    "newlines, and some in strings": (
        r"""print("a\nb")\nprint('c\n')""",
        "print(\"a\\nb\")\nprint('c\\n')",
    ),
    "newlines and quotes": (r"if x:\n\tprint(\"a\\n\")\n", 'if x:\n\tprint("a\\n")\n'),
    "newlines and tabs": (r"if x:\n\ty()\n\t\tz('\t')", "if x:\n\ty()\n\t\tz('\\t')"),
    "a comment": (r"x\ny # it's\nz", "x\ny # it's\nz"),
    "a fence": (r"```python\nprint(1)\n```", "print(1)"),
    "a string of JSON": (r'"x = 1\nprint(x)"', "x = 1\nprint(x)"),
    "a string of JSON with a fence": (r'"```python\nprint(1)\n```"', "print(1)"),
    "an object of JSON": ('{"code": "print(1)"}', "print(1)"),
    "a call of the tool": ('{"name": "python", "arguments": {"code": "x"}}', "x"),
}

# Neither JSON nor escaped.
NOT_ESCAPED = {
    "a newline in a string": (r"print('a\nb')", ""),
    "escaped quotes in a string": (r"""print('a \"b\"\n')""", ""),
    "a newline in a string in triple quotes": (r'x = """a\nb"""', "python"),
    "a string": ('"hello"', ""),
    "two strings": (r'"a\n" + "b\n"', ""),
    "a dictionary": ('{"a": 1}', ""),
    "a dictionary with a number": ('{"code": 1}', ""),
    "a set": ('{"code"}', ""),
    "a comment": (r"x = 1 # no \newline", ""),
    "a command": (r"!printf a\nb", ""),
    "shell code": (r"printf a\nb", "bash"),
    "lines": ("x = 1\ny = '\\n'", ""),
    "a megabyte": (r"x\n" + "y" * 2**20, ""),
}


# Arguments that are already code, by language.
CODE = {
    "no fence": ("print(1)", ""),
    "nothing": ("", ""),
    "a docstring": ('def f():\n    """Do.\n\n    ```python\n    f()\n    ```\n    """\n', ""),
    "a string": ('s = """\n```python\nx\n```\n"""\nprint(s)', "python"),
    "a string at the beginning": ('"""\n```python\nx\n```\n"""', ""),
    "a string of one line": ("s = '```python'\nt = '```'", ""),
    "a pattern": ('re.findall(r"```(.*?)```", s)', "python"),
    "comments": ("# ```python\n# x\n# ```\ny", ""),
    "a page that is written": ("%%writefile a.md\n# A\n```python\nx\n```\n", ""),
    "a shell cell": ("%%bash\ncat <<A\n```python\nx\n```\nA", ""),
    "a here-document": ("cat > a.md <<'A'\n```python\nx\n```\nA", "bash"),
    "a name in the first line": ("pythons\nprint(1)", ""),
    "a name in a shell": ("python\nls", "bash"),
    "a string with a fence at its end": ("x = '''\n```\n'''", ""),
    "a string that ends after a fence": ("s = '''a\n```", ""),
    "substitution in a shell": ("x=`date`", "bash"),
    "two languages": ("```python\na\n```\n```bash\nb\n```", ""),
    "an empty block": ("```python\n```", ""),
    "a page": ("```python\nx\n```", "markdown"),
}


@pytest.mark.field("A7")
@rows(("argument", "block"), FENCED.values(), ids=FENCED)
def test_an_argument_that_is_a_fenced_block_means_the_code_in_it(
    argument: str, block: tuple[str, str]
) -> None:
    assert unfenced(argument) == CodeBlock(*block)


@pytest.mark.field("A7")
@rows(("code", "language"), CODE.values(), ids=CODE)
def test_code_that_only_shows_fences_is_unchanged(code: str, language: str) -> None:
    assert unfenced(code, language) == CodeBlock(code, language)


@pytest.mark.field("A7")
@rows(("argument", "code"), ESCAPED.values(), ids=ESCAPED)
def test_an_argument_that_is_escaped_once_too_often_is_unescaped(argument: str, code: str) -> None:
    assert unfenced(argument).code == code


@pytest.mark.field("A7")
@rows(("code", "language"), NOT_ESCAPED.values(), ids=NOT_ESCAPED)
def test_escaped_characters_in_strings_stay_as_they_are(code: str, language: str) -> None:
    assert unfenced(code, language) == CodeBlock(code, language)


@pytest.mark.field("A7")
def test_a_block_without_a_label_is_in_the_language_of_the_tool() -> None:
    assert unfenced("```\nls\n```", "bash") == CodeBlock("ls", "bash")


@pytest.mark.field("A7")
def test_a_label_overrides_the_language_of_the_tool() -> None:
    assert unfenced("```bash\nls\n```", "python") == CodeBlock("ls", "bash")
