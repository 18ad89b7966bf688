"""The few things that cells may say beyond Python: ``!command``, ``%magic``, ``obj?``.

Not IPython: what agents write all the time, so that their tests need no script.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

from .shell_commands import Commands

LINE = re.compile(r"^(?P<indent>\s*)(?P<mark>[!%])(?!%)(?P<rest>.*)$")
CAPTURED = re.compile(r"^(?P<target>\s*[\w, ]+=\s*)!(?P<rest>.*)$")
CELL = re.compile(r"\A\s*%%(?P<name>\w+)[ \t]*(?P<line>[^\n]*)\n?(?P<body>.*)\Z", re.DOTALL)
HELP = re.compile(r"\A\s*(?:\?{1,2}(?P<after>[\w.]+)|(?P<before>[\w.]+)\?{1,2})\s*\Z")


class UsageError(Exception):
    """A magic that does not exist; said in one line on stderr, without a traceback."""


def to_python(code: str) -> str:
    """``code`` with everything that is not Python turned into calls of ``get_ipython()``."""
    cell = CELL.match(code)
    if cell:
        name, line, body = cell.group("name", "line", "body")
        return f"get_ipython().run_cell_magic({name!r}, {line!r}, {body!r})"
    asked = HELP.match(code)
    if asked:
        return f"get_ipython().page({asked['after'] or asked['before']!r})"
    if "!" not in code and "%" not in code:
        return code
    return "\n".join(map(_line_to_python, code.split("\n")))


def _line_to_python(line: str) -> str:
    captured = CAPTURED.match(line)
    if captured:
        return f"{captured['target']}get_ipython().getoutput({captured['rest']!r})"
    found = LINE.match(line)
    if not found:
        return line
    if found["mark"] == "!":
        return f"{found['indent']}get_ipython().system({found['rest']!r})"
    name, _, rest = found["rest"].partition(" ")
    return f"{found['indent']}get_ipython().run_line_magic({name!r}, {rest.strip()!r})"


class Console(Protocol):
    """Where magics print, and where they leave what goes into the reply."""

    payload: list[dict[str, Any]]
    namespace: dict[str, Any]

    def write(self, name: str, text: str) -> None:
        """Print ``text`` on the stream ``name``."""

    def describe(self, name: str) -> str | None:
        """What there is to say about an object; None if there is none of that name."""


class Magics:
    """What ``get_ipython()`` returns in a cell."""

    def __init__(self, console: Console, commands: Commands) -> None:
        self._console = console
        self._commands = commands

    @property
    def user_ns(self) -> dict[str, Any]:
        """The variables of the cells."""
        return self._console.namespace

    def system(self, command: str) -> None:
        """Run a ``!command``; that it fails is no error."""
        # Real kernels give it a terminal: hence the line ends, and that an interrupt ends
        # the command, but not the cell.
        self.user_ns["_exit_code"] = 130
        try:
            self.user_ns["_exit_code"] = self._commands.run(
                command, lambda text: self._console.write("stdout", text.replace("\n", "\r\n"))
            )
        except KeyboardInterrupt:
            self._console.write("stdout", "^C\r\n")

    def getoutput(self, command: str) -> list[str]:
        """The lines that a command prints."""
        chunks: list[str] = []
        self._commands.run(command, chunks.append)
        return "".join(chunks).splitlines()

    def run_line_magic(self, name: str, line: str) -> None:
        """Run ``%name line``."""
        if name == "pip":
            self._commands.run(
                [sys.executable, "-m", "pip", *shlex.split(line)],
                lambda text: self._console.write("stdout", text),
            )
        elif name not in {"matplotlib", "load_ext", "autoreload", "config"}:
            raise UsageError(f"Line magic function `%{name}` not found.")

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """Run ``%%name line`` on the rest of the cell."""
        if name == "writefile":
            Path(line).write_text(cell, encoding="utf-8")
            self._console.write("stdout", f"Writing {line}\n")
        elif name in {"bash", "sh", "script"}:
            self._script(shlex.split(line) if name == "script" else [name], cell)
        else:
            raise UsageError(f"Cell magic `%%{name}` not found.")

    def page(self, name: str) -> None:
        """Answer ``name?`` in the reply, or say that there is nothing of that name."""
        text = self._console.describe(name)
        if text is None:
            self._console.write("stdout", f"Object `{name}` not found.\n")
        else:
            page = {"source": "page", "data": {"text/plain": text}, "start": 0}
            self._console.payload.append(page)

    def set_next_input(self, text: str, replace: bool = False) -> None:
        """Ask the front end to put ``text`` into the next cell."""
        said = {"source": "set_next_input", "text": text, "replace": replace}
        self._console.payload.append(said)

    def _script(self, argv: list[str], body: str) -> None:
        script = body if body.endswith("\n") else f"{body}\n"
        code = self._commands.run(
            argv,
            lambda text: self._console.write("stdout", text),
            lambda text: self._console.write("stderr", text),
            stdin=script,
        )
        if code:
            raise subprocess.CalledProcessError(code, script.encode())
