"""Shell code: removes the marks of notebooks, and makes ``pip install`` quiet.

The code is only *scanned*, in one pass, to find commands outside of strings, comments and
here-documents. If it is uncertain whether text is a command, the text is not changed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from ..protocol.stepwise import STEP, between, end_of, join, matches, pieces, search
from .caching import cached
from .open_strings import HEREDOC

MOST_INSTALLS = 100_000
"""Later commands of a cell stay as they are, so that ten megabytes of them take a second."""

MOST_HIDDEN = 100_000
"""Number of strings, comments and here-documents that are read. Later code is not changed."""

_LONGEST_COMMAND = STEP
"""Longer commands stay as they are."""

# The beginning of parts without commands: escaped characters, strings, comments and
# here-documents. The text of a here-document begins in the next line.
_HEREDOC = r"(?<!<)<<(?=-?[ \t]{0,400}['\"\\]?[A-Za-z_])"
_START = re.compile(rf"[\\'\"#]|{_HEREDOC}")
_START_OR_NEWLINE = re.compile(rf"[\\'\"#\n]|{_HEREDOC}")
_DOUBLE = re.compile(r"(?:[^\"\\]{1,4096}|\\[\s\S]){1,64}")
_ANSI_C = re.compile(r"(?:[^'\\]{1,4096}|\\[\s\S]){1,64}")
# Many short strings or escaped characters in a row.
_STRINGS = re.compile(r"(?:'[^']{0,64}'|\"(?:[^\"\\]|\\[\s\S]){0,64}\"|\\[^\r\n]){2,500}")
_JOINTS = re.compile(r"(?:\\\r?\n[ \t]*){1,500}")
_BEFORE_COMMENT = frozenset(" \t\r\n;&|(")

_MARK = re.compile(
    r"^[ \t]{0,200}(?P<mark>\$[ \t]{1,200}|!(?=[^\s!=(\[])|%(?=pip3?[ \t]))", re.MULTILINE
)

_COMMAND = re.compile(r"[^;&|()`\n]+")
_COMMAND_END = re.compile(r"[;&|()`\n]")
_WORD = re.compile(r"[^\s;&|()`]+")
# Words that may precede a command.
_BEFORE = frozenset(
    {"sudo", "env", "time", "command", "exec", "if", "then", "elif", "else", "while", "do"}
    | {"!", "{"}
)
_ASSIGNMENT = re.compile(r"\w+=")
_PIP = re.compile(r"(?:\S*/)?pip[\d.]*")
_VERBOSITY = re.compile(r"-[UIh]*[qv][UIhqv]*|--quiet|--verbose")


def without_marks(code: str) -> str:
    """``code`` without a leading ``!``, ``$ `` or ``%`` of ``%pip`` in its commands."""
    marks = (found.span("mark") for found in matches(_MARK, _bare(code)))
    return join(between(code, marks))


@cached
def quiet_pip(code: str) -> str:
    """``code`` with ``-qq`` for each ``pip install`` without an option for its verbosity."""
    if "pip" not in code or "install" not in code:
        return code
    ends = itertools.islice(_ends_of_installs(_bare(code)), MOST_INSTALLS)
    return join(between(code, ((end, end) for end in ends)), " -qq")


def _ends_of_installs(bare: str) -> Iterator[int]:
    start = 0
    for piece in pieces(bare, _COMMAND_END):
        # Only the last command of a piece can be longer than this limit.
        end_of_search = STEP + _LONGEST_COMMAND if "install" in piece else 0
        for command in _COMMAND.finditer(piece, 0, end_of_search):
            if len(command[0]) < _LONGEST_COMMAND and "install" in command[0]:
                end = _end_of_install(list(_WORD.finditer(command[0])))
                if end:
                    yield start + command.start() + end
        start += len(piece)


def _end_of_install(words: Sequence[re.Match[str]]) -> int:
    """The end of ``install`` in a command that should become quiet. 0 for other commands."""
    at = _first_of_command(words)
    pip = _end_of_pip(words, at)
    if not pip:
        return 0
    install = _after_options(words, pip)
    if install == len(words) or words[install][0] != "install":
        return 0
    if any(_VERBOSITY.fullmatch(word[0]) for word in words[at:]):
        return 0
    return words[install].end()


def _first_of_command(words: Sequence[re.Match[str]]) -> int:
    at = 0
    while at < len(words) and (words[at][0] in _BEFORE or _ASSIGNMENT.match(words[at][0])):
        is_sudo = words[at][0] == "sudo"
        at = _after_options(words, at + 1) if is_sudo else at + 1
    return at


def _end_of_pip(words: Sequence[re.Match[str]], at: int) -> int:
    """Number of the word after ``pip`` or ``python -m pip``. 0 for other commands."""
    if at < len(words) and _PIP.fullmatch(words[at][0]):
        return at + 1
    module = _after_options(words, at + 1)
    is_pip = module < len(words) and words[module - 1][0] == "-m" and words[module][0] == "pip"
    return module + 1 if is_pip and module > at + 1 else 0


def _after_options(words: Sequence[re.Match[str]], at: int) -> int:
    while at < len(words) and len(words[at][0]) > 1 and words[at][0][0] == "-":
        at += 1
    return at


def _bare(code: str) -> str:
    """``code`` with strings, comments and here-documents replaced by text of the same length.

    Continued lines become one line. Each string, comment and here-document becomes one word.
    """
    return join(_bare_parts(code))


def _bare_parts(code: str) -> Iterator[str]:
    heredocs: list[re.Match[str]] = []
    at = 0
    for _ in range(MOST_HIDDEN):
        found = search(_START_OR_NEWLINE if heredocs else _START, code, at)
        if found is None:
            yield code[at:]
            return
        yield code[at : found.start()]
        start, at = found.span()
        if found[0] == "\n":
            at = _end_of_heredocs(code, at, heredocs)
            text = "_" * (at - start - 2)
            yield f"\n{text}{code[at - 1]}" if at > start + 1 else "\n"
            heredocs = []
        elif heredoc := HEREDOC.match(code, start):
            at = heredoc.end()
            yield code[start:at]
            heredocs.append(heredoc)
        elif joints := _JOINTS.match(code, start):
            at = joints.end()
            yield " " * (at - start)
        else:
            at = _end_of_hidden(code, start)
            yield "_" * (at - start)
    yield "_" * (len(code) - at)


def _end_of_hidden(code: str, start: int) -> int:
    """The end of the string, comment or escaped character that begins at ``start``."""
    char, before = code[start], code[start - 1 : start]
    several = _STRINGS.match(code, start) if char != "#" and before != "$" else None
    if several:
        return several.end()
    if char == "\\":
        return min(len(code), start + 2)
    if char == "#":
        if before and before not in _BEFORE_COMMENT:
            return start + 1
        end = code.find("\n", start)
        return len(code) if end < 0 else end
    if char == "'" and before != "$":
        end = code.find("'", start + 1)
    else:
        end = end_of(_DOUBLE if char == '"' else _ANSI_C, code, start + 1)
    return len(code) if end < 0 else min(len(code), end + 1)


def _end_of_heredocs(code: str, at: int, heredocs: Iterable[re.Match[str]]) -> int:
    """The end of the here-documents whose text begins at ``at``, at most the end of ``code``."""
    for heredoc in heredocs:
        at = _end_of_heredoc(code, at, heredoc["end"], tabs=bool(heredoc["tabs"]))
    return at


def _end_of_heredoc(code: str, at: int, word: str, *, tabs: bool) -> int:
    while at < len(code):
        if not (tabs or code.startswith(word, at)):
            # Read only lines that begin with the word: there may be millions of others.
            at = code.find(f"\n{word}", at) + 1
            if not at:
                return len(code)
        end = code.find("\n", at)
        end = len(code) if end < 0 else end
        line = code[at:end].rstrip("\r")
        at = min(len(code), end + 1)
        if (line.lstrip("\t") if tabs else line) == word:
            break
    return at
