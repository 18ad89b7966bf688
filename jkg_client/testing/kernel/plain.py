"""Runs cells without IPython."""

from __future__ import annotations

import ast
import builtins
import codeop
import inspect
import linecache
import platform
import re
import rlcompleter
import sys
import traceback
import warnings
from collections.abc import Awaitable, Mapping
from types import CodeType, ModuleType
from typing import Any, Callable

from .console import Console
from .displays import Displays, mime_bundle
from .interrupts import code_begins
from .shells import Cell, Outcome, Reply, Shell
from .tracebacks import error_content

_MAGIC = re.compile(r"^[ \t]*(?:[!%?]|pip install\b|[\w., \t]+=[ \t]*[!%])|\?[ \t]*$", re.MULTILINE)


class UsageError(Exception):
    """A cell that only IPython understands."""


class PlainShell(Shell):
    """Runs cells in plain Python."""

    count: int = 1

    def __init__(self) -> None:
        self._module = ModuleType("__main__")
        self._history: list[tuple[str, str | None]] = []
        self._shown: str | None = None
        self._files = 0
        self._payload: list[dict[str, Any]] = []
        self._exits = False
        self._is_silent = False
        self._console: Console | None = None
        self.namespace.update(In=[""], Out={}, __builtins__=builtins)

    @property
    def namespace(self) -> dict[str, Any]:
        """The variables."""
        return vars(self._module)

    @property
    def info(self) -> Reply:
        """Implementation, version and banner."""
        version = platform.python_version()
        return {"implementation": "python", "implementation_version": version,
                "banner": f"Python {version}\n"}  # fmt: skip

    def connect(self, console: Console) -> Mapping[str, Callable[[Any], None]]:
        self._console = console
        # pickle and multiprocessing look here for functions and classes of cells.
        sys.modules["__main__"] = self._module
        displays = Displays(console.say)
        found = {
            "display": displays.display,
            "update_display": displays.update_display,
            "clear_output": displays.clear_output,
            "exit": self._exit,
            "quit": self._exit,
        }
        vars(builtins).update(found)
        sys.displayhook = self._show
        return {}

    def run(self, cell: Cell) -> Outcome | Awaitable[Outcome]:
        self._payload, self._exits, self._shown = [], False, None
        self._is_silent = cell.silent
        if _is_remembered(cell):
            self.namespace["In"].append(cell.code)
        try:
            codes = self._compiled(cell)
            if any(code.co_flags & inspect.CO_COROUTINE for code in codes):
                return self._run_awaiting(cell, codes)
            code_begins()
            for code in codes:
                eval(code, self.namespace)  # noqa: S307 - running code is the purpose
        except BaseException as exc:  # noqa: BLE001 - every error of a cell is its outcome
            return self._failed(cell, exc)
        return self._succeeded(cell)

    async def _run_awaiting(self, cell: Cell, codes: list[CodeType]) -> Outcome:
        try:
            for code in codes:
                value = eval(code, self.namespace)  # noqa: S307 - running code is the purpose
                if code.co_flags & inspect.CO_COROUTINE:
                    await value
        except BaseException as exc:  # noqa: BLE001 - a cancelled cell has an outcome, too
            return self._failed(cell, exc)
        return self._succeeded(cell)

    def _succeeded(self, cell: Cell) -> Outcome:
        values = {name: self._value(text) for name, text in cell.user_expressions.items()}
        self.skip(cell)
        return Outcome(payload=tuple(self._payload), user_expressions=values, exits=self._exits)

    def _failed(self, cell: Cell, exc: BaseException) -> Outcome:
        if isinstance(exc, SystemExit):
            sys.stderr.write("UserWarning: To exit: use 'exit', 'quit', or Ctrl-D.\n")
        error = error_content(exc)
        if self._console is not None:
            self._console.say("error", error)
        self.skip(cell)
        return Outcome(error=error, payload=tuple(self._payload))

    def _show(self, value: Any) -> None:
        if value is None or self._is_silent or self._console is None:
            return
        data, metadata = mime_bundle(value)
        self.namespace["_"] = self.namespace["Out"][self.count] = value
        self._shown = data.get("text/plain")
        content = {"data": data, "metadata": metadata, "execution_count": self.count}
        self._console.say("execute_result", content)

    def _value(self, expression: str) -> dict[str, Any]:
        try:
            data, metadata = mime_bundle(eval(expression, self.namespace))  # noqa: S307
        except Exception as exc:  # noqa: BLE001 - the error becomes the value
            lines = traceback.format_exception_only(type(exc), exc)
            return {"status": "error", **error_content(exc), "traceback": lines}
        return {"status": "ok", "data": data, "metadata": metadata}

    def _exit(self, keep_kernel: bool = False) -> None:
        self._exits = not keep_kernel
        self._payload.append({"source": "ask_exit", "keepkernel": keep_kernel})

    def _compiled(self, cell: Cell) -> list[CodeType]:
        code = cell.code
        self._files += 1
        # Each file has its own name, so that tracebacks find the lines of earlier cells.
        file = f"Cell In[{self.count}]" if _is_remembered(cell) else f"<cell {self._files}>"
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        try:
            tree = _compile(code, file, "exec", ast.PyCF_ONLY_AST)
        except SyntaxError:
            found = _MAGIC.search(code)
            if found is None:
                raise
            line = code[found.start() :].strip().partition("\n")[0]
            raise UsageError(_needs_ipython(line)) from None
        shown: list[ast.stmt] = []
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";"):
            shown.append(tree.body.pop())
        # In the mode "single", Python passes the value of an expression to sys.displayhook.
        return [_compile(tree, file, "exec"), _compile(ast.Interactive(shown), file, "single")]

    def skip(self, cell: Cell) -> None:
        if _is_remembered(cell) and cell.code.strip():
            self.count += 1
            self._history.append((cell.code, self._shown))

    def complete(self, code: str, cursor: int) -> Reply:
        found = re.search(r"[\w.]*$", code[:cursor])
        text = found.group() if found else ""
        completer = rlcompleter.Completer({**vars(builtins), **self.namespace})
        matches: list[str] = []
        while (match := completer.complete(text, len(matches))) is not None:
            matches.append(match.rstrip("( :)"))
        return {
            "matches": sorted(set(matches)),
            "cursor_start": cursor - len(text),
            "cursor_end": cursor,
            "metadata": {},
        }

    def inspect(self, code: str, cursor: int, detail: int) -> Reply:  # noqa: ARG002
        before = re.search(r"[\w.]*$", code[:cursor])
        after = re.match(r"\w*", code[cursor:])
        name = (before.group() if before else "") + (after.group() if after else "")
        try:
            value = eval(name, self.namespace)  # noqa: S307 - the client asks for it
        except Exception:  # noqa: BLE001 - no such object
            return {"found": False, "data": {}, "metadata": {}}
        return {"found": True, "data": {"text/plain": _described(name, value)}, "metadata": {}}

    def is_complete(self, code: str) -> Reply:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                whole = codeop.compile_command(code, symbol="exec") is not None
            except (SyntaxError, ValueError, OverflowError):
                return {"status": "invalid"}
        lines, _, end = code.rpartition("\n")
        last = code.rstrip("\n").rpartition("\n")[2]
        indent = last[: len(last) - len(last.lstrip())]
        # A blank line ends a block, as in IPython.
        if whole and (not indent or (lines and not end.strip())):
            return {"status": "complete"}
        deeper = "    " if last.rstrip().endswith(":") else ""
        return {"status": "incomplete", "indent": indent + deeper}

    def history(self) -> list[tuple[str, str | None]]:
        return self._history

    def comms(self) -> dict[str, str]:
        return {}


def _is_remembered(cell: Cell) -> bool:
    return not cell.silent and cell.store_history


def _needs_ipython(line: str) -> str:
    return (
        f"this kernel runs plain Python, and {line!r:.80} is for IPython: install ipython where"
        " the tests run, or script the cell by FakeGateway.script"
    )


def _described(name: str, value: Any) -> str:
    lines = [f"Type:      {type(value).__name__}", f"Docstring: {inspect.getdoc(value)}"]
    try:
        lines.insert(0, f"Signature: {name}{inspect.signature(value)}")
    except (TypeError, ValueError):
        lines.insert(0, f"String form: {value!r}")
    return "\n".join(lines)


def _compile(source: Any, file: str, mode: str, flags: int = 0) -> Any:
    # Do not use ast.parse: its call would appear in the traceback of a syntax error.
    return compile(source, file, mode, flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
