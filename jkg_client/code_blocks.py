"""Code blocks: found in Markdown, and made into cells that a kernel understands.

Fences are CommonMark's (https://spec.commonmark.org/0.31.2/#fenced-code-blocks), with more timeouts
for what language models write: any indentation, list items, quotes, an end that was cut off.

Shell and IPython syntax is only *scanned*, to tell commands from strings, comments and
here-documents. What the scan is not sure of is left as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Union

from attrs import Attribute, field, frozen

from .errors import JkgError

MessageContent = Union[str, Sequence[Mapping[str, Any]], None]
"""What a chat message may hold: text, OpenAI's list of parts, or nothing."""

_PYTHON = frozenset({"python", "python3", "py", "py3", "ipython", "ipython3"})
_SHELLS = {"bash": "bash", "shell": "bash", "console": "bash", "shell-session": "bash", "sh": "sh"}
_TRANSCRIPTS = frozenset({"console", "shell-session"})
_ALIASES = {
    "c++": "cpp",
    "golang": "go",
    "jl": "julia",
    "js": "javascript",
    "rb": "ruby",
    "rs": "rust",
    "ts": "typescript",
}


class UnknownLanguage(JkgError, ValueError):
    """The kernel cannot run a block in this language.

    Attributes:
        language: The block's.
        kernel_language: What the kernel speaks.
    """

    def __init__(self, language: str, kernel_language: str) -> None:
        super().__init__(language, kernel_language)
        self.language = language
        self.kernel_language = kernel_language

    def __str__(self) -> str:
        spoken = [self.kernel_language]
        if self.kernel_language.lower() in _PYTHON:
            spoken += ["bash", "sh"]
        return f"cannot run a {self.language!r} block: this kernel runs {', '.join(spoken)}"


def _check_text(_: object, attribute: Attribute[str], value: object) -> None:
    if not isinstance(value, str):
        kind = type(value).__name__
        raise ValueError(f"{attribute.name} must be a string, not {kind}")  # noqa: TRY004


@frozen
class CodeBlock:
    """Code in a language.

    Attributes:
        language: Lower-cased by the extractor; ``""`` stands for the kernel's own.
    """

    code: str = field(validator=_check_text)
    language: str = field(validator=_check_text)


@frozen(kw_only=True)
class MarkdownCodeExtractor:
    """Finds the fenced code blocks of a chat message.

    Attributes:
        default_language: Of blocks that name none. None: guess as AutoGen does, ``sh`` for a
            ``pip``, ``python`` or ``$`` command line, ``python`` for what can hardly be
            anything else, otherwise ``""``, the kernel's own.
    """

    default_language: str | None = None

    def extract_code_blocks(self, message: MessageContent) -> list[CodeBlock]:
        """The code blocks of ``message`` in order, blank ones left out.

        Code is kept as written, but for Windows newlines and the indentation of its fence.
        Code behind a fence that is never closed counts: answers get cut off.
        """
        if message is None:
            return []
        texts = [message] if isinstance(message, str) else [part.get("text") for part in message]
        blocks = [block for text in texts if isinstance(text, str) for block in _fenced(text)]
        return [self._labelled(block) for block in blocks if block.code.strip()]

    def _labelled(self, block: CodeBlock) -> CodeBlock:
        if block.language:
            return block
        language = self.default_language
        return CodeBlock(block.code, _guess(block.code) if language is None else language)


def to_cell(block: CodeBlock, kernel_language: str) -> str:
    """The cell that runs ``block`` on a kernel of ``kernel_language``.

    Code in the kernel's language passes as it is; on Python kernels, shell code becomes a
    ``%%bash`` or ``%%sh`` cell. ``pip install`` is made quiet in both. In shell code a
    leading ``!`` or prompt (``$ ``) goes; of a ``console`` block that shows prompts, only
    the lines behind them are commands.

    Raises:
        UnknownLanguage: If the kernel cannot run it.
    """
    language, spoken = _canonical(block.language), _canonical(kernel_language)
    if language in _SHELLS and spoken in {"python", *_SHELLS}:
        # A magic at the top says more than the fence: AutoGen ran every block as IPython.
        if spoken == "python" and block.code.lstrip().startswith("%%"):
            return _quiet_python(block.code)
        command = _commands(block.code, transcript=language in _TRANSCRIPTS)
        # IPython refuses a cell magic without a body.
        magic = f"%%{_SHELLS[language]}\n" if spoken == "python" and command.strip() else ""
        return magic + command
    if language not in ("", spoken):
        raise UnknownLanguage(block.language, kernel_language)
    return _quiet_python(block.code) if spoken == "python" else block.code


