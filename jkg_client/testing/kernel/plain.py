"""Cells without IPython: Python, the value of the last expression, rich display."""

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
from .shells import Cell, Outcome, Reply, Shell
from .tracebacks import error_content

_MAGIC = re.compile(r"^[ \t]*(?:[!%?]|pip install\b|[\w., \t]+=[ \t]*[!%])|\?[ \t]*$", re.MULTILINE)


class UsageError(Exception):
    """A cell that only IPython understands."""


class PlainShell(Shell):
    """The variables of one kernel and the code that ran in it."""

    count: int = 1

    def __init__(self) -> None:
        self._module = ModuleType("__main__")
        self._history: list[tuple[str, str | None]] = []
        self._shown: str | None = None
        self._files = 0
        self._payload: list[dict[str, Any]] = []
        self._exits = False
        self._console: Console | None = None
        self.namespace.update(In=[""], Out={}, __builtins__=builtins)

    @property
    def namespace(self) -> dict[str, Any]:
        """The variables."""
        return vars(self._module)

    @property
    def info(self) -> Reply:
        """What the kernel is."""
        version = platform.python_version()
        return {"implementation": "python", "implementation_version": version,
                "banner": f"Python {version}\n"}  # fmt: skip

    def connect(self, console: Console) -> Mapping[str, Callable[[Any], None]]:
        self._console = console
        # Here pickle and multiprocessing look for what cells define.
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
        return {}

    def run(self, cell: Cell) -> Outcome | Awaitable[Outcome]:
        self._payload, self._exits, self._shown = [], False, None
        if _is_remembered(cell):
            self.namespace["In"].append(cell.code)
        try:
            codes, is_shown = self._compiled(cell)
        except Exception as exc:  # noqa: BLE001 - its error is its value
            return self._failed(cell, exc)
        if any(code.co_flags & inspect.CO_COROUTINE for code in codes):
            return self._run_awaiting(cell, codes, is_shown)
        try:
            values = [eval(code, self.namespace) for code in codes]  # noqa: S307 - what it is for
            return self._succeeded(cell, values[-1] if is_shown else None)
        except BaseException as exc:  # noqa: BLE001 - that it is cancelled, too
            return self._failed(cell, exc)

    async def _run_awaiting(self, cell: Cell, codes: list[CodeType], is_shown: bool) -> Outcome:
        try:
            for code in codes:
                value = eval(code, self.namespace)  # noqa: S307 - what a kernel is for
                value = await value if code.co_flags & inspect.CO_COROUTINE else value
            return self._succeeded(cell, value if is_shown else None)
        except BaseException as exc:  # noqa: BLE001 - that it is cancelled, too
            return self._failed(cell, exc)

    def _succeeded(self, cell: Cell, value: Any) -> Outcome:
        if value is not None and not cell.silent:
            self._show(value)
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
        self.namespace["_"] = self.namespace["Out"][self.count] = value
        data, metadata = mime_bundle(value)
        self._shown = data.get("text/plain")
        content = {"data": data, "metadata": metadata, "execution_count": self.count}
        if self._console is not None:
            self._console.say("execute_result", content)

    def _value(self, expression: str) -> dict[str, Any]:
        try:
            data, metadata = mime_bundle(eval(expression, self.namespace))  # noqa: S307
        except Exception as exc:  # noqa: BLE001 - its error is its value
            lines = traceback.format_exception_only(type(exc), exc)
            return {"status": "error", **error_content(exc), "traceback": lines}
        return {"status": "ok", "data": data, "metadata": metadata}

    def _exit(self, keep_kernel: bool = False) -> None:
        self._exits = not keep_kernel
        self._payload.append({"source": "ask_exit", "keepkernel": keep_kernel})

    def _compiled(self, cell: Cell) -> tuple[list[CodeType], bool]:
        code = cell.code
        self._files += 1
        # Names are not used again: functions of earlier cells show their lines, too.
        file = f"Cell In[{self.count}]" if _is_remembered(cell) else f"<cell {self._files}>"
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        try:
            tree = ast.parse(code, file)
        except SyntaxError:
            found = _MAGIC.search(code)
            if found is None:
                raise
            line = code[found.start() :].strip().partition("\n")[0]
            raise UsageError(_needs_ipython(line)) from None
        last = tree.body[-1] if tree.body else None
        is_shown = isinstance(last, ast.Expr) and not code.rstrip().endswith(";")
        if is_shown:
            tree.body.pop()
        codes = [_compile(tree, file, "exec")]
        if is_shown and isinstance(last, ast.Expr):
            codes.append(_compile(ast.Expression(last.value), file, "eval"))
        return codes, is_shown

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
        except Exception:  # noqa: BLE001 - then there is no such object
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


def _compile(tree: Any, file: str, mode: str) -> CodeType:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code: CodeType = compile(tree, file, mode, flags, dont_inherit=True)
    return code
