"""Extracts the typed code from a session with prompts and outputs."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

from attrs import define, field

from ..protocol.stepwise import join, search
from .open_strings import HereDocuments

# ``$ ``, ``me@host:~/x$ ``, ``[me@host x]$ ``, ``root@host:/# ``, ``me@mac x % ``, ``bash-5.1$ ``,
# ``mac:~ me$ ``, ``~/x $ ``, ``% ``, ``\u276f ``, ``\u279c  x git:(main) ``
_PROMPT = (
    r"^[ \t]{0,200}(?:\([\w.-]{1,50}\) )?(?=[\w.\[~/$%\u276f\u279c-])"
    r"(?:(?:\[?[\w.-]{1,50}(?:@[\w.-]{1,50}[: ][^\s$#%]{0,200} ?[$#%]"
    r"|:[~/][^\s$#%]{0,200} [\w.-]{0,50}\$)|(?:ba|da|z)?sh-[\d.]{1,9}[$#]"
    r"|[~/][^\s$#%]{0,200} ?[$%]|\$|(?<![^\n])%|\u276f)[ \t]"
    r"|\u279c {1,2}[^\s$#%]{1,200} (?:git:\([^\s()]{1,100}\) )?(?:\u2717 )?)"
)
_SHELL_PROMPT = re.compile(_PROMPT, re.MULTILINE)
_STATEMENT = r"(?:for|while|until|if|case|select)(?![\w-])"
# Commands of one line each. Many are read at once, because there may be millions.
_SHORT_COMMANDS = re.compile(
    rf"(?:{_PROMPT}(?:(?!{_STATEMENT})[ \w./=,:@%+~*?!$|&;()>-]|<(?!<)"
    rf"|'[^'\\\n]{{0,500}}'|\"[^\"\\\n]{{0,500}}\"){{0,500}}(?<![|&])(?:\n|\Z)){{1,500}}",
    re.MULTILINE,
)
# Where a command begins. Elsewhere, "for" and "done" are ordinary words.
_BEGIN = r"(?:^|[;&|({]|(?<![\w-])(?:do|then|else|in))[ \t]{0,200}"
_OUT_OF_QUOTES = re.compile(
    r"\\.|['\"]|(?<!\S)#.*"
    rf"|(?P<begins>\{{(?!\S)|{_BEGIN}{_STATEMENT})"
    rf"|(?P<ends>{_BEGIN}(?:\}}|(?:done|fi|esac)(?![\w-])))"
)
_IN_QUOTES = re.compile(r"\\.|['\"]")
_COMMENTS = re.compile(r"(?:[ \t]{0,200}(?:#(?! ?!).{0,1000})?\r?\n){1,50}")
_MORE_PROMPT = re.compile(r"[ \t]{0,200}> ?")
_MOST_LINES = 100_000
"""A session with more lines that have to be read one by one stays as it is."""
_PYTHON_PROMPT = re.compile(r"(?P<indent>[ \t]{0,200})(?:>>>|In \[\d*\]:)(?: |\r?$)", re.MULTILINE)
_MORE = re.compile(r"[ \t]{0,200}(?:\.\.\.:?)(?: |$)")


def is_shell_session(code: str) -> bool:
    """Whether ``code`` begins with the prompt of a shell, perhaps after comments."""
    return bool(_SHELL_PROMPT.match(code, _after_comments(code)))


def _after_comments(code: str) -> int:
    """The first line of ``code`` that is neither blank nor a comment."""
    found = _COMMENTS.match(code)
    return found.end() if found else 0


def shell_commands(session: str) -> str:
    """The commands after the prompts of a shell.

    All of ``session`` if it has no prompt, or if it is far too long.
    """
    typed: list[str] = []
    command = _Command()
    at, left = 0, _MOST_LINES
    while at <= len(session):
        if not command.goes_on:
            # Skip the lines of output, of which there may be millions.
            found = search(_SHELL_PROMPT, session, at)
            if found is None:
                break
            at = found.start()
            short = _SHORT_COMMANDS.match(session, at)
            if short:
                typed.append(_SHELL_PROMPT.sub("", short[0].removesuffix("\n")))
                at = short.end()
                continue
        left -= 1
        if left < 0:
            return session
        end = session.find("\n", at)
        line = session[at : end if end >= 0 else len(session)]
        at += len(line) + 1
        prompt = None if command.is_data else _SHELL_PROMPT.match(line)
        if command.goes_on:
            prompt = prompt or _MORE_PROMPT.match(line)
        typed.append(line[prompt.end() :] if prompt else line)
        command.feed(typed[-1])
    return join(typed, "\n") if typed else session


@define
class _Command:
    """Finds out whether a shell command goes on in the next line.

    Attributes:
        goes_on: Whether the command goes on in the next line.
        is_data: Whether the next line belongs to a here-document.
    """

    goes_on: bool = False
    is_data: bool = False
    _heredocs: HereDocuments = field(factory=HereDocuments)
    _quote: str = ""
    _depth: int = 0  # of loops, conditions and braces

    def feed(self, line: str) -> None:
        was_data = self.is_data
        self._heredocs.feed(line)
        self.is_data = self._heredocs.is_open
        if not was_data:
            self._read(line)
        is_joined = line.endswith(("\\", "|", "&&"))
        self.goes_on = is_joined or bool(self._quote) or self._depth > 0 or self.is_data

    def _read(self, line: str) -> None:
        at = 0
        while found := (_IN_QUOTES if self._quote else _OUT_OF_QUOTES).search(line, at):
            at = found.end()
            if found[0] in ("'", '"'):
                quote = self._quote or found[0]
                self._quote = "" if self._quote == found[0] else quote
            elif not self._quote:
                self._depth += (found["begins"] is not None) - (found["ends"] is not None)


def is_python_session(code: str) -> bool:
    """Whether ``code`` begins with a Python prompt."""
    if ">>>" not in code and "In [" not in code:
        return False
    return bool(_PYTHON_PROMPT.match(code, _after_comments(code)))


def python_statements(session: str) -> str:
    """The code after the Python prompts. All of ``session`` if it has no prompt."""
    session = session.replace("\r\n", "\n")
    has_prompt = any(_PYTHON_PROMPT.match(line) for line in _lines(session))
    return join(_typed(_lines(session)), "\n") if has_prompt else session


def _lines(text: str) -> Iterator[str]:
    """The lines one by one, because splitting megabytes at once would stop all other threads."""
    for line in io.StringIO(text, newline="\n"):
        yield line.rstrip("\n")
    if text.endswith("\n"):
        yield ""


def _typed(lines: Iterable[str]) -> Iterator[str]:
    goes_on = False
    for line in lines:
        prompt = _PYTHON_PROMPT.match(line) or (_MORE.match(line) if goes_on else None)
        goes_on = prompt is not None
        if prompt:
            yield line[prompt.end() :]