def _canonical(language: str) -> str:
    name = language.strip().lower()
    return "python" if name in _PYTHON else _ALIASES.get(name, name)


# Quote marks, indentation and list markers, then the fence. A fence of backticks has none
# behind it, or it would be inline code.
_OPENING = re.compile(
    r"(?P<quote>(?:(?: {0,3}>)+ ?)?)(?P<indent>[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)"
    r"(?P<fence>`{3,}(?![^\n]*`)|~{3,})(?P<info>.*)"
)
# The first word; ``title="x"`` is an attribute, ``{.python}`` and ``{python}`` are languages.
_LANGUAGE = re.compile(r"[\s{.]*([\w+#][\w+#./-]*)(?![\w+#./-]|\s*=)")
_SHELL_LINE = re.compile(r"(?:pip3?|python3?|\$) (?!=)")
_PYTHON_LINE = re.compile(
    r"^(?:import [\w.]+(?:, *[\w.]+)*(?: as \w+)?|from [\w.]+ import .+|print\(.*"
    r"|(?:async )?def \w+\(.*|class \w+(?:\(.*\))?:)[ \t]*(?:#.*)?$",
    re.MULTILINE,
)


def _fenced(text: str) -> Iterator[CodeBlock]:
    lines = text.replace("\r\n", "\n").split("\n")
    at = 0
    while at < len(lines):
        opening = _OPENING.fullmatch(lines[at])
        at += 1
        if opening:
            code, at = _code(lines, at, opening)
            language = _LANGUAGE.match(opening["info"])
            yield CodeBlock("\n".join(code), language[1].lower() if language else "")


def _code(lines: Sequence[str], at: int, opening: re.Match[str]) -> tuple[list[str], int]:
    quoted = re.compile(rf"(?: {{0,3}}>){{{opening['quote'].count('>')}}} ?")
    fence, indent = opening["fence"], _columns(opening["indent"])
    code: list[str] = []
    for number in range(at, len(lines)):
        line = lines[number]
        if opening["quote"]:
            mark = quoted.match(line)
            if mark is None:
                return code, number
            line = line[mark.end() :]
        # Deeper than this, a fence is part of the code, in a docstring for example.
        rest = line.strip(" \t")
        depth = _columns(line[: len(line) - len(line.lstrip(" \t"))])
        if len(rest) >= len(fence) and not rest.strip(fence[0]) and depth <= indent + 3:
            return code, number + 1
        code.append(_outdented(line, indent))
    return code[:-1] if code and not code[-1] else code, len(lines)


def _columns(indent: str) -> int:
    return len(indent.expandtabs(4))


def _outdented(line: str, columns: int) -> str:
    column = 0
    for position, char in enumerate(line):
        if column >= columns or char not in " \t":
            return " " * (column - columns) + line[position:]
        column += 4 - column % 4 if char == "\t" else 1
    return " " * (column - columns)


def _guess(code: str) -> str:
    if _SHELL_LINE.match(code.lstrip()):
        return "sh"
    return "python" if _PYTHON_LINE.search(code) else ""


# A word of a shell command; nothing in it ends the command.
_WORD = r"[^\s;&|()`]+"
# What is no command in shell code: here-documents, strings, comments, escaped characters.
_HIDDEN = re.compile(
    r"""(?<!<)<<-?[ \t]*['"\\]?(?P<end>[A-Za-z_]\w*)['"]?[^\n]*\n[\s\S]*?(?:^\t*(?P=end)\r?$|\Z)
    | \$'(?:\\[\s\S]|[^'\\])*'? | '[^']*'? | "(?:\\[\s\S]|[^"\\])*"?
    | (?<![^\s;&|(])\#[^\n]* | (?P<joint>\\\r?\n) | \\[\s\S]""",
    re.MULTILINE | re.VERBOSE,
)
_MARK = re.compile(r"^[ \t]*(?P<mark>\$[ \t]+|!(?=[^\s!=(\[])|%(?=pip3?[ \t]))", re.MULTILINE)
_PROMPTED = re.compile(r"^[ \t]*\$ (?:.*\\\n)*.*", re.MULTILINE)
_PIP_INSTALL = re.compile(
    rf"""(?:^|[;&|()`])[ \t]*
    (?:(?:sudo(?:[ \t]+-{_WORD})*|env|time|command|exec|if|then|elif|else|while|do|[!{{]
        |\w+=(?:{_WORD})?)[ \t]+)*
    (?P<pip>(?:{_WORD}/)?pip[\d.]*|{_WORD}(?:[ \t]+-{_WORD})*[ \t]+-m[ \t]+pip)
    (?:[ \t]+-{_WORD})*[ \t]+install(?P<rest>(?!{_WORD})[^;&|()`\n]*)""",
    re.MULTILINE | re.VERBOSE,
)
_VERBOSITY = re.compile(r"(?<!\S)(?:-[UIh]*[qv][UIhqv]*|--quiet|--verbose)(?!\S)")


