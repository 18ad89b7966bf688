"""The few things that cells may say beyond Python: ``!command``, ``%magic``, ``obj?``.

Not IPython: what agents write all the time, so that their tests need no script.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Protocol

from .captures import CapturedIO
from .shell_commands import Commands

LINE = re.compile(r"^(?P<indent>\s*)(?P<mark>[!%])(?!%)(?P<rest>.*)$")
CAPTURED = re.compile(r"^(?P<target>\s*[\w, ]+=\s*)(?P<mark>[!%])(?P<rest>.*)$")
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
    if captured and captured["mark"] == "!":
        return f"{captured['target']}get_ipython().getoutput({captured['rest']!r})"
    if captured:
        return f"{captured['target']}{_line_magic(captured['rest'])}"
    found = LINE.match(line)
    if not found:
        return line
    if found["mark"] == "!":
        return f"{found['indent']}get_ipython().system({found['rest']!r})"
    return f"{found['indent']}{_line_magic(found['rest'])}"


def _line_magic(text: str) -> str:
    name, _, rest = text.partition(" ")
    return f"get_ipython().run_line_magic({name!r}, {rest.strip()!r})"


class Console(Protocol):
    """Where magics print, and where they leave what goes into the reply."""

    payload: list[dict[str, Any]]
    namespace: dict[str, Any]

    def write(self, name: str, text: str) -> None:
        """Print ``text`` on the stream ``name``."""

    def evaluate(self, code: str) -> Any:
        """The value of code that stands behind a magic."""

    def show(self, value: Any) -> None:
        """Show the value of a cell, unless it has none."""

    def capture(self, kinds: set[str] | None) -> CapturedIO | None:
        """Keep from now on what the cell says, for None say it again; what keeps it."""

    def fail(self, exc: Exception) -> None:
        """Show an error with which the cell does not end."""

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

    def run_line_magic(self, name: str, line: str) -> Any:
        """Run ``%name line``; its value."""
        if name == "time":
            return self._time(line)
        if name == "env":
            return self._env(line)
        if name == "pip":
            self._commands.run(
                [sys.executable, "-m", "pip", *shlex.split(line)],
                lambda text: self._console.write("stdout", text),
            )
        elif name not in {"matplotlib", "load_ext", "autoreload", "config"}:
            raise UsageError(f"Line magic function `%{name}` not found.")
        return None

    def run_cell_magic(self, name: str, line: str, cell: str) -> Any:
        """Run ``%%name line`` on the rest of the cell; its value."""
        if name not in {"bash", "capture", "script", "sh", "time", "writefile"}:
            raise UsageError(f"Cell magic `%%{name}` not found.")
        if not cell:
            about = " Did you mean the line magic %time (single %)?" if name == "time" else ""
            raise UsageError(f"%%{name} is a cell magic, but the cell body is empty.{about}")
        if name == "time":
            if line:
                raise UsageError("Can't use statement directly after '%%time'!")
            return self._time(cell)
        if name == "capture":
            self._capture(line.split(), cell)
        elif name == "writefile":
            Path(line).write_text(cell, encoding="utf-8")
            self._console.write("stdout", f"Writing {line}\n")
        else:
            self._script(shlex.split(line) if name == "script" else [name], cell)
        return None

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

    def _time(self, code: str) -> Any:
        before, began = os.times(), time.perf_counter()
        try:
            return self._console.evaluate(code)
        finally:
            wall, after = time.perf_counter() - began, os.times()
            user, system = after.user - before.user, after.system - before.system
            cpu = f"user {_span(user)}, sys: {_span(system)}, total: {_span(user + system)}"
            self._console.write("stdout", f"CPU times: {cpu}\nWall time: {_span(wall)}\n")

    def _env(self, line: str) -> Any:
        env = self._commands.env
        name, equals, value = line.partition("=") if "=" in line else line.partition(" ")
        if not line:
            return {name: _unless_secret(name, value) for name, value in env.items()}
        if not equals and name not in env:
            raise UsageError(f"Environment does not have key: {name}")
        if not equals:
            return env[name]
        name, value = name.strip(), value.strip()
        if re.search(r"\s", name):
            raise UsageError(f"refusing to set env var with whitespace: {value!r}")
        env[name] = value
        self._console.write("stdout", f"env: {name}={value}\n")
        return None

    def _capture(self, words: list[str], cell: str) -> None:
        options = {f"--no-{kind}": kind for kind in ("stdout", "stderr", "display")}
        names = [word for word in words if word not in options]
        if len(names) > 1 or any(name.startswith("-") for name in names):
            raise UsageError(f"unrecognized arguments: {' '.join(names[1:] or names)}")
        kept = {kind for option, kind in options.items() if option not in words}
        failure = None
        captured = self._console.capture(kept)
        try:
            self._console.show(self._console.evaluate(cell))
        except Exception as exc:  # noqa: BLE001 - shown, and no failure of the cell
            failure = exc
        finally:
            self._console.capture(None)
        if failure is not None:
            self._console.fail(failure)
        self.user_ns.update(dict.fromkeys(names, captured))

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


def _span(seconds: float) -> str:
    for unit, length in (("s", 1.0), ("ms", 1e-3), ("μs", 1e-6)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _unless_secret(name: str, value: str) -> str:
    return "<hidden>" if re.search("key|token|secret", name, re.IGNORECASE) else value