def _commands(code: str, *, transcript: bool) -> str:
    code = code.replace("\r\n", "\n")
    if transcript:
        code = "\n".join(_PROMPTED.findall(code)) or code
    for found in reversed([*_MARK.finditer(_HIDDEN.sub(_blank, code))]):
        code = code[: found.start("mark")] + code[found.end() :]
    return _quiet_shell(code)


def _quiet_shell(code: str) -> str:
    if "pip" not in code:
        return code
    bare = _HIDDEN.sub(_blank, code)
    for found in reversed([*_PIP_INSTALL.finditer(bare)]):
        if not _VERBOSITY.search(bare, found.start("pip"), found.end()):
            code = f"{code[: found.start('rest')]} -qq{code[found.start('rest') :]}"
    return code


def _blank(hidden: re.Match[str]) -> str:
    # As long as what it hides, so that places in the bare text are places in the code.
    if hidden["joint"]:
        return " " * len(hidden[0])
    return re.sub(r"[^\n]" if hidden["end"] else r"[\s\S]", "_", hidden[0])


# Magics that run their body as Python may stand one on the other; the last one decides.
_CELL_MAGIC = re.compile(
    r"(?:\s*%%(?:capture|prun|timeit|time)\b[^\n]*)*"
    r"(?:\s*%%(?:script[ \t]+(?:-\S+[ \t]+)*)?(?P<name>\w+)[^\n]*)?"
)
_LINE = r"(?:[^\\\n]|\\\r?\n|\\.)*"
_ANYWHERE = r"""\"""(?:\\[\s\S]|[^\\])*?(?:\"""|\Z) | \'\'\'(?:\\[\s\S]|[^\\])*?(?:\'\'\'|\Z)
    | "(?:\\[\s\S]|[^"\\\n])*"? | '(?:\\[\s\S]|[^'\\\n])*'? | \#[^\n]*
    | =[ \t]*[!%][^\n]* | \\\r?\n[ \t]*[!%]* | (?P<bracket>[()\[\]{}])"""
# Where IPython looks for commands: at the start of a logical line. ``pip install`` alone is one
# too, thanks to its automagic.
_AT_START = (
    rf"^[ \t]*(?:!!?|%(?=pip[ \t])|(?=pip[ \t]+install[ \t]))(?P<command>{_LINE}) | ^[ \t]*%{_LINE}"
)
_IN_BRACKETS = re.compile(_ANYWHERE, re.VERBOSE)
_OUTSIDE = re.compile(f"{_AT_START} | {_ANYWHERE}", re.MULTILINE | re.VERBOSE)


def _quiet_python(code: str) -> str:
    magic = _CELL_MAGIC.match(code)
    if "pip" not in code or magic is None:
        return code
    body = code[magic.end() :]
    if magic["name"] is None:
        return magic[0] + "".join(_quiet_lines(body))
    return magic[0] + _quiet_shell(body) if magic["name"] in ("bash", "sh") else code


def _quiet_lines(code: str) -> Iterator[str]:
    at = depth = 0
    while found := (_IN_BRACKETS if depth else _OUTSIDE).search(code, at):
        if found.lastgroup == "command":
            yield code[at : found.start("command")] + _quiet_shell(found["command"])
        else:
            yield code[at : found.end()]
        if found.lastgroup == "bracket":
            depth = max(0, depth + (1 if found[0] in "([{" else -1))
        at = found.end()
    yield code[at:]
